"""The database: `read()` and `write()` on SQLite, PostgreSQL and MySQL/MariaDB alike.

SQLite has one writer connection, whose transactions begin IMMEDIATE and therefore never fail half-way for a
lock, and a pool of readers over WAL. The other engines have one pool at READ COMMITTED. A `write` commits when
its block ends and rolls back on any exception.

Do not open a `read` inside a `write`: read through the transaction. An in-memory database has one connection.
"""

import asyncio
import contextlib
import os
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import AsyncAdaptedQueuePool, CursorResult, Executable, QueuePool, event, exc, text

from monoize.base.errors import StartupProblem, Unavailable
from monoize.infra import sqlite_driver
from monoize.infra.async_engine import AsyncConnection, AsyncEngine, create_async_engine
from monoize.infra.changes import Changes
from monoize.infra.dsn import Dsn

BUSY_TIMEOUT_S: Final = 15
STATEMENT_TIMEOUT_S: Final = 30
DEADLOCKS_MOST: Final = 5
DEADLOCK_PAUSE_S: Final = 0.05
CONNECT_TIMEOUT_S: Final = 5

WRITER_CACHE_KB: Final = 16_384
READER_CACHE_KB: Final = 2_048
"""There are many of them, and the system keeps what they read as well."""

T = TypeVar("T")

_PRAGMAS: Final = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",
    # NORMAL in WAL mode cannot corrupt; FULL also keeps the last commit through a power cut, and money is here.
    "PRAGMA synchronous = FULL",
    # As the other engines do, where LIKE tells letters from capitals.
    "PRAGMA case_sensitive_like = ON",
)


class DatabaseAway(Unavailable):
    """The database does not answer."""

    code = "database_unavailable"
    hint = "Try again shortly; an operator finds the reason in the server's log."


class Tx:
    """One open transaction, or one reader: what stores execute on."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def execute(
        self, statement: Executable, values: dict[str, Any] | list[dict[str, Any]] | None = None
    ) -> CursorResult[Any]:
        return await self.connection.execute(statement, values)

    async def scalar(self, statement: Executable) -> Any:
        return await self.connection.scalar(statement)


class PoolUse(NamedTuple):
    """Connections that are taken at the moment, and how many there may be."""

    taken: int
    most: int


class Database:
    def __init__(self, dsn: Dsn, *, pool_size: int) -> None:
        self.dsn = dsn
        self.changes = Changes(self._mark)
        if dsn.engine != "sqlite":
            self._reader = self._writer = _server_engine(dsn, pool_size)
        elif dsn.in_memory:
            self._reader = self._writer = _sqlite_engine(dsn, pool_size=1, writes=True)
        else:
            self._writer = _sqlite_engine(dsn, pool_size=1, writes=True)
            self._reader = _sqlite_engine(dsn, pool_size=pool_size, writes=False)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        async with _translated(), self._reader.connect() as connection:
            yield Tx(connection)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        async with _translated(), self._writer.begin() as connection:
            yield Tx(connection)
        self.changes.made()

    async def transact(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """A `write` that is begun again when the engine has ended it for the sake of another."""
        for attempt in range(1, DEADLOCKS_MOST):
            try:
                async with self.write() as tx:
                    return await work(tx)
            except DatabaseAway as problem:
                if not _is_deadlock(problem.__cause__):
                    raise
                # Not in step with the other.
                await asyncio.sleep(random.uniform(0, DEADLOCK_PAUSE_S * attempt))  # noqa: S311
        async with self.write() as tx:
            return await work(tx)

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A bare writer connection for migrations, which manage their own transaction."""
        async with self._writer.connect() as connection:
            yield connection

    def pools(self) -> Mapping[str, PoolUse]:
        """Of this process; one pool where the engine needs no second."""
        engines = {"writer": self._writer} | ({} if self._reader is self._writer else {"reader": self._reader})
        return {name: _use_of(engine) for name, engine in engines.items()}

    async def _mark(self) -> object:
        """What is another after each commit of any process; MySQL has nothing of the kind that is cheap."""
        if self.dsn.engine == "postgresql":
            async with self.read() as tx:
                return await tx.scalar(text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))
        if self.dsn.file is None:
            return None
        try:
            found = os.stat(f"{self.dsn.file}-wal")
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size

    async def close(self) -> None:
        await self._reader.dispose()
        if self._writer is not self._reader:
            await self._writer.dispose()


