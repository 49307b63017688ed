import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Column, Integer, Table, delete, exc, insert, select, text, update

from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.fleet.tables import hosts
from monoize.control.ledger.tables import billing_ledger
from monoize.infra.audit_log import AuditLog, logs
from monoize.infra.columns import Id, NanoUsd, Timestamp
from monoize.infra.db import Database
from monoize.infra.sealed import Seal

CALL = Call(SYSTEM, "request")


@pytest.fixture
def audit_log(database: Database) -> AuditLog:
    return AuditLog(database, Seal(bytes(32)))


@pytest.fixture
async def host_id(database: Database, audit_log: AuditLog) -> int:
    """A host, and one row in each append-only table, the audit log's about this host."""
    async with audit_log.change(CALL) as change:
        made = await change.tx.execute(insert(hosts).values(fqdn="one.example.com", api_key="a" * 64))
        key = made.inserted_primary_key[0]
        change.record("host.create", "host", key, host_id=key, fqdn="one.example.com")
    async with database.write() as tx:
        charge = {"id": new_id(), "user_id": new_id(), "kind": "charge", "delta_nano_usd": -5}
        await tx.execute(insert(billing_ledger).values(charge))
    return key


async def everything(database: Database, table: Table) -> list[dict[str, Any]]:
    async with database.read() as tx:
        return [dict(row._mapping) for row in (await tx.execute(select(table))).all()]


def _other(column: Column[Any], value: Any) -> Any:
    match column.type:
        case Id():
            return new_id()
        case Timestamp():
            return value + dt.timedelta(seconds=1)
        case NanoUsd() | Integer():
            return (value or 0) + 1
        case _:
            return "other"


APPEND_ONLY = (billing_ledger, logs)


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
async def test_no_column_of_an_append_only_row_can_be_changed(database: Database, host_id: int, table: Table):
    (before,) = await everything(database, table)
    for column in table.columns:
        other = _other(column, before[column.name])
        with pytest.raises(exc.DBAPIError, match=f"{table.name} is append-only"):
            async with database.write() as tx:
                await tx.execute(update(table).values({column.name: other}))

    assert [before] == await everything(database, table)


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
async def test_no_column_of_an_append_only_row_can_be_cleared(database: Database, host_id: int, table: Table):
    (before,) = await everything(database, table)
    for column in table.columns:
        if column.nullable and before[column.name] is not None and column.name != "host_id":
            with pytest.raises(exc.DBAPIError, match=f"{table.name} is append-only"):
                async with database.write() as tx:
                    await tx.execute(update(table).values({column.name: None}))

    assert [before] == await everything(database, table)


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
async def test_no_append_only_row_can_be_deleted(database: Database, host_id: int, table: Table):
    with pytest.raises(exc.DBAPIError, match=f"{table.name} is append-only"):
        async with database.write() as tx:
            await tx.execute(delete(table))

    assert 1 == len(await everything(database, table))


async def test_clearing_the_host_carries_no_other_change_along(database: Database, host_id: int):
    before = await everything(database, logs)
    with pytest.raises(exc.DBAPIError, match="logs is append-only"):
        async with database.write() as tx:
            await tx.execute(update(logs).values(host_id=None, action="other"))

    assert before == await everything(database, logs)


async def test_a_cleared_host_cannot_be_filled_in_again(database: Database, host_id: int):
    async with database.write() as tx:
        await tx.execute(update(logs).values(host_id=None))
    with pytest.raises(exc.DBAPIError, match="logs is append-only"):
        async with database.write() as tx:
            await tx.execute(update(logs).values(host_id=host_id))


async def test_deleting_a_host_clears_its_pointer_in_the_log_and_nothing_else(
    database: Database, audit_log: AuditLog, host_id: int
):
    (before,) = await everything(database, logs)
    assert host_id == before["host_id"]
    async with audit_log.change(CALL) as change:
        await change.tx.execute(delete(hosts).where(hosts.c.id == host_id))
        change.record("host.delete", "host", host_id)

    first, second = await everything(database, logs)
    assert before | {"host_id": None} == first
    assert "host.delete" == second["action"]
    verdict = await audit_log.verify()
    assert (2, None) == (verdict.checked, verdict.problem)


async def test_an_update_that_changes_nothing_and_a_delete_of_nothing_pass(database: Database, host_id: int):
    before = await everything(database, logs)
    async with database.write() as tx:
        await tx.execute(text("UPDATE logs SET action = action"))
        await tx.execute(delete(logs).where(logs.c.seq == 99))

    assert before == await everything(database, logs)
