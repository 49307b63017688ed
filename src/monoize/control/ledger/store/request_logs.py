"""SQL of the request log: written many at once, and read newest first."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import or_, select

from monoize.contract.events import Charged
from monoize.control.edge.wire import Window
from monoize.control.ledger.model.requests import LoggedRequest, RequestFilter, RequestRecord
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
    query = select(request_logs).where(_columns.request_id == request_id).order_by(*_newest_first).limit(1)
    if user_id is not None:
        query = query.where(_columns.user_id == user_id)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    return RequestRecord(
        request=_request({column.name: row[column.name] for column in _shown}),
        provider_id=row["provider_id"],
        channel_id=row["channel_id"],
        upstream_model=row["upstream_model"],
        multiplier=row["provider_multiplier"],
        error_message=row["error_message"],
        tried_json=row["tried_providers_json"],
        breakdown_json=row["billing_breakdown_json"],
    )


def _request(row: Mapping[Any, Any]) -> LoggedRequest:
    cache_hit = row["cache_hit"]
    switches = {"is_stream": bool(row["is_stream"]), "cache_hit": None if cache_hit is None else bool(cache_hit)}
    return LoggedRequest(**{**row, **switches})


def _next_ms(moment: dt.datetime) -> int:
    """The first whole millisecond that is not before it."""
    return -((_EPOCH - moment) // _MILLISECOND)
