"""Questions about use are answered from sums, by an index: however many calls there are, none of them is read."""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from control.telemetry.bench import Bench, event
from sqlalchemy import event as listening

from monoize.base.clock import midnight_ms
from monoize.base.ids import new_id
from monoize.control.telemetry.actions import calls, usage
from monoize.control.telemetry.model.queries import span_of
from monoize.control.telemetry.tables import usage_days, usage_hours
from monoize.infra.bulk import insert_many
from monoize.infra.db import Database, Tx

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SOMEBODY = new_id()
DAYS = 300
EACH_DAY = 20
"""Rows enough that an index is worth its while."""


@pytest.fixture
async def used(bench: Bench) -> Database:
    await bench.record(*(event() for _ in range(50)))
    async with bench.database.write() as tx:
        for day in range(DAYS):
            at_ms = midnight_ms(NOW.date() - dt.timedelta(days=day))
            rows = [_row(at_ms, number) for number in range(EACH_DAY)]
            await insert_many(tx, usage_days, rows)
            await insert_many(tx, usage_hours, rows)
    async with bench.database.connect() as connection:
        is_mysql = connection.dialect.name in ("mysql", "mariadb")
        for table in ("usage_days", "usage_hours"):
            await connection.exec_driver_sql(f"ANALYZE {'TABLE ' if is_mysql else ''}{table}")
        await connection.commit()
    return bench.database


def _row(at_ms: int, number: int) -> dict[str, Any]:
    user_id = SOMEBODY if number == 0 else f"user-{number}"
    names = {"tenant_id": "t", "user_id": user_id, "api_key_id": "", "agent_id": "", "provider": "p"}
    return {"at_ms": at_ms, **names, "model": f"m{number}", "served_model": f"m{number}", "calls": 1}


@contextmanager
def overheard(tx: Tx) -> Iterator[list[tuple[str, Any]]]:
    """The questions that reach the database."""
    found: list[tuple[str, Any]] = []

    def hear(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith("SELECT"):
            found.append((statement, parameters))

    target = tx.connection.sync_connection
    listening.listen(target, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        listening.remove(target, "before_cursor_execute", hear)


async def plan_of(tx: Tx, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if tx.connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = await tx.connection.exec_driver_sql(f"{explain} {statement}", parameters)
    return "\n".join(" ".join(map(str, row)) for row in rows)


async def test_no_question_of_a_page_reads_calls_and_each_goes_by_an_index(used: Database):
    day = dt.timedelta(days=1)
    month = span_of("day", NOW - 30 * day, NOW, NOW)
    hours = span_of("hour", NOW - 2 * day, NOW, NOW)
    async with used.read() as tx:
        engine = tx.connection.dialect.name
        with overheard(tx) as questions:
            await usage.usage(tx, month, ["model"], {}, in_steps=True, sees_behind=True)
            await usage.usage(tx, month, [], {"user_id": SOMEBODY}, in_steps=False, sees_behind=False)
            await usage.usage(tx, hours, ["user_id", "model"], {}, in_steps=True, sees_behind=True)
            await usage.summary(tx, {"user_id": SOMEBODY}, NOW, sees_behind=False)
            await usage.summary(tx, {}, NOW, sees_behind=True)
            await calls.costs(tx, since=NOW.date() - 30 * day, until=NOW.date() + day)
        assert 6 == len(questions)
        for statement, parameters in questions:
            assert "agent_telemetry" not in statement and "request_logs" not in statement
            plan = await plan_of(tx, statement, parameters)
            assert not re.search(WHOLE[engine], plan), plan


WHOLE = {
    "sqlite": r"SCAN (TABLE )?usage_",
    "postgresql": r"Seq Scan on usage_",
    "mysql": r"\bALL\b",
    "mariadb": r"\bALL\b",
}
"""How each engine says that it reads all of a table."""
