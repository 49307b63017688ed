"""Each kind of column means the same on every engine; the tables are made as a migration makes them."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    MetaData,
    Select,
    Table,
    exc,
    insert,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.sql.schema import SchemaItem

from monoize.base.clock import utc_now as clock_now
from monoize.base.ids import new_id
from monoize.infra import columns, dsn
from monoize.infra.columns import Id, NanoUsd, Timestamp, text
from monoize.infra.db import Database, open_database
from monoize.migrations.steps import create_table


def _sample() -> list[SchemaItem]:
    return [
        columns.integer_key(),
        Column("uuid", Id),
        Column("at", Timestamp),
        Column("money", NanoUsd),
        Column("name", text(64), unique=True),
        Column("prose", text()),
        Column("document", JSON(none_as_null=True)),
        Column("list_by_default", JSON, nullable=False, server_default=columns.EMPTY_LIST),
        Column("object_by_default", JSON, nullable=False, server_default=columns.EMPTY_OBJECT),
        Column("bytes", columns.blob()),
        Column("number", columns.real()),
        Column("big", BigInteger),
    ]


def _touched(*stamps: Callable[[], Column[Any]]) -> list[SchemaItem]:
    return [columns.integer_key(), Column("name", text(64)), *(stamp() for stamp in stamps)]


DECLARED: dict[str, Callable[[], list[SchemaItem]]] = {
    "sample": _sample,
    "touched": lambda: _touched(columns.created_at, columns.updated_at),
    "touched_unix": lambda: _touched(columns.unix_created_at, columns.unix_updated_at),
    "touched_text": lambda: _touched(columns.text_created_at, columns.text_updated_at),
}
TABLES = MetaData()
sample, touched, touched_unix, touched_text = (Table(name, TABLES, *items()) for name, items in DECLARED.items())


def _create(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        for name, items in DECLARED.items():
            create_table(name, *items())


@pytest.fixture(scope="module")
def extended() -> Iterator[set[str]]:
    """The databases that got these tables beside those of the house, to be taken back at the end."""
    addresses: set[str] = set()
    yield addresses
    for address in addresses:
        asyncio.run(_changed(address, TABLES.drop_all))


async def _changed(address: str, change: Callable[[Connection], None]) -> None:
    database = await open_database(dsn.parse(address), pool_size=1)
    async with database.connect() as connection:
        await connection.run_sync(change)
        await connection.commit()
    await database.close()


@pytest.fixture
async def bench(engine: str, database: Database, extended: set[str]) -> Database:
    # A file is another one for each test.
    if engine not in extended or engine.startswith("sqlite:"):
        await _changed(engine, _create)
        extended.add(engine)
    return database


async def kept(database: Database, **values: Any) -> Any:
    """What one row with these values holds when it is read again; of one column, its value."""
    async with database.write() as tx:
        key = (await tx.execute(insert(sample).values(values))).inserted_primary_key[0]
    wanted = select(*(sample.c[name] for name in values)).where(sample.c.id == key)
    async with database.read() as tx:
        row = (await tx.execute(wanted)).one()
    return row[0] if len(values) == 1 else tuple(row)


async def test_an_id_is_read_back_in_lower_case_with_dashes(bench: Database):
    made = new_id()

    assert made == await kept(bench, uuid=made)
    assert made == await kept(bench, uuid=made.upper())
    assert made == await kept(bench, uuid=made.replace("-", ""))
    assert await kept(bench, uuid=None) is None


async def test_an_id_is_found_however_it_is_spelt(bench: Database):
    made = new_id()
    await kept(bench, uuid=made)

    async with bench.read() as tx:
        assert made == await tx.scalar(select(sample.c.uuid).where(sample.c.uuid == made.upper()))


async def test_what_is_no_uuid_is_refused(bench: Database):
    with pytest.raises(exc.StatementError, match="badly formed"):
        await kept(bench, uuid="not a uuid")


MOMENTS = [
    dt.datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=dt.UTC),
    dt.datetime(2026, 2, 3, 4, 5, 6, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
    dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
    dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    dt.datetime(2026, 1, 1, 0, 0, tzinfo=dt.timezone(dt.timedelta(hours=13, minutes=45))),
    dt.datetime(2025, 12, 31, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=-11))),
]


async def test_a_moment_comes_back_in_utc_to_the_microsecond(bench: Database):
    for moment in MOMENTS:
        read = await kept(bench, at=moment)

        assert moment == read
        assert dt.timedelta(0) == read.utcoffset()


async def test_a_moment_without_a_time_zone_is_refused(bench: Database):
    with pytest.raises(exc.StatementError, match="a Timestamp needs a time zone"):
        await kept(bench, at=dt.datetime(2026, 2, 3))  # noqa: DTZ001


async def test_moments_are_ordered_as_they_happened(bench: Database):
    for moment in MOMENTS:
        await kept(bench, at=moment)

    async with bench.read() as tx:
        assert sorted(MOMENTS) == list((await tx.execute(select(sample.c.at).order_by(sample.c.at))).scalars())
        later = select(sample.c.at).where(sample.c.at > MOMENTS[1]).order_by(sample.c.at)
        assert [m for m in sorted(MOMENTS) if m > MOMENTS[1]] == list((await tx.execute(later)).scalars())


money = st.integers(-(2**127), 2**127 - 1)


@given(amounts=st.lists(money, min_size=1, max_size=40))
@example(amounts=[-(2**127), 2**127 - 1, 0, -1, 2**63, 2**64, 10**30])
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_amount_of_money_in_128_bits_comes_back_exactly(bench: Database, amounts: list[int]):
    async with bench.write() as tx:
        await tx.execute(sql("DELETE FROM sample"))
        await tx.execute(insert(sample), [{"money": amount} for amount in amounts])

    async with bench.read() as tx:
        assert amounts == list((await tx.execute(select(sample.c.money).order_by(sample.c.id))).scalars())


async def test_money_beyond_128_bits_is_refused(bench: Database):
    for amount in (-(2**127) - 1, 2**127):
        with pytest.raises((OverflowError, exc.StatementError), match="left the 128-bit range"):
            await kept(bench, money=amount)


async def test_no_money_is_not_nought(bench: Database):
    assert await kept(bench, money=None) is None


TEXTS = [
    "🦊👩‍👩‍👧‍👦🏳️‍🌈",
    "Ünïcode, ελληνικά, 日本語, עברית",
    """'"`\\%_;--{}$1:name?""",
    "a\tb\nc\r\nd",
    "\u00e9 is not e\u0301",
    " space around ",
    "",
]


