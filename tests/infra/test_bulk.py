"""Rows that are inserted in bulk are the rows that one insert each would have made, on every engine."""

import datetime as dt
import json
from typing import Any

import pytest
from sqlalchemy import exc, insert, select

from monoize.base.ids import new_id
from monoize.control.identity.tables import api_keys
from monoize.control.ledger.tables import request_logs
from monoize.infra.bulk import insert_many
from monoize.infra.db import Database

AT = dt.datetime(2026, 11, 21, 7, 8, 9, 123456, dt.UTC)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": new_id(),
        "model": "model",
        "charge_nano_usd": None,
        "error_message": None,
        "input_tokens": None,
        "created_at": AT,
        "created_at_unix_ms": 1,
    } | changes


ROWS = [
    row(),
    row(charge_nano_usd=-(2**127), input_tokens=2**63 - 1),
    row(charge_nano_usd=2**127 - 1, input_tokens=-(2**63)),
    row(model="\"'\\; DROP TABLE users -- $[0] ?", error_message="日本 \u0001\n\t é 🎉"),
    row(created_at=AT.replace(microsecond=0, tzinfo=dt.timezone(dt.timedelta(hours=5)))),
    row(error_message=json.dumps({"a": [1, None]})),
]


async def test_rows_come_out_as_single_inserts_would_have_put_them_in(database: Database):
    async with database.write() as tx:
        await insert_many(tx, request_logs, ROWS)
        twins = [one | {"id": new_id()} for one in ROWS]
        for twin in twins:
            await tx.execute(insert(request_logs).values(**twin))
        found = {one.id: one._asdict() for one in await tx.execute(select(request_logs))}

    assert 2 * len(ROWS) == len(found)
    for one, twin in zip(ROWS, twins, strict=True):
        assert found[twin["id"]] | {"id": one["id"]} == found[one["id"]]


async def test_no_rows_are_no_statement(database: Database):
    async with database.write() as tx:
        await insert_many(tx, request_logs, [])


async def test_a_row_that_is_refused_takes_all_of_them_along(database: Database):
    twice = row()
    with pytest.raises(exc.IntegrityError):
        async with database.write() as tx:
            await insert_many(tx, request_logs, [row(), twice, twice])

    async with database.read() as tx:
        assert [] == (await tx.execute(select(request_logs.c.id))).all()


async def test_what_a_column_refuses_is_refused(database: Database):
    for wrong in ({"charge_nano_usd": 2**127}, {"created_at": AT.replace(tzinfo=None)}, {"id": "no id"}):
        with pytest.raises((exc.StatementError, ValueError, OverflowError)):
            async with database.write() as tx:
                await insert_many(tx, request_logs, [row(**wrong)])


async def test_defaults_of_the_database_fill_what_is_not_named(database: Database):
    async with database.write() as tx:
        await insert_many(tx, request_logs, [row()])
        found = (await tx.execute(select(request_logs))).one()

    assert (0, "success", "[]") == (found.is_stream, found.status, found.tried_providers_json)


async def test_a_foreign_key_holds(database: Database):
    key = {"id": new_id(), "user_id": new_id(), "name": "x", "key_prefix": "sk-", "key_hash": "x"}
    with pytest.raises(exc.IntegrityError):
        async with database.write() as tx:
            await insert_many(tx, api_keys, [key])
