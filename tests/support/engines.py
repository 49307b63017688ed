"""Scratch databases: migrated once for each test run, emptied for each test, dropped at the end."""

import asyncio
import contextlib
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest
from sqlalchemy import insert, inspect, make_url, text

from monoize.control.catalog.tables import price_book, routing
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, POINTER
from monoize.control.fleet.tables import fleet_pools
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.identity.tables import tenants, versions
from monoize.infra import dsn
from monoize.infra.async_engine import create_async_engine
from monoize.infra.audit_log import GENESIS, audit_head
from monoize.infra.db import open_database
from monoize.migrations import runner
from support.databases import borrowed
from support.rows import filled_of

ENGINES: Final = ("sqlite", "postgresql", "mariadb")
_SERVERS: Final = {
    "postgresql": os.environ.get("MONOIZE_TEST_POSTGRESQL", "postgresql://root@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("MONOIZE_TEST_MARIADB", "mysql://root@127.0.0.1:3306/mysql"),
}
REDIS: Final = os.environ.get("MONOIZE_TEST_REDIS", "redis://127.0.0.1:6379/0")


def required(part: str) -> bool:
    return part in os.environ.get("MONOIZE_TEST_REQUIRE", "").split(",")


def absent(part: str, why: str) -> None:
    """Skip the test for want of `part`, or fail where its presence was demanded."""
    if required(part):
        pytest.fail(f"{part} is required and absent: {why}")
    pytest.skip(f"{part} is absent: {why}")


class Scratch(Protocol):
    def fresh(self) -> str:
        """The DSN of an empty, migrated database."""
        ...

    def done(self, address: str) -> None:
        """Nobody uses this one any more; another test may."""
        ...

    def drop(self) -> None: ...


def open_scratch(name: str, folder: Path) -> Scratch:
    if name == "sqlite":
        return SqliteScratch(folder)
    return ServerScratch(name, _SERVERS[name])


@contextlib.contextmanager
def empty_database(name: str, folder: Path) -> Iterator[str]:
    """The DSN of a new database without a single table; on SQLite not even its file is there."""
    if name == "sqlite":
        yield f"sqlite://{folder}/data/empty.db"
        return
    scratch = ServerScratch(name, _SERVERS[name], migrated=False)
    try:
        yield scratch.dsn
    finally:
        scratch.drop()


class SqliteScratch:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = (folder / f"{number}.db" for number in itertools.count(1))
        self._done: list[Path] = []
        asyncio.run(_migrated(f"sqlite://{folder}/template.db"))

    def fresh(self) -> str:
        file = self._done.pop() if self._done else next(self._files)
        for old in self._folder.glob(f"{file.name}-*"):
            old.unlink()
        # Another file under the same name: whoever has not yet closed the one before keeps that to itself.
        shutil.copyfile(self._folder / "template.db", new := self._folder / "new")
        new.replace(file)
        return f"sqlite://{file}"

    def done(self, address: str) -> None:
        self._done.append(Path(address.removeprefix("sqlite://")))

    def drop(self) -> None:
        shutil.rmtree(self._folder)


class ServerScratch:
    def __init__(self, name: str, server: str, *, migrated: bool = True) -> None:
        self._server = server
        self._database = f"monoize_test_{secrets.token_hex(6)}"
        url = make_url(server).set(database=self._database)
        self.dsn = url.render_as_string(hide_password=False)
        try:
            asyncio.run(self._on_server(f"CREATE DATABASE {self._database}"))
            if name == "postgresql":
                # What is thrown away need not outlive the machine.
                asyncio.run(self._on_server(f"ALTER DATABASE {self._database} SET synchronous_commit = off"))
        except Exception as problem:  # noqa: BLE001 - whatever the reason, this engine is not to be had
            absent(name, str(problem))
        if migrated:
            asyncio.run(_migrated(self.dsn))

    def fresh(self) -> str:
        asyncio.run(_emptied(self.dsn))
        return self.dsn

    def done(self, address: str) -> None:
        """There is only one, which is emptied for whoever comes next."""

    def drop(self) -> None:
        force = " WITH (FORCE)" if self._server.startswith("postgres") else ""
        asyncio.run(self._on_server(f"DROP DATABASE {self._database}{force}"))

    async def _on_server(self, statement: str) -> None:
        engine = create_async_engine(dsn.parse(self._server).url, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(statement))
        await engine.dispose()


async def _migrated(address: str) -> None:
    database = await open_database(dsn.parse(address), pool_size=1)
    await runner.migrate(database)
    await database.close()


async def _emptied(address: str) -> None:
    """Empty what holds rows, past triggers and foreign keys. Most tables are empty anyway."""
    async with borrowed(address, pool_size=1) as database, database.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        names.remove(runner.schema_version.name)
        filled = list((await connection.execute(filled_of(names))).scalars())
        if connection.dialect.name == "postgresql":
            # Here TRUNCATE is many times slower than deleting a few rows.
            await connection.execute(text("SET session_replication_role = replica"))
            for name in filled:
                await connection.execute(text(f"DELETE FROM {name}"))
            restarted = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
            await connection.execute(text(restarted))
        else:
            await connection.execute(text("SET foreign_key_checks = 0"))
            for name in filled:
                await connection.execute(text(f"TRUNCATE TABLE {name}"))
            await connection.execute(text("SET foreign_key_checks = 1"))
        await connection.execute(insert(audit_head).values(id=1, seq=0, row_hash=GENESIS))
        await connection.execute(insert(price_book).values(id=1, generation=0))
        await connection.execute(insert(routing).values(id=1, generation=0))
        await connection.execute(insert(tenants).values(id=DEFAULT_TENANT_ID, name="default"))
        await connection.execute(insert(fleet_pools).values(id=DEFAULT_POOL_ID, name="default"))
        await connection.execute(insert(versions).values(name=POINTER, version=""))
        await connection.commit()