async def test_text_comes_back_as_it_was(bench: Database):
    for value in TEXTS:
        assert (value, value) == await kept(bench, name=value, prose=value)


async def test_long_text_comes_back_whole(bench: Database):
    value = "ü🦊" * 100_000

    assert value == await kept(bench, prose=value)


async def test_text_is_never_cut_silently(bench: Database):
    value = "x" * 65
    if bench.dsn.engine == "mysql":
        with pytest.raises(exc.DBAPIError, match="Data too long for column 'name'"):
            await kept(bench, name=value)
    else:
        assert value == await kept(bench, name=value)


async def test_names_that_differ_in_case_or_accent_are_different_names(bench: Database):
    names = ["Ada", "ada", "ad\u00e1", "ada\u0301", "ss", "ß", "a", "\uff41"]
    for name in names:
        await kept(bench, name=name)

    async with bench.read() as tx:
        for name in names:
            found = select(sample.c.name).where(sample.c.name == name)
            assert [name] == list((await tx.execute(found)).scalars())


async def test_the_same_name_twice_breaks_the_unique_rule(bench: Database):
    await kept(bench, name="ada")

    with pytest.raises(exc.IntegrityError):
        await kept(bench, name="ada")


DOCUMENTS = [
    {},
    [],
    {"a": [1, 2.5, None, True, {"ü": "🦊"}], "": "", "b": -(2**53)},
    ["x" * 10_000],
    "text",
    0,
    False,
]


