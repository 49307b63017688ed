"""What a migration may do: steps that can be taken again after a crash in the middle.

SQLite and PostgreSQL roll a broken migration back; MySQL commits every statement by itself. So each step first
looks whether it was already taken.
"""

from typing import Any

from alembic import op
from sqlalchemy import Column, MetaData, Table, inspect
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
    table = _declared(name, *items, append_only=append_only)
    connection = op.get_bind()
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
