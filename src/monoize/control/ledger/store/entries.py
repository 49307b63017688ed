"""SQL of ledger rows: appended many at once, found again, and read newest first."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, exc, select

from monoize.control.edge.wire import Window
from monoize.control.ledger.errors import ReferenceReused
from monoize.control.ledger.model.entries import Entry, EntryFilter
from monoize.control.ledger.model.kinds import KindName
from monoize.control.ledger.tables import billing_ledger
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx, violated

_columns = billing_ledger.c


def entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        id=row["id"],
        user_id=row["user_id"],
        api_key_id=row["api_key_id"],
        account="user" if row["account_id"] in (row["user_id"], None) else "sub_account",
        kind=row["kind"],
        request_id=row["request_id"],
        delta_nano_usd=row["delta_nano_usd"],
        balance_after_nano_usd=row["balance_after_nano_usd"],
        meta=json.loads(row["meta_json"]),
        created_at=row["created_at"],
        agent_id=row["agent_id"],
        agent_record_id=row["agent_record_id"],
    )


async def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    try:
        await insert_many(tx, billing_ledger, rows)
    except exc.IntegrityError as problem:
        if violated(problem, "request_id"):
            raise ReferenceReused from problem
        raise


async def get(tx: Tx, id: str) -> Entry | None:
    return await _one(tx, select(billing_ledger).where(_columns.id == id))


async def named(tx: Tx, kind: KindName, request_id: str) -> Entry | None:
    return await _one(tx, select(billing_ledger).where(_columns.kind == kind, _columns.request_id == request_id))


async def _one(tx: Tx, query: Select[Any]) -> Entry | None:
    row = (await tx.execute(query)).mappings().one_or_none()
    return entry(dict(row)) if row else None


async def charged(tx: Tx, kinds: Collection[KindName], request_ids: Collection[str]) -> Sequence[Row[Any]]:
    """Of which of these requests there are rows: kind, request_id, user_id and delta_nano_usd."""
    query = select(_columns.kind, _columns.request_id, _columns.user_id, _columns.delta_nano_usd).where(
        _columns.kind.in_(kinds), is_one_of(tx, _columns.request_id, request_ids)
    )
    return (await tx.execute(query)).all()


async def page(tx: Tx, window: Window, wanted: EntryFilter) -> Sequence[Entry]:
    query = select(billing_ledger).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    for column, value in (
        (_columns.user_id, wanted.user_id),
        (_columns.api_key_id, wanted.api_key_id),
        (_columns.kind, wanted.kind),
        (_columns.agent_id, wanted.agent_id),
        (_columns.agent_record_id, wanted.agent_record_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(_columns.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_columns.created_at < wanted.until)
    return [entry(dict(row)) for row in (await tx.execute(query)).mappings()]
