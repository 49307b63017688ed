import asyncio
import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update
from support.rows import put_in_versions
from support.tampering import without_triggers

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call, Principal
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.identity.tables import versions
from monoize.infra import dsn
from monoize.infra.audit_log import GENESIS, AuditLog, Entry, Verdict, audit_head, logs
from monoize.infra.db import Database, open_database
from monoize.infra.sealed import Seal

ADA = Principal(
    kind="user",
    id="1",
    name="ada",
    role="user",
    tenant_id=DEFAULT_TENANT_ID,
    permissions=frozenset(),
    via="token:ci",
)
CALL = Call(ADA, "request", "10.0.0.1")


@pytest.fixture
def audit_log(database: Database) -> AuditLog:
    return AuditLog(database, Seal(bytes(32)))


@pytest.fixture
async def sqlite_database(sqlite: str) -> AsyncIterator[Database]:
    database = await open_database(dsn.parse(sqlite), pool_size=2)
    yield database
    await database.close()


@pytest.fixture
def sqlite_log(sqlite_database: Database) -> AuditLog:
    return AuditLog(sqlite_database, Seal(bytes(32)))


async def write_rows(audit_log: AuditLog, many: int) -> None:
    for n in range(1, many + 1):
        async with audit_log.change(CALL) as change:
            change.record("thing.make", "thing", n, size=n)


async def fail(audit_log: AuditLog) -> None:
    async with audit_log.change(CALL) as change:
        change.record("thing.make", "thing", 1)
        raise ValueError("too late")


async def chain(database: Database) -> list[Any]:
    async with database.read() as tx:
        return list((await tx.execute(select(logs).order_by(logs.c.seq))).all())


async def test_a_change_and_its_row_are_kept_together(database: Database, audit_log: AuditLog):
    before = utc_now()
    async with audit_log.change(CALL) as change:
        await change.tx.execute(insert(versions).values(name="thing", version="1"))
        change.record("thing.make", "thing", "7", size=3, colour="grün")

    (row,) = await chain(database)
    assert {"thing"} == await put_in_versions(database)
    assert ("thing.make", "thing", "7", None) == (row.action, row.target_type, row.target_id, row.host_id)
    assert {"size": 3, "colour": "grün"} == json.loads(row.details)
    assert ("user:ada", "token:ci", DEFAULT_TENANT_ID) == (row.actor, row.via, row.tenant_id)
    assert ("request", "10.0.0.1") == (row.request_id, row.ip)
    assert (1, GENESIS) == (row.seq, row.prev_hash)
    assert before <= row.created_at <= utc_now()


async def test_a_change_without_a_row_is_undone(database: Database, audit_log: AuditLog):
    with pytest.raises(AssertionError, match="without an audit row"):
        async with audit_log.change(CALL) as change:
            await change.tx.execute(insert(versions).values(name="thing", version="1"))

    assert (set(), []) == (await put_in_versions(database), await chain(database))


async def test_a_change_with_two_rows_is_undone(database: Database, audit_log: AuditLog):
    async def record_twice() -> None:
        async with audit_log.change(CALL) as change:
            await change.tx.execute(insert(versions).values(name="thing", version="1"))
            change.record("thing.make", "thing", 1)
            change.record("thing.paint", "thing", 1)

    with pytest.raises(AssertionError, match=r"thing\.paint: this change already recorded thing\.make"):
        await record_twice()

    assert (set(), []) == (await put_in_versions(database), await chain(database))


async def test_a_change_that_fails_leaves_no_row(database: Database, audit_log: AuditLog):
    with pytest.raises(ValueError, match="too late"):
        await fail(audit_log)

    assert [] == await chain(database)
    await write_rows(audit_log, 1)
    assert [1] == [row.seq for row in await chain(database)]


LEAKING: list[dict[str, Any]] = [
    {"password": "x"},
    {"new_password": "x"},
    {"client_secret": "x"},
    {"session_token": "x"},
    {"Password_Hash": "x"},
    {"cookie": "x"},
    {"credential": "x"},
    {"api_key": "x"},
    {"before": {"password": "x"}},
    {"rows": [{"name": "a"}, {"deep": ({"token": "x"},)}]},
]


@pytest.mark.parametrize("details", LEAKING, ids=str)
async def test_a_secret_among_the_details_undoes_the_change(sqlite_log: AuditLog, details: dict[str, Any]):
    with pytest.raises(AssertionError, match="must not enter the audit log"):
        async with sqlite_log.change(CALL) as change:
            change.record("thing.make", "thing", 1, **details)

    assert Verdict(0, 0, True) == await sqlite_log.verify()


@pytest.mark.parametrize("details", [{"changed": ["password"]}, {"tokens": 5}, {"key_prefix": "mz"}, {"hashes": 2}])
async def test_naming_what_was_changed_is_no_secret(sqlite_log: AuditLog, details: dict[str, Any]):
    async with sqlite_log.change(CALL) as change:
        change.record("thing.make", "thing", 1, **details)

    assert 1 == (await sqlite_log.verify()).checked


