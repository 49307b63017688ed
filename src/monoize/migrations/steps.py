"""What a migration may do: steps that can be taken again after a crash in the middle.

SQLite and PostgreSQL roll a broken migration back; MySQL commits every statement by itself. So each step first
looks whether it was already taken.
"""

from collections.abc import Collection, Sequence
from typing import Any

from alembic import op
from sqlalchemy import CheckConstraint, Column, MetaData, Select, Table, inspect, literal, select
from sqlalchemy import column as named
from sqlalchemy import table as lightweight
from sqlalchemy.schema import AddConstraint, CreateColumn, CreateIndex, CreateTable
from sqlalchemy.sql.schema import SchemaItem

from monoize.infra.columns import NAMES, TABLE_OPTIONS
from monoize.infra.triggers import trigger_names, triggers_of


def create_table(name: str, *items: SchemaItem, append_only: bool = False) -> None:
    """Create a table with its indexes and the triggers that its columns ask for."""
    table = _declared(name, *items, append_only=append_only)
    connection = op.get_bind()
    connection.execute(CreateTable(table, if_not_exists=True))
    _create_missing_indexes(table)
    existing = trigger_names(connection)
    for trigger in triggers_of(table, connection.dialect):
        if trigger.name not in existing:
            for statement in trigger.statements:
                connection.exec_driver_sql(statement)


def extend_table(name: str, *items: SchemaItem, append_only: bool = False) -> None:
    """Give a table the columns, indexes and references it lacks.

    Its triggers are made anew, since they name its columns.
    """
    _extend(_declared(name, *items, append_only=append_only))


def _extend(table: Table) -> None:
    connection, name = op.get_bind(), table.name
    present = {column["name"] for column in inspect(connection).get_columns(name)}
    for column in table.columns:
        if column.name not in present:
            definition = str(CreateColumn(column).compile(dialect=connection.dialect))
            # SQLite takes a reference only together with its column.
            reference = _reference_within(column) if connection.dialect.name == "sqlite" else ""
            connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {definition}{reference}")
    _create_missing_indexes(table)
    if connection.dialect.name != "sqlite":
        _create_missing_references(table)
    on = f" ON {name}" if connection.dialect.name == "postgresql" else ""
    for trigger in triggers_of(table, connection.dialect):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger.name}{on}")
        for statement in trigger.statements:
            connection.exec_driver_sql(statement)


def fill_table(name: str, columns: Sequence[str], rows: Select[Any]) -> None:
    """Fill a table that is still empty with what a query finds, in one statement."""
    connection = op.get_bind()
    into = lightweight(name, *map(named, columns))
    if connection.execute(select(literal(1)).select_from(into).limit(1)).first() is None:
        connection.execute(into.insert().from_select(columns, rows))


def relax_table(name: str, *items: SchemaItem, without: Collection[str] = ()) -> None:
    """Let a table be as it is declared here, in full: more columns, columns that may be empty, wider checks.

    `without` names indexes that go. Only for tables that no other refers to yet: SQLite changes none of this in a
    table that stands, so there it is copied into a new one.
    """
    connection = op.get_bind()
    table = _declared(name, *items, append_only=False)
    if connection.dialect.name == "sqlite":
        _copy_into_new(table, without)
        return
    _extend(table)
    postgresql = connection.dialect.name == "postgresql"
    for column in inspect(connection).get_columns(name):
        declared = table.columns.get(column["name"])
        if declared is not None and declared.nullable and not column["nullable"]:
            definition = str(CreateColumn(declared).compile(dialect=connection.dialect))
            how = f"ALTER COLUMN {declared.name} DROP NOT NULL" if postgresql else f"MODIFY COLUMN {definition}"
            connection.exec_driver_sql(f"ALTER TABLE {name} {how}")
    checks = {check["name"] for check in inspect(connection).get_check_constraints(name)}
    for constraint in sorted(table.constraints, key=lambda constraint: str(constraint.name)):
        if isinstance(constraint, CheckConstraint):
            if constraint.name in checks:
                connection.exec_driver_sql(f"ALTER TABLE {name} DROP CONSTRAINT {constraint.name}")
            connection.execute(AddConstraint(constraint))
    drop_indexes(name, without)


def _copy_into_new(table: Table, without: Collection[str]) -> None:
    connection = op.get_bind()
    standing = {column["name"] for column in inspect(connection).get_columns(table.name)}
    copied = ", ".join(f'"{column.name}"' for column in table.columns if column.name in standing)
    new = f"{table.name}_new"
    created = str(CreateTable(table).compile(dialect=connection.dialect))
    # Not by renaming the declaration: the names of its constraints are made of the table's name.
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {new}")
    connection.exec_driver_sql(created.replace(f"CREATE TABLE {table.name} ", f"CREATE TABLE {new} ", 1))
    connection.exec_driver_sql(f"INSERT INTO {new} ({copied}) SELECT {copied} FROM {table.name}")
    # The new table counts on from where the old one was, so that no number is given twice.
    counted = "SELECT seq FROM sqlite_sequence WHERE name = ?"
    last = connection.exec_driver_sql(counted, (table.name,)).scalar()
    connection.exec_driver_sql(f"DROP TABLE {table.name}")
    connection.exec_driver_sql(f"ALTER TABLE {new} RENAME TO {table.name}")
    connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
    if last is not None:
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, last))
    _create_missing_indexes(table)
    drop_indexes(table.name, without)
    for trigger in triggers_of(table, connection.dialect):
        for statement in trigger.statements:
            connection.exec_driver_sql(statement)


def drop_indexes(name: str, gone: Collection[str]) -> None:
    """Those of them that are there."""
    connection = op.get_bind()
    present = {index["name"] for index in inspect(connection).get_indexes(name)}
    on = f" ON {name}" if connection.dialect.name in ("mysql", "mariadb") else ""
    for index in sorted({str(one) for one in present}.intersection(gone)):
        connection.exec_driver_sql(f"DROP INDEX {index}{on}")


def _create_missing_indexes(table: Table) -> None:
    connection = op.get_bind()
    present = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if index.name not in present:
            connection.execute(CreateIndex(index))


def _reference_within(column: "Column[Any]") -> str:
    for key in column.foreign_keys:
        assert key.constraint is not None
        target, _, referred = key.target_fullname.partition(".")
        return f" CONSTRAINT {key.constraint.name} REFERENCES {target} ({referred}) ON DELETE {key.ondelete}"
    return ""


def _create_missing_references(table: Table) -> None:
    connection = op.get_bind()
    present = {key["name"] for key in inspect(connection).get_foreign_keys(table.name)}
    for constraint in sorted(table.foreign_key_constraints, key=lambda constraint: str(constraint.name)):
        if constraint.name not in present:
            connection.execute(AddConstraint(constraint))


def _declared(name: str, *items: SchemaItem, append_only: bool) -> Table:
    """The table as this migration means it, beside stubs of the tables that it refers to."""
    metadata = MetaData(naming_convention=NAMES)
    table = Table(name, metadata, *items, info={"append_only": append_only}, **TABLE_OPTIONS)
    for constraint in table.foreign_key_constraints:
        for key in constraint.elements:
            target, _, column = key.target_fullname.partition(".")
            if target not in metadata.tables:
                Table(target, metadata, Column(column, key.parent.type, primary_key=True))
    return table
