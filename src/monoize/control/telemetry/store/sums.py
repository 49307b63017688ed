"""SQL of sums that are written beside the rows they add up, so that a summary need not read millions of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Table, and_, bindparam, select, tuple_, update
from sqlalchemy.dialects import mysql, postgresql, sqlite

from monoize.control.telemetry.model.sums import BIG_INTEGER_MOST, added
from monoize.infra.db import Tx

Key = TypeVar("Key", bound=tuple[Any, ...])


class Sums:
    """One table of them: `key` names the columns of its primary key, `numbers` what is added up, to `most`."""

    def __init__(
        self, table: Table, *, key: Sequence[str], numbers: Sequence[str], most: int = BIG_INTEGER_MOST
    ) -> None:
        self._table: Final = table
        self._key: Final = key
        self._numbers: Final = numbers
        self._most: Final = most

    async def add(self, tx: Tx, sums: Mapping[Key, tuple[int, ...]]) -> None:
        """Locks in the order of the keys, so that no two transactions can wait for each other in a circle."""
        if not sums:
            return
        before = await self._locked(tx, sorted(sums))
        columns = self._table.c
        statement = (
            update(self._table)
            .where(and_(*(columns[name] == bindparam(f"of_{name}") for name in self._key)))
            .values({name: bindparam(f"new_{name}") for name in self._numbers})
        )
        rows = [
            {f"of_{name}": value for name, value in zip(self._key, key, strict=True)}
            | {
                f"new_{name}": value
                for name, value in zip(self._numbers, added((numbers, sums[key]), self._most), strict=True)
            }
            for key, numbers in before.items()
        ]
        await tx.execute(statement, rows)

    async def _locked(self, tx: Tx, keys: Sequence[Key]) -> Mapping[Key, tuple[int, ...]]:
        """What the sums are now, after making those that are not there; nobody else moves them until the end."""
        made = [dict(zip(self._key, key, strict=True)) for key in keys]
        await tx.execute(self._made_or_left(tx.connection.dialect.name), made)
        columns = self._table.c
        query = select(self._table).where(tuple_(*(columns[name] for name in self._key)).in_(keys))
        found = {
            tuple(getattr(row, name) for name in self._key): tuple(getattr(row, name) for name in self._numbers)
            for row in await tx.execute(query)
        }
        return {key: found[key] for key in keys}

    def _made_or_left(self, dialect: str) -> Any:
        """Writing a row as it is takes its lock, which leaving it alone would not do everywhere."""
        some = self._numbers[0]
        as_it_is = {some: self._table.c[some]}
        if dialect in ("mysql", "mariadb"):
            return mysql.insert(self._table).on_duplicate_key_update(as_it_is)
        insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
        return insert(self._table).on_conflict_do_update(index_elements=self._key, set_=as_it_is)
