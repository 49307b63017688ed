import asyncio
import contextlib
import socket
import stat
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exc, insert, select, text, update
from support import at_once
from support.engines import ENGINES, empty_database
from support.patience import PATIENCE_S
from support.rows import put_in_versions

from monoize.base.errors import StartupProblem
from monoize.base.ids import new_id
from monoize.control.identity.tables import tenants, versions
from monoize.infra import dsn
from monoize.infra.db import (
    BUSY_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    DEADLOCKS_MOST,
    Database,
    DatabaseAway,
    Tx,
    open_database,
)

Outcomes = tuple[float, list[Any]]
"""How many seconds it took, and how each attempt ended."""


@contextlib.asynccontextmanager
async def opened(address: str, *, pool_size: int = 5) -> AsyncIterator[Database]:
    database = await open_database(dsn.parse(address), pool_size=pool_size)
    yield database
    await database.close()


async def put(database: Database, name: str, version: str = "1") -> None:
    async with database.write() as tx:
        await tx.execute(insert(versions).values(name=name, version=version))


async def test_the_file_and_its_folders_are_made_for_their_owner_alone(tmp_path: Path):
    file = tmp_path / "deep" / "down" / "monoize.db"
    async with opened(f"sqlite://{file}") as database:
        async with database.write() as tx:
            await tx.execute(text("CREATE TABLE tally (n INTEGER)"))
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in file.parent.iterdir()}

    assert {"0o600"} == set(modes.values())
    assert "monoize.db" in modes


async def test_a_relative_address_is_relative_to_the_working_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with opened("sqlite://./data/monoize.db"):
        pass

    assert (tmp_path / "data" / "monoize.db").is_file()


async def test_the_mode_of_a_file_that_is_there_is_left_alone(tmp_path: Path):
    file = tmp_path / "monoize.db"
    file.touch(0o640)
    async with opened(f"sqlite://{file}"):
        pass

    assert 0o640 == stat.S_IMODE(file.stat().st_mode)


@pytest.fixture(params=["sqlite::memory:", "sqlite://:memory:", "sqlite:file::memory:?cache=shared"])
async def memory(request, tmp_path: Path, monkeypatch) -> AsyncIterator[Database]:
    monkeypatch.chdir(tmp_path)
    async with opened(request.param) as database:
        async with database.write() as tx:
            await tx.execute(text("CREATE TABLE tally (n INTEGER)"))
        yield database


async def test_a_memory_database_makes_no_file(memory: Database, tmp_path: Path):
    async with memory.write() as tx:
        await tx.execute(text("INSERT INTO tally VALUES (1)"))

    assert [] == list(tmp_path.iterdir())


async def test_a_memory_database_keeps_what_was_committed_and_nothing_else(memory: Database):
    async def write(n: int) -> None:
        async with memory.write() as tx:
            await tx.execute(text(f"INSERT INTO tally VALUES ({n})"))
            await asyncio.sleep(0)
            if n % 2:
                raise ValueError(n)

    await asyncio.gather(*(write(n) for n in range(20)), return_exceptions=True)

    async with memory.read() as tx:
        assert list(range(0, 20, 2)) == list((await tx.execute(text("SELECT n FROM tally ORDER BY n"))).scalars())


async def test_a_write_is_kept_when_its_block_ends(database: Database):
    await put(database, "kept")

    assert {"kept"} == await put_in_versions(database)


@pytest.mark.parametrize("reason", [ValueError, asyncio.CancelledError, KeyboardInterrupt])
async def test_a_write_is_undone_whatever_leaves_its_block(database: Database, reason: type[BaseException]):
    async def leave() -> None:
        async with database.write() as tx:
            await tx.execute(insert(versions).values(name="undone", version="1"))
            raise reason

    with pytest.raises(reason):
        await leave()

    assert set() == await put_in_versions(database)
    await put(database, "later")
    assert {"later"} == await put_in_versions(database)


async def test_what_a_reader_writes_is_never_kept(database: Database):
    with contextlib.suppress(Exception):
        async with database.read() as tx:
            await tx.execute(insert(versions).values(name="by a reader", version="1"))

    assert set() == await put_in_versions(database)


