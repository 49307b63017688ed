"""SQL of sums that are written beside the rows they add up, so that a summary need not read millions of them."""

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Table,
    and_,
    bindparam,
    case,
    exc,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects import mysql, postgresql

from monoize.control.telemetry.model.sums import BIG_INTEGER_MOST, SumTooLarge
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx

Key = TypeVar("Key", bound=tuple[Any, ...])

# What leaves 64 bits while it is added: PostgreSQL's name for it, and the numbers of MySQL and MariaDB.
_OUT_OF_RANGE: Final = frozenset({"22003", 1264, 1690})


class Sums:
    """One table of them: `key` names the columns of its primary key, `numbers` what is added up, to `most`.

    `guarded` names those that might come to more, if not all of them might: each addition is looked at.
    """

    def __init__(
        self,
        table: Table,
        *,
        key: Sequence[str],
        numbers: Sequence[str],
        guarded: Collection[str] | None = None,
        most: int = BIG_INTEGER_MOST,
    ) -> None:
        self._table: Final = table
        self._names: Final = (*key, *numbers)
        self._key: Final = key
        self._numbers: Final = numbers
        self._guarded: Final = frozenset(numbers if guarded is None else guarded)
        self._most: Final = most
        self._sqlite_then: Final = self._added_on_sqlite()

    async def add(self, tx: Tx, sums: Mapping[Key, tuple[int, ...]]) -> None:
        """In the order of the keys, so that no two transactions can wait for each other in a circle."""
        if any(max(numbers) > self._most or min(numbers) < -self._most for numbers in sums.values()):
            raise SumTooLarge
        rows = [(*key, *sums[key]) for key in sorted(sums)]
        if not rows:
            return
        try:
            match tx.connection.dialect.name:
                case "sqlite":
                    await insert_many(tx, self._table, self._named(rows), then=self._sqlite_then)
                case "postgresql":
                    columns = zip(self._names, map(list, zip(*rows, strict=True)), strict=True)
                    await tx.execute(self._postgresql, dict(columns))
                case _:
                    await tx.execute(self._mysql, self._named(rows))
        except exc.IntegrityError as problem:
            raise SumTooLarge from problem
        except exc.DBAPIError as problem:
            if {getattr(problem.orig, "sqlstate", None), *getattr(problem.orig, "args", ())[:1]} & _OUT_OF_RANGE:
                raise SumTooLarge from problem
            raise

    def _added_on_sqlite(self) -> str:
        """Where two whole numbers leave 64 bits SQLite goes on with a fraction, which is no sum of ours."""
        sums = ((name, f"{self._table.name}.{name} + excluded.{name}") for name in self._numbers)
        each = ", ".join(
            f"{name} = CASE WHEN typeof({sum}) = 'integer' AND {sum} BETWEEN -{self._most} AND {self._most}"
            f" THEN {sum} END"
            if name in self._guarded
            else f"{name} = {sum}"
            for name, sum in sums
        )
        return f"ON CONFLICT ({', '.join(self._key)}) DO UPDATE SET {each}"

    def _named(self, rows: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
        return [dict(zip(self._names, row, strict=True)) for row in rows]

    @functools.cached_property
    def _mysql(self) -> Any:
        into = mysql.insert(self._table)
        return into.on_duplicate_key_update(self._added(into.inserted))

    @functools.cached_property
    def _postgresql(self) -> Any:
        """Column by column, which takes a third of what row by row does."""
        columns = [bindparam(name, type_=ARRAY(self._table.c[name].type)) for name in self._names]
        rows = func.unnest(*columns).table_valued(*self._names).render_derived()
        found = select(*(rows.c[name] for name in self._names))
        into = postgresql.insert(self._table).from_select(list(self._names), found)
        return into.on_conflict_do_update(index_elements=self._key, set_=self._added(into.excluded))

    def _added(self, new: Any) -> dict[str, Any]:
        """A sum that would be too large becomes NULL, which no column of them takes."""
        # Written out: what stands behind the rows may hold no parameters of its own.
        least: ColumnElement[int] = literal_column(f"-{self._most}")
        most: ColumnElement[int] = literal_column(f"{self._most}")
        sums = {name: self._table.c[name] + new[name] for name in self._numbers}
        return {
            name: case((and_(sum >= least, sum <= most), sum), else_=null()) if name in self._guarded else sum
            for name, sum in sums.items()
        }
