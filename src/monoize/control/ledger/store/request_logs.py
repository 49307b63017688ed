"""SQL of the request log: written many at once, and read newest first."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import func, or_, select

from monoize.contract.events import Charged
from monoize.control.edge.wire import Window
from monoize.control.ledger.model.requests import (
    AgentErrors,
    LoggedRequest,
    RecordedRequest,
    RequestFilter,
    RequestRecord,
)
from monoize.control.ledger.tables import request_logs
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

_columns = request_logs.c
_newest_first = (_columns.created_at_unix_ms.desc(), _columns.id.desc())
_shown: Final = (
    _columns.id,
    _columns.request_id,
    _columns.user_id,
    _columns.api_key_id,
    _columns.model,
    _columns.status,
    _columns.is_stream,
    _columns.request_kind,
    _columns.input_tokens,
    _columns.output_tokens,
    _columns.cache_read_tokens,
    _columns.cache_creation_tokens,
    _columns.reasoning_tokens,
    _columns.charge_nano_usd,
    _columns.cache_hit,
    _columns.error_code,
    _columns.error_http_status,
    _columns.duration_ms,
    _columns.ttfb_ms,
    _columns.request_ip,
    _columns.created_at,
    _columns.created_at_unix_ms,
)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)


async def known(tx: Tx, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    query = select(_columns.id).where(is_one_of(tx, _columns.id, ids))
    return set((await tx.execute(query)).scalars())


async def add(tx: Tx, events: Sequence[Charged]) -> None:
    await insert_many(tx, request_logs, [_row(event) for event in events])


def _row(event: Charged) -> dict[str, Any]:
    assert event.log is not None
    about = msgspec.structs.asdict(event.log)
    multiplier = about.pop("multiplier")
    return {
        **about,
        "is_stream": int(event.log.is_stream),
        "cache_hit": None if event.log.cache_hit is None else int(event.log.cache_hit),
        "provider_multiplier": multiplier,
        "id": event.id,
        "request_id": event.request_id,
        "user_id": event.user_id,
        "api_key_id": event.api_key_id,
        "charge_nano_usd": event.charge_nano,
        "billing_breakdown_json": bytes(event.breakdown).decode(),
        "created_at": dt.datetime.fromtimestamp(event.at_ms / 1000, dt.UTC),
        "created_at_unix_ms": event.at_ms,
    }


async def page(tx: Tx, window: Window, wanted: RequestFilter) -> Sequence[LoggedRequest]:
    query = select(*_shown).order_by(*_newest_first).limit(window.limit + 1)
    if window.after:
        at, _, id = window.after.partition(" ")
        at_ms = int(at)
        # The first condition says nothing new, but it is one that an index is searched by.
        query = query.where(
            _columns.created_at_unix_ms <= at_ms, or_(_columns.created_at_unix_ms < at_ms, _columns.id < id)
        )
    for column, value in (
        (_columns.user_id, wanted.user_id),
        (_columns.api_key_id, wanted.api_key_id),
        (_columns.model, wanted.model),
        (_columns.status, wanted.status),
        (_columns.request_id, wanted.request_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(_columns.created_at_unix_ms >= _next_ms(wanted.since))
    if wanted.until is not None:
        query = query.where(_columns.created_at_unix_ms < _next_ms(wanted.until))
    return [_request(row) for row in (await tx.execute(query)).mappings()]


async def newest_ids(tx: Tx, *, user_id: str | None, after: str, most: int) -> Sequence[str]:
    """Of this user or of anybody, those that ended last first."""
    query = select(_columns.id).where(_columns.id > after).order_by(_columns.id.desc()).limit(most)
    if user_id is not None:
        query = query.where(_columns.user_id == user_id)
    return (await tx.execute(query)).scalars().all()


async def with_ids(tx: Tx, ids: Collection[str]) -> Sequence[LoggedRequest]:
    """In the order in which they ended."""
    if not ids:
        return []
    query = select(*_shown).where(is_one_of(tx, _columns.id, ids)).order_by(_columns.id)
    return [_request(row) for row in (await tx.execute(query)).mappings()]


async def with_request_ids(tx: Tx, request_ids: Collection[str]) -> Sequence[LoggedRequest]:
    if not request_ids:
        return []
    query = select(*_shown).where(is_one_of(tx, _columns.request_id, request_ids))
    return [_request(row) for row in (await tx.execute(query)).mappings()]


async def newest(tx: Tx, request_id: str, *, user_id: str | None) -> RequestRecord | None:
    """Of this user, or of anybody."""
    # Of one id there are hardly two; asked for in order, an engine may look through all that are newer.
    query = select(request_logs).where(_columns.request_id == request_id)
    if user_id is not None:
        query = query.where(_columns.user_id == user_id)
    found = (await tx.execute(query)).mappings().all()
    if not found:
        return None
    row = max(found, key=lambda row: (row["created_at_unix_ms"], row["id"]))
    return RequestRecord(
        request=_request({column.name: row[column.name] for column in _shown}),
        provider_id=row["provider_id"],
        channel_id=row["channel_id"],
        upstream_model=row["upstream_model"],
        multiplier=row["provider_multiplier"],
        error_message=row["error_message"],
        tried_json=row["tried_providers_json"],
        breakdown_json=row["billing_breakdown_json"],
        agent_record_id=row["agent_record_id"],
        decisions_json=row["decisions_json"],
    )


async def decided(
    tx: Tx, saying: str, *, record_id: str | None, since: dt.datetime, until: dt.datetime, most: int
) -> Sequence[tuple[str, int, str]]:
    """(record, moment in milliseconds, decisions) of requests whose decisions have these words in them."""
    query = (
        select(_columns.agent_record_id, _columns.created_at_unix_ms, _columns.decisions_json)
        .where(
            _columns.created_at_unix_ms >= _next_ms(since),
            _columns.created_at_unix_ms < _next_ms(until),
            _columns.agent_record_id.is_not(None) if record_id is None else _columns.agent_record_id == record_id,
            _columns.decisions_json.contains(saying, autoescape=True),
        )
        .order_by(*_newest_first)
        .limit(most)
    )
    rows = await tx.execute(query)
    return [(row.agent_record_id, row.created_at_unix_ms, row.decisions_json) for row in rows]


async def recorded(
    tx: Tx, record_id: str, *, since: dt.datetime, until: dt.datetime, most: int
) -> Sequence[RecordedRequest]:
    at_ms = _columns.created_at_unix_ms
    wanted = _columns.agent_record_id == record_id, at_ms >= _next_ms(since), at_ms < _next_ms(until)
    # Calls of tools are judged by other gates.
    of_model = _columns.request_kind.is_(None) | (_columns.request_kind != "mcp")
    query = select(request_logs).where(*wanted, of_model).order_by(*_newest_first).limit(most)
    return [
        RecordedRequest(
            request_id=row.request_id or row.id,
            user_id=row.user_id,
            at=row.created_at,
            model=row.model,
            # Those that came from a cache are among them.
            input_tokens=row.input_tokens or 0,
            output_tokens=row.output_tokens,
            charge_nano_usd=row.charge_nano_usd if row.output_tokens is not None else None,
        )
        for row in await tx.execute(query)
    ]


def _request(row: Mapping[Any, Any]) -> LoggedRequest:
    cache_hit = row["cache_hit"]
    switches = {"is_stream": bool(row["is_stream"]), "cache_hit": None if cache_hit is None else bool(cache_hit)}
    return LoggedRequest(**{**row, **switches})


def _next_ms(moment: dt.datetime) -> int:
    """The first whole millisecond that is not before it."""
    return -((_EPOCH - moment) // _MILLISECOND)


async def refusals_of_agents(tx: Tx, since: dt.datetime, codes: Sequence[str], most: int) -> Sequence[AgentErrors]:
    count = func.count().label("count")
    alike = _columns.agent_record_id, _columns.error_code
    refused = _columns.error_code.in_(codes), _columns.created_at_unix_ms >= (since - _EPOCH) // _MILLISECOND
    query = (
        select(*alike, func.min(_columns.model).label("model"), count)
        .where(*refused, _columns.agent_record_id.is_not(None))
        .group_by(*alike)
        .limit(most)
    )
    return [
        AgentErrors(row.agent_record_id, row.error_code, row.model, row._mapping["count"])
        for row in await tx.execute(query)
    ]


async def errors_of_agents(tx: Tx, since: dt.datetime, most: int) -> Sequence[AgentErrors]:
    count = func.count().label("count")
    alike = _columns.agent_record_id, _columns.error_code, _columns.model
    failed = _columns.status == "error", _columns.created_at_unix_ms >= (since - _EPOCH) // _MILLISECOND
    # As decisions are written: without a space.
    was_sent = or_(_columns.decisions_json.is_(None), _columns.decisions_json.not_like('%"verdict":"deny"%'))
    query = (
        select(*alike, count)
        .where(*failed, _columns.agent_record_id.is_not(None), was_sent)
        .group_by(*alike)
        .order_by(count.desc())
        .limit(most)
    )
    return [
        AgentErrors(row.agent_record_id, row.error_code, row.model, row._mapping["count"])
        for row in await tx.execute(query)
    ]
