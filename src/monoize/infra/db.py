"""The database: `read()` and `write()` on SQLite, PostgreSQL and MySQL/MariaDB alike.

SQLite has one writer connection, whose transactions begin IMMEDIATE and therefore never fail half-way for a
lock, and a pool of readers over WAL. The other engines have one pool at READ COMMITTED. A `write` commits when
its block ends and rolls back on any exception.

Do not open a `read` inside a `write`: read through the transaction. An in-memory database has one connection.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import AsyncAdaptedQueuePool, CursorResult, Executable, event, exc, text

from monoize.base.errors import StartupProblem, Unavailable
from monoize.infra import sqlite_driver
from monoize.infra.async_engine import AsyncConnection, AsyncEngine, create_async_engine
from monoize.infra.dsn import Dsn

BUSY_TIMEOUT_S: Final = 15
STATEMENT_TIMEOUT_S: Final = 30
CONNECT_TIMEOUT_S: Final = 5

WRITER_CACHE_KB: Final = 16_384
READER_CACHE_KB: Final = 2_048
"""There are many of them, and the system keeps what they read as well."""

_PRAGMAS: Final = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",
    # NORMAL in WAL mode cannot corrupt; FULL also keeps the last commit through a power cut, and money is here.
    "PRAGMA synchronous = FULL",
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


class Database:
    def __init__(self, dsn: Dsn, *, pool_size: int) -> None:
        self.dsn = dsn
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

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A bare writer connection for migrations, which manage their own transaction."""
        async with self._writer.connect() as connection:
            yield connection

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
        if problem.connection_invalidated or _is_operational(problem):
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


def violated(problem: exc.IntegrityError, column: str) -> bool:
    """Whether a unique rule on `column` was broken; every engine names the column or its index."""
    return column in str(problem.orig)