async def test_a_json_document_comes_back_equal(bench: Database):
    for document in DOCUMENTS:
        assert document == await kept(bench, document=document)


async def test_no_document_is_null_and_not_the_word(bench: Database):
    assert await kept(bench, document=None) is None
    async with bench.read() as tx:
        assert 1 == await tx.scalar(sql("SELECT count(*) FROM sample WHERE document IS NULL"))


async def test_json_columns_start_empty_by_themselves(bench: Database):
    async with bench.write() as tx:
        await tx.execute(sql("INSERT INTO sample (name) VALUES ('by hand')"))

    async with bench.read() as tx:
        row = (await tx.execute(select(sample.c.list_by_default, sample.c.object_by_default))).one()
    assert ([], {}) == tuple(row)


async def test_bytes_and_numbers_come_back_exactly(bench: Database):
    every_byte = bytes(range(256)) * 300

    assert every_byte == await kept(bench, bytes=every_byte)
    assert [0.1, 1e300, -1 / 3, 2**53 + 0.0] == [
        await kept(bench, number=number) for number in (0.1, 1e300, -1 / 3, 2**53 + 0.0)
    ]
    assert [2**63 - 1, -(2**63)] == [await kept(bench, big=number) for number in (2**63 - 1, -(2**63))]


async def test_a_counted_key_is_never_given_twice(bench: Database):
    async with bench.write() as tx:
        first = (await tx.execute(insert(sample).values(name="first"))).inserted_primary_key[0]
        await tx.execute(sql("DELETE FROM sample"))
    async with bench.write() as tx:
        second = (await tx.execute(insert(sample).values(name="second"))).inserted_primary_key[0]

    assert second > first