async def test_observers_hear_of_a_change_once_it_is_durable(database: Database, audit_log: AuditLog):
    heard: list[str] = []

    async def hear(entry: Entry) -> None:
        heard.append(f"{entry.action} {entry.target_id}")

    audit_log.observe(hear)
    async with audit_log.change(CALL) as change:
        change.record("thing.make", "thing", 1)
        assert [] == heard
    with pytest.raises(ValueError, match="too late"):
        await fail(audit_log)

    assert ["thing.make 1"] == heard


async def test_fifty_changes_at_once_make_an_unbroken_chain(database: Database, audit_log: AuditLog):
    async def change(n: int) -> None:
        async with audit_log.change(CALL) as change:
            await change.tx.execute(insert(versions).values(name=f"thing {n}", version="1"))
            await asyncio.sleep(0)
            change.record("thing.make", "thing", n)

    await asyncio.gather(*(change(n) for n in range(50)))

    rows = await chain(database)
    assert list(range(1, 51)) == [row.seq for row in rows]
    assert {str(n) for n in range(50)} == {row.target_id for row in rows}
    assert [GENESIS, *(row.row_hash for row in rows[:-1])] == [row.prev_hash for row in rows]
    assert Verdict(50, 50, True) == await audit_log.verify()
    assert 50 == len(await put_in_versions(database))


async def test_an_empty_chain_is_in_order(audit_log: AuditLog):
    assert Verdict(0, 0, True) == await audit_log.verify()


async def test_rows_with_every_kind_of_content_verify(database: Database, audit_log: AuditLog):
    calls = [
        Call(SYSTEM, "", None),
        Call(ADA, "ü🦊\n\t'\"\\", "::1"),
        Call(Principal("token", "2", "🦊", "viewer", new_id(), frozenset()), " ", ""),
    ]
    for call in calls:
        async with audit_log.change(call) as change:
            change.record(
                "thing.make",
                "thing",
                "ü🦊 ",
                when=utc_now(),
                price=2**80,
                share=0.1,
                deep={"b": [None, True]},
                text="🦊",
            )

    assert Verdict(3, 3, True) == await audit_log.verify()


CHANGED: dict[str, Any] = {
    "action": "thing.mend",
    "details": '{"size": 9}',
    "actor": "user:eve",
    "via": None,
    "tenant_id": None,
    "target_type": "other",
    "target_id": "9",
    "request_id": "other",
    "ip": None,
    "seq": 99,
    "prev_hash": "f" * 64,
    "row_hash": "f" * 64,
    "created_at": dt.datetime(2001, 2, 3, tzinfo=dt.UTC),
}


def test_every_column_but_the_key_and_the_pointer_to_a_host_is_in_the_chain():
    assert {column.name for column in logs.columns} - {"id", "host_id"} == set(CHANGED)


@pytest.mark.parametrize("seq", [1, 3, 5])
async def test_a_change_to_any_column_of_any_row_is_found(database: Database, audit_log: AuditLog, seq: int):
    await write_rows(audit_log, 5)
    for name, value in CHANGED.items():
        (original,) = [row for row in await chain(database) if row.seq == seq]
        async with without_triggers(database, logs) as tx:
            await tx.execute(update(logs).where(logs.c.id == original.id).values({name: value}))

        verdict = await audit_log.verify()
        assert verdict.problem, name
        assert seq - 1 == verdict.last_seq, name
        async with without_triggers(database, logs) as tx:
            await tx.execute(update(logs).where(logs.c.id == original.id).values({name: original._mapping[name]}))

    assert Verdict(5, 5, True) == await audit_log.verify()


def with_one_bit_changed(row: Any) -> Iterator[tuple[str, Any]]:
    """Each column, and each character of a text, with a bit of it changed."""
    for name in CHANGED:
        match row._mapping[name]:
            case str(id) if name == "tenant_id":
                yield name, str(uuid.UUID(int=uuid.UUID(id).int ^ 1))
            case str(text):
                for place, character in enumerate(text):
                    # None of the five lowest bits makes a character that a database could not keep.
                    yield name, text[:place] + chr(ord(character) ^ 1 << place % 5) + text[place + 1 :]
            case int(number):
                yield name, number ^ 8
            case dt.datetime() as moment:
                yield name, moment.replace(microsecond=moment.microsecond ^ 1)


@pytest.mark.case(60)
async def test_a_single_bit_that_was_changed_is_found_and_its_row_named(
    sqlite_log: AuditLog, sqlite_database: Database
):
    await write_rows(sqlite_log, 5)
    original = (await chain(sqlite_database))[2]
    written = {name: original._mapping[name] for name in CHANGED}

    async def put(row: dict[str, Any]) -> Verdict:
        async with without_triggers(sqlite_database, logs) as tx:
            await tx.execute(update(logs).where(logs.c.id == original.id).values(row))
        return await sqlite_log.verify()

    for name, value in with_one_bit_changed(original):
        verdict = await put({**written, name: value})
        assert (2, True) == (verdict.last_seq, (verdict.problem or "").startswith("row 3 ")), (name, value)

    assert Verdict(5, 5, True) == await put(written)


