"""Every table and column of docs/founding_schema.toml exists on SQLite, PostgreSQL and MariaDB.

Each engine gets an empty database, the migrations, and then two comparisons: with the founding schema, name by
name, and with the code, property by property.
"""

# needs: postgresql mariadb

import asyncio
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect
from support.engines import ENGINES, open_scratch

from monoize.infra import dsn
from monoize.infra.db import open_database
from monoize.migrations import verify

FOUNDING = Path(__file__).parents[1] / "docs" / "founding_schema.toml"


def founding_columns() -> dict[str, set[str]]:
    """Table → columns, united over the documents, since some tables are named by two of them."""
    promised: dict[str, set[str]] = {}
    for document in tomllib.loads(FOUNDING.read_text("utf-8")).values():
        for table, columns in document.items():
            promised.setdefault(table, set()).update(columns)
    return promised


def examine(connection: Connection) -> tuple[list[str], list[str], int, int]:
    """(what is missing, what differs from the code, tables found, columns found)."""
    inspector = inspect(connection)
    live = {
        table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()
    }
    missing, tables, columns = [], 0, 0
    for table, wanted in sorted(founding_columns().items()):
        if table not in live:
            missing.append(f"table {table}")
            continue
        tables += 1
        columns += len(wanted & live[table])
        missing += [f"column {table}.{name}" for name in sorted(wanted - live[table])]
    return missing, list(verify.differences(connection)), tables, columns


async def examined(address: str) -> tuple[list[str], list[str], int, int]:
    database = await open_database(dsn.parse(address), pool_size=1)
    async with database.connect() as connection:
        found = await connection.run_sync(examine)
    await database.close()
    return found


def main() -> int:
    promised = founding_columns()
    want_tables, want_columns = len(promised), sum(len(columns) for columns in promised.values())
    failures = 0
    for name in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                scratch = open_scratch(name, Path(folder))
            except (pytest.skip.Exception, pytest.fail.Exception) as problem:
                print(f"{name:<12} not examined: {str(problem).splitlines()[0]}")
                failures += 1
                continue
            try:
                missing, differing, tables, columns = asyncio.run(examined(scratch.fresh()))
            finally:
                if name != "sqlite":
                    scratch.drop()
        print(f"{name:<12} {tables} of {want_tables} tables, {columns} of {want_columns} columns")
        for line in [f"missing {what}" for what in missing] + differing:
            print(f"{'':<12} {line}")
        failures += len(missing) + len(differing)
    held = "holds" if failures == 0 else "DOES NOT HOLD"
    print(f"schema: {held}: {want_tables} tables and {want_columns} columns on {len(ENGINES)} engines")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
