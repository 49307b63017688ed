"""Many rows into one table or found in it, in as few statements as an engine allows.

SQLite hands the interpreter over with every row of an ordinary bulk insert, and waits to get it back while the
event loop is busy; so there many rows travel in one statement. All rows have the same columns.
"""

import functools
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Dialect, Table, any_, func, insert, literal, select

from monoize.infra.batches import SIZES, in_batches, marks, values_of
from monoize.infra.db import Tx

Convert = Callable[[Any], Any]
_encoder: Final = msgspec.json.Encoder()


async def insert_many(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]], *, then: str = "") -> None:
    """`then`: what SQLite is to do about rows that are there, in its own words; the others do not hear of it."""
    if not rows:
        return
    dialect = tx.connection.dialect
    if dialect.name != "sqlite":
        await tx.execute(insert(table), [dict(row) for row in rows])
        return
    insert_into, converts = _sqlite_insert(table, dialect, tuple(rows[0]), then)
    columns = [_column([row[name] for row in rows], convert) for name, convert in converts]
    batches = in_batches(list(zip(*columns, strict=True)))
    # One trip to the database for each size: under load a trip is what takes longest.
    for size, of_size in itertools.groupby(batches, len):
        await tx.connection.exec_driver_sql(insert_into[size], [values_of(batch) for batch in of_size])


def _column(values: list[Any], convert: Convert | None) -> Sequence[Any]:
    """Down a column most values are the one above again, such as the moment of a batch."""
    if convert is None:
        return values
    converted: list[Any] = []
    last = values[0]
    as_stored = convert(last)
    for value in values:
        if value is not last:
            last, as_stored = value, convert(value)
        converted.append(as_stored)
    return converted


def is_one_of(tx: Tx, column: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """`column IN (values)` for hundreds of them, as one parameter where the engine can take it.

    With hundreds, PostgreSQL ends up with a plan that compares every row with each of them, and writing the
    statement takes longer than running it.
    """
    match tx.connection.dialect.name:
        case "postgresql":
            return column == any_(literal(list(values), ARRAY(column.type)))
        case "sqlite":
            convert = column.type.dialect_impl(tx.connection.dialect).bind_processor(tx.connection.dialect)
            document = _encoder.encode([convert(value) if convert else value for value in values])
            listed = func.json_each(document.decode()).table_valued("value")
            return column.in_(select(listed.c.value))
        case _:
            return column.in_(values)


@functools.cache
def _sqlite_insert(
    table: Table, dialect: Dialect, names: tuple[str, ...], then: str
) -> tuple[Mapping[int, str], Sequence[tuple[str, Convert | None]]]:
    """The statement for each number of rows, and for each column what turns a value into what is stored."""
    insert_into = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "
    converts = [(name, table.columns[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names]
    return {size: f"{insert_into}{marks(len(names), size)} {then}" for size in SIZES}, converts
