"""Sealing what lies in the database anew, with another master key: `main/master_key` asks for it.

The stores of the rooms say where their sealed values lie and what each is bound to (`SealedValues`). Nothing is
changed unless everything can be: a value that does not open, or lies where nobody told us, is a StartupProblem.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Select, Table, Text, literal, or_, select, update

from monoize.base.errors import StartupProblem
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken

Place = tuple[str, ...]
Places = Callable[[Row[Any]], Iterator[tuple[str, Place]]]


@dataclasses.dataclass(frozen=True, slots=True)
class SealedValues:
    """Of one table: `query` gives the key of each row, its sealed columns, and what their places are made of."""

    table: Table
    query: Select[Any]
    places: Places

    @property
    def key(self) -> Sequence[str]:
        return [column.name for column in self.table.primary_key]


def sealed_in(table: Table, column: str, place: Callable[[Row[Any]], Place]) -> SealedValues:
    """One sealed column, bound to what stands in its own row."""

    def places(row: Row[Any]) -> Iterator[tuple[str, Place]]:
        yield column, place(row)

    return SealedValues(table, select(table), places)


def by_id(table: Table, column: str) -> SealedValues:
    """One sealed column, bound to (table, column, id)."""
    return sealed_in(table, column, lambda row: (table.name, column, str(row.id)))


async def seal_anew(tx: Tx, everything: Iterable[SealedValues], old: Seal, new: Seal) -> int:
    """How many values there were."""
    count = 0
    for values in everything:
        for row in (await tx.execute(values.query)).all():
            fresh = dict(_fresh(row, values.places, old, new))
            if fresh:
                mine = [values.table.c[name] == getattr(row, name) for name in values.key]
                await tx.execute(update(values.table).where(*mine).values(**fresh))
                count += len(fresh)
    return count


def _fresh(row: Row[Any], places: Places, old: Seal, new: Seal) -> Iterator[tuple[str, str]]:
    for column, place in places(row):
        stored = getattr(row, column)
        # What is not ours in these columns, such as a token that Auth.js keeps, stays as it is.
        if isinstance(stored, str) and stored.startswith(old.prefix):
            try:
                yield column, new.seal(old.open(stored, *place), *place)
            except SealBroken as problem:
                raise StartupProblem(
                    f"a secret does not open with the present master key: {', '.join(place)}; "
                    "set it again or delete it, and nothing was changed"
                ) from problem


async def check_nothing_left(tx: Tx, tables: Iterable[Table], old: Seal) -> None:
    """Refuse rather than lose: a sealed value in a column that nobody told us of could never be opened again."""
    for table in tables:
        held = [column.like(f"{old.prefix}%") for column in table.columns if type(column.type) is Text]
        if not held or table.info.get("append_only"):
            continue
        if await tx.scalar(select(literal(1)).select_from(table).where(or_(*held)).limit(1)) is not None:
            raise StartupProblem(f"the table {table.name} holds secrets that cannot be sealed anew")
