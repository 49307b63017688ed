"""Many rows into one table or found in it, in as few statements as an engine allows.

SQLite hands the interpreter over with every row of an ordinary bulk insert, and waits to get it back while the
event loop is busy; so there all rows travel as one JSON document in one statement. All rows have the same columns.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Dialect, Table, any_, func, insert, literal, select

from monoize.infra.db import Tx

Convert = Callable[[Any], Any]

_encoder: Final = msgspec.json.Encoder()


async def insert_many(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    dialect = tx.connection.dialect
    if dialect.name != "sqlite":
        await tx.execute(insert(table), [dict(row) for row in rows])
        return
    statement, converts = _as_json(table, dialect, tuple(rows[0]))
    columns = [_column([row[name] for row in rows], convert) for name, convert in converts]
    document = _encoder.encode(list(zip(*columns, strict=True)))
    await tx.connection.exec_driver_sql(statement, (document.decode(),))


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
def _as_json(
    table: Table, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, Sequence[tuple[str, Convert | None]]]:
    """The statement, and for each column what turns a value into what the database stores."""
    columns = ", ".join(names)
    values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(names)))
    converts = [(name, table.columns[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names]
    return f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM json_each(?)", converts