async def open_database(dsn: Dsn, *, pool_size: int) -> Database:
    """Connect, creating the parent folders and the file of a SQLite database that is not there yet."""
    if dsn.file is not None:
        await asyncio.to_thread(_prepare_file, dsn.file)
    database = Database(dsn, pool_size=pool_size)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S), database.connect() as connection:
            await connection.execute(text("SELECT 1"))
    # A parameter that the driver does not know is a TypeError, one that it cannot read a ValueError.
    except (exc.SQLAlchemyError, OSError, TypeError, ValueError) as problem:
        await database.close()
        reason = str(getattr(problem, "orig", None) or problem) or "no answer in time"
        raise StartupProblem(
            f"cannot open the database {dsn}: {reason.splitlines()[0]}; "
            "check MONOIZE_DATABASE_DSN and that the database is running"
        ) from problem
    return database


def _prepare_file(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Made by us so that its mode is ours: the ledger is not for other users of the machine.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as problem:
        raise StartupProblem(
            f"cannot create the database file {file}: {problem.strerror}; "
            "choose a folder that may be written with MONOIZE_DATABASE_DSN"
        ) from problem


def _use_of(engine: AsyncEngine) -> PoolUse:
    pool = engine.sync_engine.pool
    assert isinstance(pool, QueuePool)
    return PoolUse(pool.checkedout(), pool.size())


def _server_engine(dsn: Dsn, pool_size: int) -> AsyncEngine:
    arguments: dict[str, Any] = (
        {
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": STATEMENT_TIMEOUT_S,
            "server_settings": {"timezone": "UTC", "application_name": "monoize"},
        }
        if dsn.engine == "postgresql"
        else {"connect_timeout": CONNECT_TIMEOUT_S, "init_command": "SET time_zone = '+00:00'"}
    )
    return create_async_engine(
        dsn.url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args=arguments,
    )


def _sqlite_engine(dsn: Dsn, *, pool_size: int, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        dsn.url,
        # Also in memory, where one connection for everybody at once would mix up their transactions.
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        hide_parameters=True,
        connect_args={"isolation_level": None, "async_creator_fn": sqlite_driver.connect},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        if writes:
            _use_wal(cursor)
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KB if writes else READER_CACHE_KB}")
        if not writes:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_wal(cursor: Any) -> None:
    """Processes that open a new file at once get in each other's way here, and SQLite does not wait by itself."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            # Only while the file is new, and then nothing else runs in this process.
            time.sleep(0.02)
        else:
            return


@contextlib.asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Losing the database is everybody's trouble, and everybody is told in the same words."""
    try:
        yield
    except exc.TimeoutError as problem:
        raise DatabaseAway from problem
    except exc.DBAPIError as problem:
        if problem.connection_invalidated or _is_deadlock(problem) or _is_operational(problem):
            raise DatabaseAway from problem
        raise
    except OSError as problem:
        # With a file's name it is trouble with that file, in the block, and not with a connection.
        if problem.filename is not None:
            raise
        raise DatabaseAway from problem


# What drivers call operational though it is our mistake: SQLite's name for a statement that does not fit its
# schema, MySQL's numbers for an unknown column, a trigger that refuses, and a CHECK on MySQL and on MariaDB.
_MISTAKES: Final = frozenset({"SQLITE_ERROR", 1054, 1644, 3819, 4025})


def _is_operational(problem: exc.DBAPIError) -> bool:
    codes = {getattr(problem.orig, "sqlite_errorname", None), *getattr(problem.orig, "args", ())[:1]}
    return isinstance(problem, exc.OperationalError) and not codes & _MISTAKES


# SQLSTATE of PostgreSQL, numbers of MySQL: a circle, or a lock that was waited for too long.
_DEADLOCKS: Final = frozenset({"40P01", "40001", 1205, 1213})


def _is_deadlock(problem: BaseException | None) -> bool:
    """Of two transactions that waited for each other, the engine has ended this one, and undone it."""
    if not isinstance(problem, exc.DBAPIError):
        return False
    codes = {getattr(problem.orig, "sqlstate", None), *getattr(problem.orig, "args", ())[:1]}
    return bool(codes & _DEADLOCKS)


def violated(problem: exc.IntegrityError, column: str) -> bool:
    """Whether a unique rule on `column` was broken; every engine names the column or its index."""
    return column in str(problem.orig)
