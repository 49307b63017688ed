"""Everything that is stored at one moment, to compare with another moment."""

from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text

from monoize.infra import dsn
from monoize.infra.async_engine import create_async_engine


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of each file, mode alone of each folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


async def rows(address: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    engine = create_async_engine(dsn.parse(address).url)
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        found = {
            name: sorted((tuple(row) for row in await connection.execute(text(f"SELECT * FROM {name}"))), key=repr)
            for name in names
        }
    await engine.dispose()
    return found


async def table_names(address: str) -> set[str]:
    engine = create_async_engine(dsn.parse(address).url)
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    return set(names)