FLAVOURS = {
    "timestamp": (touched, dt.datetime.timestamp),
    "unix": (touched_unix, float),
    "text": (
        touched_text,
        lambda written: dt.datetime.strptime(written, "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.UTC).timestamp(),
    ),
}
flavours = pytest.mark.parametrize(("table", "seconds"), FLAVOURS.values(), ids=FLAVOURS)
# Some engines know only whole seconds.
GRAIN_S = 1.1


@flavours
async def test_the_database_stamps_new_rows_with_the_real_time(bench: Database, table: Table, seconds: Any):
    before = time.time()
    async with bench.write() as tx:
        await tx.execute(sql(f"INSERT INTO {table.name} (name) VALUES ('by hand')"))
    after = time.time()

    row = await _only_row(bench, select(table))
    for stamp in (row.created_at, row.updated_at):
        assert before - GRAIN_S <= seconds(stamp) <= after


async def _only_row(database: Database, query: Select[Any]) -> Any:
    async with database.read() as tx:
        return (await tx.execute(query)).one()


OLD = {"timestamp": "2001-02-03 04:05:06", "unix": "981173106", "text": "2001-02-03 04:05:06"}
STORED = {name: f"'{value}'" if name != "unix" else value for name, value in OLD.items()}


async def _old_row(database: Database, table: Table, flavour: str) -> None:
    stamp = STORED[flavour]
    if flavour == "timestamp" and database.dsn.engine == "postgresql":
        stamp = f"TIMESTAMPTZ '{OLD[flavour]}+00'"
    if flavour == "timestamp" and database.dsn.engine == "sqlite":
        stamp = f"'{OLD[flavour]}.000000'"
    async with database.write() as tx:
        await tx.execute(
            sql(f"INSERT INTO {table.name} (name, created_at, updated_at) VALUES ('old', {stamp}, {stamp})")
        )


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_hand_run_update_moves_updated_at_and_nothing_else(bench: Database, flavour: str):
    table, seconds = FLAVOURS[flavour]
    await _old_row(bench, table, flavour)
    before = time.time()
    async with bench.write() as tx:
        await tx.execute(sql(f"UPDATE {table.name} SET name = 'new'"))

    row = await _only_row(bench, select(table))
    assert ("new", 981173106) == (row.name, seconds(row.created_at))
    assert before - GRAIN_S <= seconds(row.updated_at) <= time.time()


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_hand_run_update_in_another_time_zone_writes_the_same_time(bench: Database, flavour: str):
    table, seconds = FLAVOURS[flavour]
    await _old_row(bench, table, flavour)
    elsewhere = {
        "mysql": "SET time_zone = '+05:00'",
        "postgresql": "SET TIME ZONE INTERVAL '+05:00' HOUR TO MINUTE",
    }
    async with bench.write() as tx:
        if bench.dsn.engine in elsewhere:
            await tx.execute(sql(elsewhere[bench.dsn.engine]))
        await tx.execute(sql(f"UPDATE {table.name} SET name = 'new'"))
        await tx.execute(sql(f"INSERT INTO {table.name} (name) VALUES ('another')"))
        if bench.dsn.engine in elsewhere:
            await tx.execute(sql("SET time_zone = '+00:00'" if bench.dsn.engine == "mysql" else "RESET TIME ZONE"))

    for name, stamps in (("new", ["updated_at"]), ("another", ["created_at", "updated_at"])):
        row = await _only_row(bench, select(table).where(table.c.name == name))
        for stamp in stamps:
            assert abs(time.time() - seconds(row._mapping[stamp])) < 60


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_an_update_that_sets_updated_at_itself_is_believed(bench: Database, flavour: str):
    table, seconds = FLAVOURS[flavour]
    async with bench.write() as tx:
        await tx.execute(insert(table).values(name="new"))
        said = {
            "timestamp": dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
            "unix": 981173106,
            "text": OLD["text"],
        }
        await tx.execute(update(table).values(updated_at=said[flavour]))

    assert 981173106 == seconds((await _only_row(bench, select(table))).updated_at)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_only_the_rows_that_changed_are_touched(bench: Database, flavour: str):
    table, seconds = FLAVOURS[flavour]
    await _old_row(bench, table, flavour)
    async with bench.write() as tx:
        await tx.execute(insert(table).values(name="other"))
        await tx.execute(update(table).where(table.c.name == "other").values(name="changed"))

    row = await _only_row(bench, select(table).where(table.c.name == "old"))
    assert 981173106 == seconds(row.updated_at)


async def test_updated_at_moves_again_within_one_second(bench: Database):
    async with bench.write() as tx:
        await tx.execute(insert(touched).values(name="new"))
    stamps = []
    for n in range(3):
        async with bench.write() as tx:
            await tx.execute(update(touched).values(name=str(n)))
        stamps.append((await _only_row(bench, select(touched))).updated_at)
        time.sleep(0.002)

    assert sorted(set(stamps)) == stamps


async def test_updated_at_moves_within_the_transaction_that_made_the_row(bench: Database):
    async with bench.write() as tx:
        await tx.execute(insert(touched).values(name="new"))
        await asyncio.sleep(0.005)
        await tx.execute(update(touched).values(name="changed"))

    row = await _only_row(bench, select(touched))
    assert row.created_at < row.updated_at


async def test_the_clocks_of_database_and_program_agree(bench: Database):
    async with bench.read() as tx:
        now = await tx.scalar(select(columns.utc_now()))
        unix = await tx.scalar(select(columns.unix_now()))
        written = await tx.scalar(select(columns.text_now()))

    here = clock_now()
    assert abs(here - now) < dt.timedelta(seconds=5)
    assert 0 <= here.timestamp() - unix < 5
    assert 0 <= here.timestamp() - FLAVOURS["text"][1](written) < 5