async def test_a_reader_does_not_see_what_is_not_committed(database: Database):
    async with database.write() as tx:
        await tx.execute(insert(versions).values(name="pending", version="1"))
        assert set() == await put_in_versions(database)

    assert {"pending"} == await put_in_versions(database)


async def test_an_sqlite_reader_is_refused_when_it_writes(sqlite: str):
    async with opened(sqlite) as database:
        with pytest.raises(DatabaseAway) as refused:
            async with database.read() as tx:
                await tx.execute(insert(versions).values(name="by a reader", version="1"))

    assert "readonly database" in str(refused.value.__cause__)


async def test_an_sqlite_reader_sees_one_moment_and_holds_up_no_writer(sqlite: str):
    async with opened(sqlite) as database, database.read() as tx:
        before = list((await tx.execute(select(versions.c.name))).scalars())
        await put(database, "meanwhile")

        assert before == list((await tx.execute(select(versions.c.name))).scalars())
        assert {"meanwhile"} == await put_in_versions(database)


async def test_a_mistake_in_a_statement_is_not_called_an_absent_database(database: Database):
    for block in (database.read, database.write):
        with pytest.raises(Exception, match="nowhere") as raised:
            async with block() as tx:
                await tx.execute(text("SELECT 1 FROM nowhere"))
        assert not isinstance(raised.value, DatabaseAway)


async def test_a_broken_rule_is_not_called_an_absent_database(database: Database):
    for values in ({"status": "sleepy"}, {"name": None}, {"name": "default"}):
        row = {"id": new_id(), "name": "another", **values}
        with pytest.raises(exc.DBAPIError):
            async with database.write() as tx:
                await tx.execute(insert(tenants).values(row))


async def test_a_mistake_that_is_not_the_databases_arrives_as_it_is(database: Database):
    with pytest.raises(FileNotFoundError):
        async with database.write():
            Path("nowhere").read_text()


@pytest.fixture
async def tally(tmp_path: Path) -> str:
    """The DSN of a file with one number in it."""
    address = f"sqlite://{tmp_path}/tally.db"
    async with opened(address) as database, database.write() as tx:
        await tx.execute(text("CREATE TABLE tally (n INTEGER)"))
        await tx.execute(text("INSERT INTO tally VALUES (0)"))
    return address


async def increment(database: Database) -> None:
    async with database.write() as tx:
        n = await tx.scalar(text("SELECT n FROM tally"))
        await asyncio.sleep(0)
        await tx.execute(text(f"UPDATE tally SET n = {n + 1}"))


async def value(address: str) -> int:
    async with opened(address) as database, database.read() as tx:
        return await tx.scalar(text("SELECT n FROM tally"))


async def test_no_increment_is_lost_between_two_open_databases_on_one_file(tally: str):
    async with opened(tally) as one, opened(tally) as other:
        await asyncio.gather(*(increment(database) for _ in range(25) for database in (one, other)))

    assert 50 == await value(tally)


async def test_no_increment_is_lost_between_two_processes_on_one_file(tally: str):
    ended = at_once.together(("increment", tally, "25"), ("increment", tally, "25"))

    assert [0, 0] == [process.code for process in ended], ended
    assert 50 == await value(tally)


async def test_a_writer_that_gives_up_waiting_leaves_the_file_to_others(tally: str):
    async with opened(tally) as one, opened(tally) as other:
        locked = asyncio.Event()

        async def hold() -> None:
            async with one.write() as tx:
                await tx.execute(text("UPDATE tally SET n = 1"))
                locked.set()
                await asyncio.sleep(0.5)

        async with asyncio.TaskGroup() as group:
            group.create_task(hold())
            await locked.wait()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await increment(other)
        async with asyncio.timeout(PATIENCE_S):
            await increment(one)
            await increment(other)

    assert 3 == await value(tally)