async def test_a_removed_row_is_found(database: Database, audit_log: AuditLog):
    await write_rows(audit_log, 5)
    async with without_triggers(database, logs) as tx:
        await tx.execute(delete(logs).where(logs.c.seq == 3))

    assert Verdict(2, 2, True, "row 3 is missing") == await audit_log.verify()


async def test_a_removed_row_whose_gap_was_closed_is_found(database: Database, audit_log: AuditLog):
    await write_rows(audit_log, 5)
    async with without_triggers(database, logs) as tx:
        await tx.execute(delete(logs).where(logs.c.seq == 3))
        for seq in (4, 5):
            await tx.execute(update(logs).where(logs.c.seq == seq).values(seq=seq - 1))

    assert Verdict(2, 2, True, "row 3 does not follow row 2") == await audit_log.verify()


@pytest.mark.parametrize("gone", [1, 2, 5])
async def test_removed_rows_at_the_end_are_found(database: Database, audit_log: AuditLog, gone: int):
    await write_rows(audit_log, 5)
    async with without_triggers(database, logs) as tx:
        await tx.execute(delete(logs).where(logs.c.seq > 5 - gone))

    expected = Verdict(5 - gone, 5 - gone, True, f"rows {6 - gone} to 5 are missing at the end")
    assert expected == await audit_log.verify()


async def test_two_rows_that_changed_places_are_found(database: Database, audit_log: AuditLog):
    await write_rows(audit_log, 5)
    async with without_triggers(database, logs) as tx:
        for now, then in ((2, 99), (3, 2), (99, 3)):
            await tx.execute(update(logs).where(logs.c.seq == now).values(seq=then))

    assert Verdict(1, 1, True, "row 2 does not follow row 1") == await audit_log.verify()


async def test_a_row_put_in_without_the_key_is_found(database: Database, audit_log: AuditLog):
    await write_rows(audit_log, 2)
    forger = AuditLog(database, Seal(bytes(31) + b"x"))
    await write_rows(forger, 1)

    assert Verdict(2, 2, True, "row 3 was changed") == await audit_log.verify()


async def test_another_key_verifies_nothing(database: Database, audit_log: AuditLog):
    await write_rows(audit_log, 2)

    assert Verdict(0, 0, True, "row 1 was changed") == await AuditLog(database, Seal(bytes(31) + b"x")).verify()


async def test_an_end_of_the_chain_that_was_removed_or_moved_is_found(database: Database, audit_log: AuditLog):
    await write_rows(audit_log, 3)
    (last,) = [row for row in await chain(database) if row.seq == 3]
    for seq, row_hash in ((4, last.row_hash), (3, "f" * 64), (2, last.prev_hash), (2, "f" * 64), (0, GENESIS)):
        async with database.write() as tx:
            await tx.execute(update(audit_head).values(seq=seq, row_hash=row_hash))
        assert (await audit_log.verify()).problem, (seq, row_hash)
    async with database.write() as tx:
        await tx.execute(delete(audit_head))

    assert Verdict(0, 0, True, "the end of the chain is missing") == await audit_log.verify()


async def test_a_chain_is_verified_page_by_page(database: Database, audit_log: AuditLog):
    await write_rows(audit_log, 7)
    first = await audit_log.verify(most=1000)
    assert Verdict(7, 7, True) == first

    assert Verdict(4, 7, True) == await audit_log.verify(after=3)
    assert Verdict(0, 7, True) == await audit_log.verify(after=7)
    assert Verdict(0, 8, True, "row 8 is missing") == await audit_log.verify(after=8)


async def test_a_long_chain_is_verified_in_bounded_steps(sqlite_log: AuditLog, sqlite_database: Database):
    await write_rows(sqlite_log, 1_050)
    first = await sqlite_log.verify(most=1_000)
    second = await sqlite_log.verify(after=first.last_seq, most=1_000)
    assert [Verdict(1_000, 1_000, False), Verdict(50, 1_050, True)] == [first, second]

    async with without_triggers(sqlite_database, logs) as tx:
        await tx.execute(update(logs).where(logs.c.seq == 1_020).values(actor="user:eve"))
    assert first == await sqlite_log.verify(most=1_000)
    assert Verdict(19, 1_019, True, "row 1020 was changed") == await sqlite_log.verify(after=1_000, most=1_000)


async def test_verifying_while_others_write_finds_nothing_wrong(database: Database, audit_log: AuditLog):
    async def verify() -> Verdict:
        return await audit_log.verify()

    outcomes = await asyncio.gather(
        write_rows(audit_log, 10), *(verify() for _ in range(10)), write_rows(audit_log, 10)
    )

    assert {None} == {verdict.problem for verdict in outcomes[1:-1]}
    async with database.read() as tx:
        assert 20 == await tx.scalar(select(func.count()).select_from(logs))
