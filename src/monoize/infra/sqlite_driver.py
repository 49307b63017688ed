"""SQLite for asyncio, with one trip to its thread for each statement.

aiosqlite makes four of them: for a cursor, the statement, its rows and the end of the cursor. Each comes back at
the next turn of the event loop, so that under load a transaction of a dozen statements would wait for fifty turns.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import aiosqlite

Rows = Sequence[tuple[Any, ...]]


def connect(file: str, **options: Any) -> aiosqlite.Connection:
    connection = _Connection(lambda: sqlite3.connect(file, **options), iter_chunk_size=64)
    # A process that is told to stop does not wait for it.
    connection._thread.daemon = True
    return connection


class _Connection(aiosqlite.Connection):
    def cursor(self) -> "_Cursor":  # type: ignore[override]
        return _Cursor(self)


class _Cursor:
    """What SQLAlchemy asks of a cursor; it has all rows of its statement once that has run."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: Rows = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> "_Cursor":
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> None:
        await self._in_thread(sqlite3.Cursor.execute, statement, parameters)

    async def executemany(self, statement: str, parameters: Any) -> None:
        await self._in_thread(sqlite3.Cursor.executemany, statement, parameters)

    async def fetchall(self) -> Rows:
        return self._rows

    async def close(self) -> None:
        self._rows = ()

    async def _in_thread(self, run: Any, statement: str, parameters: Any) -> None:
        await self._connection._execute(self._run, run, statement, parameters)  # type: ignore[no-untyped-call]

    def _run(self, run: Any, statement: str, parameters: Any) -> None:
        cursor = self._connection._conn.cursor()
        try:
            run(cursor, statement, parameters)
            self.description = cursor.description
            self.rowcount = cursor.rowcount
            self.lastrowid = cursor.lastrowid
            self._rows = cursor.fetchall() if cursor.description else ()
        finally:
            cursor.close()