async def test_a_transaction_left_by_a_cancelled_task_frees_its_connection(engine: str):
    async with opened(engine, pool_size=1) as database:
        started = asyncio.Event()

        async def stuck() -> None:
            async with database.write() as tx:
                await tx.execute(insert(versions).values(name="cancelled", version="1"))
                started.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(stuck())
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            await put(database, "later")

        assert {"later"} == await put_in_versions(database)


KILL = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "mysql": ("SELECT CONNECTION_ID()", "KILL {}"),
}


async def test_a_lost_connection_is_told_once_and_replaced(database: Database):
    if database.dsn.engine == "sqlite":
        return
    which, kill = KILL[database.dsn.engine]

    async def lose() -> None:
        async with database.write() as tx:
            await tx.execute(insert(versions).values(name="lost", version="1"))
            mine = await tx.scalar(text(which))
            async with database.write() as other:
                await other.execute(text(kill.format(mine)))
            await tx.execute(update(versions).values(version="2"))

    with pytest.raises(DatabaseAway):
        await lose()

    await put(database, "later")
    assert {"later"} == await put_in_versions(database)


async def test_connections_that_died_while_idle_are_not_noticed_by_anybody(database: Database):
    if database.dsn.engine == "sqlite":
        return
    which, kill = KILL[database.dsn.engine]
    async with database.read() as one:
        mine = await one.scalar(text(which))
        async with database.read() as other:
            spare = await other.scalar(text(which))
    async with opened(_address(database)) as killer, killer.write() as tx:
        for connection in (mine, spare):
            await tx.execute(text(kill.format(connection)))

    for n in range(4):
        await put(database, f"after {n}")


def _address(database: Database) -> str:
    scheme = database.dsn.engine
    return database.dsn.url.set(drivername=scheme).render_as_string(hide_password=False)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_server_that_is_not_there_is_a_startup_problem_without_the_password(scheme: str, closed_port: int):
    with pytest.raises(StartupProblem) as refused:
        await open_database(dsn.parse(f"{scheme}://ada:hunter2@127.0.0.1:{closed_port}/house"), pool_size=1)

    message = str(refused.value)
    assert message.startswith(f"cannot open the database {scheme}://ada:***@127.0.0.1:{closed_port}/house: ")
    assert message.endswith("; check MONOIZE_DATABASE_DSN and that the database is running")
    assert 1 == len(message.splitlines())
    assert "hunter2" not in message


async def test_a_wrong_password_or_name_is_a_startup_problem(engine: str):
    if engine.startswith("sqlite"):
        return
    for wrong in (dsn.parse(engine).url.set(database="absent_7"), dsn.parse(engine).url.set(username="nobody_7")):
        scheme = "postgresql" if "postgres" in wrong.drivername else "mysql"
        address = wrong.set(drivername=scheme, password="hunter2").render_as_string(hide_password=False)
        with pytest.raises(StartupProblem) as refused:
            await open_database(dsn.parse(address), pool_size=1)
        assert 1 == len(str(refused.value).splitlines())
        assert "hunter2" not in str(refused.value)


async def test_an_unknown_parameter_in_the_address_is_a_startup_problem(engine: str):
    if engine.startswith("sqlite"):
        return
    with pytest.raises(StartupProblem, match="unexpected keyword argument 'colour'"):
        await open_database(dsn.parse(f"{engine}?colour=red"), pool_size=1)


async def test_encryption_is_asked_for_as_everybody_writes_it(engine: str):
    if not engine.startswith("postgres"):
        return
    async with opened(f"{engine}?sslmode=disable") as database:
        await put(database, "plain")


async def test_a_file_that_is_no_database_is_a_startup_problem_and_stays_as_it_is(tmp_path: Path):
    file = tmp_path / "monoize.db"
    file.write_text("These are the notes of somebody. " * 100)
    before = file.read_bytes()

    with pytest.raises(StartupProblem, match="file is not a database"):
        await open_database(dsn.parse(f"sqlite://{file}"), pool_size=1)
    assert before == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())


async def test_a_folder_in_place_of_the_file_is_a_startup_problem(tmp_path: Path):
    with pytest.raises(StartupProblem, match="unable to open database file"):
        await open_database(dsn.parse(f"sqlite://{tmp_path}"), pool_size=1)


