"""/api/ledger/entries, days, verification: what was charged and paid, and whether the book is right."""

import csv
import datetime as dt
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from starlette.responses import StreamingResponse

from monoize.base.clock import utc_now
from monoize.base.money import usd_of_nano
from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.csv_cells import plain
from monoize.control.edge.here import HouseHere
from monoize.control.edge.owners import Everybody, Whose, one_owner, owner
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Instant, Page, Uuid, Window
from monoize.control.ledger.actions import statements, verification
from monoize.control.ledger.actions.verification import Verification
from monoize.control.ledger.model.entries import DaySums, Entry, EntryFilter
from monoize.control.ledger.model.kinds import KindName

router = Router(prefix="/ledger", tags=["ledger"])

_SUMMARY_DAYS: Final = 30
_CURSOR_CHARS_MOST: Final = 2000
_CSV_COLUMNS: Final = (
    "id",
    "created_at",
    "user_id",
    "api_key_id",
    "account",
    "kind",
    "request_id",
    "delta_usd",
    "balance_after_usd",
    "meta",
    "agent_id",
    "agent_record_id",
)


def wanted_entries(
    call: Annotated[Call, requires("self.read")],
    user_id: Whose = None,
    everybody: Everybody = False,
    key_id: Uuid | None = None,
    kind: KindName | None = None,
    agent_id: Annotated[Uuid | None, Query(description="Only of requests of this agent.")] = None,
    agent_record_id: Annotated[
        Uuid | None, Query(description="Only of requests of agents that this record governed.")
    ] = None,
    since: Instant | None = None,
    until: Instant | None = None,
) -> EntryFilter:
    return EntryFilter(
        user_id=owner(call, user_id, everybody=everybody),
        api_key_id=key_id,
        kind=kind,
        agent_id=agent_id,
        agent_record_id=agent_record_id,
        since=since,
        until=until,
    )


Wanted = Annotated[EntryFilter, Depends(wanted_entries)]


@router.get("/entries")
async def list_entries(
    house: HouseHere, window: Annotated[Window, Depends(uuid_window)], wanted: Wanted
) -> Page[Entry]:
    async with house.database.read() as tx:
        return await statements.list_entries(tx, window, wanted)


@router.get(
    "/entries.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_entries(house: HouseHere, wanted: Wanted) -> StreamingResponse:
    """All of them, as a table for spreadsheets; amounts in USD."""
    headers = {"content-disposition": 'attachment; filename="ledger.csv"'}
    parts = _csv(statements.every_entry(house.database, wanted))
    return StreamingResponse(parts, media_type="text/csv", headers=headers)


@router.get("/days")
async def sums_by_day(
    house: HouseHere,
    call: Annotated[Call, requires("self.read")],
    user_id: Whose = None,
    key_id: Uuid | None = None,
    since: Annotated[
        dt.date | None, Query(description="The first day; 30 days before `until` if left out.")
    ] = None,
    until: Annotated[dt.date | None, Query(description="The day after the last; tomorrow if left out.")] = None,
) -> DaySums:
    """What each day came to, by kind; days begin at midnight UTC."""
    end = until or utc_now().date() + dt.timedelta(days=1)
    begin = since or dt.date.fromordinal(max(1, end.toordinal() - _SUMMARY_DAYS))
    async with house.database.read() as tx:
        return await statements.sums_by_day(tx, one_owner(call, user_id), since=begin, until=end, api_key_id=key_id)


@router.get("/verification")
async def verify(
    house: HouseHere,
    call: Annotated[Call, requires("ledger.read")],
    cursor: Annotated[str | None, Query(max_length=_CURSOR_CHARS_MOST)] = None,
) -> Verification:
    """Recompute the next part of the book; continue with `cursor` until it is null."""
    async with house.database.read() as tx:
        return await verification.verify(tx, house.seal, cursor=cursor)


async def _csv(parts: AsyncIterator[Sequence[Entry]]) -> AsyncIterator[str]:
    yield _csv_lines([_CSV_COLUMNS])
    async for entries in parts:
        yield _csv_lines([_cells(entry) for entry in entries])


def _csv_lines(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cells(entry: Entry) -> Sequence[str]:
    after = entry.balance_after_nano_usd
    return (
        entry.id,
        entry.created_at.isoformat(),
        plain(entry.user_id),
        plain(entry.api_key_id or ""),
        entry.account,
        plain(entry.kind),
        plain(entry.request_id or ""),
        usd_of_nano(entry.delta_nano_usd),
        "" if after is None else usd_of_nano(after),
        plain(json.dumps(entry.meta, ensure_ascii=False)),
        plain(entry.agent_id or ""),
        plain(entry.agent_record_id or ""),
    )