async def test_a_folder_that_cannot_be_made_is_a_startup_problem(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StartupProblem, match="cannot create the database file"):
        await open_database(dsn.parse(f"sqlite://{tmp_path}/file/monoize.db"), pool_size=1)


async def test_a_place_that_may_not_be_written_is_a_startup_problem():
    with pytest.raises(StartupProblem, match=r"cannot create the database file /proc/monoize/monoize\.db"):
        await open_database(dsn.parse("sqlite:///proc/monoize/monoize.db"), pool_size=1)


@pytest.fixture(scope="module", autouse=True)
def long_waits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Outcomes]]]:
    """What takes as long as our patience, tried beside the other tests of this module."""
    with contextlib.ExitStack() as stack:
        addresses = [stack.enter_context(empty_database(name, tmp_path_factory.mktemp(name))) for name in ENGINES]
        threads = stack.enter_context(ThreadPoolExecutor(2))
        yield {
            "pool": threads.submit(asyncio.run, _exhaust_pools(addresses)),
            "server": threads.submit(asyncio.run, _ask_a_silent_server()),
        }


async def _exhaust_pools(addresses: list[str]) -> Outcomes:
    async with contextlib.AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(opened(address, pool_size=1)) for address in addresses]
        for database in pools:
            await stack.enter_async_context(database.write())
        before = time.monotonic()
        ends = await asyncio.gather(*(put(database, "x") for database in pools), return_exceptions=True)
        return time.monotonic() - before, ends


async def _ask_a_silent_server() -> Outcomes:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        addresses = [f"{scheme}://ada:hunter2@127.0.0.1:{port}/house" for scheme in ("postgresql", "mysql")]
        before = time.monotonic()
        asked = (open_database(dsn.parse(address), pool_size=1) for address in addresses)
        ends = await asyncio.gather(*asked, return_exceptions=True)
        return time.monotonic() - before, ends


def test_a_server_that_never_answers_is_given_up_after_the_connect_timeout(long_waits: dict[str, Future[Outcomes]]):
    waited, ends = long_waits["server"].result()

    assert [StartupProblem] * 2 == [type(end) for end in ends], ends
    assert waited < CONNECT_TIMEOUT_S + 2
    assert "hunter2" not in str(ends)


def test_a_pool_without_a_free_connection_is_an_absent_database_and_no_endless_wait(
    long_waits: dict[str, Future[Outcomes]],
):
    waited, ends = long_waits["pool"].result()

    assert [DatabaseAway] * len(ENGINES) == [type(end) for end in ends], ends
    assert BUSY_TIMEOUT_S - 1 < waited < BUSY_TIMEOUT_S + 3


async def test_of_two_transactions_that_wait_for_each_other_one_is_begun_again(database: Database):
    """SQLite has one writer, where nobody waits in a circle."""
    first, second = "one", "other"
    async with database.write() as tx:
        for name in (first, second):
            await tx.execute(insert(versions).values(name=name, version="as it was"))
    both_hold_one = asyncio.Barrier(2)
    begun = 0

    async def changed(mine: str, theirs: str) -> None:
        async def work(tx: Tx) -> None:
            nonlocal begun
            begun += 1
            await tx.execute(update(versions).where(versions.c.name == mine).values(version="changed"))
            if begun <= 2 and database.dsn.engine != "sqlite":
                await both_hold_one.wait()
            await tx.execute(update(versions).where(versions.c.name == theirs).values(version="changed"))

        await database.transact(work)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(changed(first, second), changed(second, first))
    assert begun == (2 if database.dsn.engine == "sqlite" else 3)


async def test_what_is_begun_again_in_vain_is_told_after_a_while(sqlite: str):
    database = await open_database(dsn.parse(sqlite), pool_size=1)
    tried: list[Tx] = []

    async def work(tx: Tx) -> None:
        tried.append(tx)
        raise DatabaseAway from exc.OperationalError("", None, Exception(1213, "Deadlock found"))

    with pytest.raises(DatabaseAway):
        await database.transact(work)
    await database.close()
    assert DEADLOCKS_MOST == len(tried)
