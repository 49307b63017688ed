"""Does the live database have the schema that the code believes in? Compared on any engine, without changing it."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Connection,
    Dialect,
    ForeignKeyConstraint,
    Inspector,
    Table,
    UniqueConstraint,
    inspect,
    types,
)

from monoize.control.catalog import tables as _catalog
from monoize.control.compute import tables as _compute
from monoize.control.fleet import tables as _fleet
from monoize.control.governance import tables as _governance
from monoize.control.identity import tables as _identity
from monoize.control.ledger import tables as _ledger
from monoize.control.mcp import tables as _mcp
from monoize.control.projects import tables as _projects
from monoize.control.telemetry import tables as _telemetry
from monoize.infra.audit_log import logs
from monoize.infra.columns import schema
from monoize.infra.idempotency import idempotency_keys
from monoize.infra.triggers import trigger_names, triggers_of
from monoize.migrations import runner

# Every module that declares tables; importing them is what fills `schema`.
DECLARED = (
    _catalog,
    _compute,
    _fleet,
    _governance,
    _identity,
    _ledger,
    _mcp,
    _projects,
    _telemetry,
    logs,
    idempotency_keys,
)


def declared_tables() -> Iterator[Table]:
    """Every table that the code believes in, by name."""
    yield from (table for _, table in sorted(schema.tables.items()))


def differences(connection: Connection) -> Iterator[str]:
    """One line for each thing the database lacks, has too much of, or has otherwise."""
    inspector = inspect(connection)
    live, declared = set(inspector.get_table_names()), set(schema.tables)
    yield from (f"table {name} is missing" for name in sorted(declared - live))
    yield from (f"table {name} is not ours" for name in sorted(live - declared))
    triggers = trigger_names(connection)
    for name in sorted(declared & live):
        table = schema.tables[name]
        yield from _columns(table, inspector, connection.dialect)
        yield from _keys(table, inspector, connection)
        for trigger in triggers_of(table, connection.dialect):
            if trigger.name not in triggers:
                yield f"trigger {trigger.name} is missing"
    yield from _migrations(connection)


def _migrations(connection: Connection) -> Iterator[str]:
    applied = runner.applied_checksums(connection)
    for migration in runner.known_migrations():
        if migration.version not in applied:
            yield f"migration {migration.name} is not applied"
        elif applied[migration.version] != migration.checksum:
            yield f"migration {migration.name} was applied in another version than this program has"


def _columns(table: Table, inspector: Inspector, dialect: Dialect) -> Iterator[str]:
    live = {column["name"]: column for column in inspector.get_columns(table.name)}
    for column in table.columns:
        where = f"{table.name}.{column.name}"
        found = live.pop(column.name, None)
        if found is None:
            yield f"column {where} is missing"
            continue
        wanted, present = _type_name(column.type, dialect), _type_name(found["type"], dialect)
        if wanted != present:
            yield f"column {where} is {present}, not {wanted}"
        if found["nullable"] != column.nullable:
            yield f"column {where} is {'' if found['nullable'] else 'not '}nullable"
        has_default = column.server_default is not None and column.computed is None
        # PostgreSQL counts a key up by a default, the others by a property of the column.
        if not column.primary_key and has_default == (found["default"] is None):
            yield f"column {where} has {'no' if found['default'] is None else 'a'} default"
    yield from (f"column {table.name}.{name} is not ours" for name in sorted(live))


def _type_name(kind: types.TypeEngine[Any], dialect: Dialect) -> str:
    """The type as this engine spells it, without what engines add on their own."""
    name = kind.compile(dialect=dialect).upper().partition(" COLLATE ")[0].partition(" CHARACTER SET ")[0]
    name = _SPELLINGS.get(name, name)
    # MariaDB's JSON is a LONGTEXT that checks its content.
    return "LONGTEXT" if name == "JSON" and getattr(dialect, "is_mariadb", False) else name


_SPELLINGS = {"BOOL": "TINYINT(1)", "INTEGER(11)": "INTEGER", "BIGINT(20)": "BIGINT", "DOUBLE": "DOUBLE PRECISION"}


def _keys(table: Table, inspector: Inspector, connection: Connection) -> Iterator[str]:
    name = table.name
    wanted = [column.name for column in table.primary_key]
    if inspector.get_pk_constraint(name)["constrained_columns"] != wanted:
        yield f"the primary key of {name} is not ({', '.join(wanted)})"
    live_unique = {tuple(index["column_names"]) for index in inspector.get_indexes(name) if index["unique"]}
    live_unique |= {tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(name)}
    live_index = live_unique | {tuple(index["column_names"]) for index in inspector.get_indexes(name)}
    for columns in _unique(table):
        if columns not in live_unique:
            yield f"{name} ({', '.join(columns)}) is not unique"
    for index in table.indexes:
        columns = tuple(column.name for column in index.columns)
        if columns not in live_index:
            yield f"index {index.name} is missing"
    live_checks = {check["name"] for check in inspector.get_check_constraints(name)}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint) and constraint.name not in live_checks:
            yield f"check {constraint.name} is missing"
    live_foreign = set(_live_foreign(name, inspector, connection))
    for key in table.foreign_key_constraints:
        if _foreign(key) not in live_foreign:
            yield f"foreign key {key.name} is missing or acts otherwise"


def _live_foreign(
    table: str, inspector: Inspector, connection: Connection
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for key in inspector.get_foreign_keys(table):
        columns = tuple(key["constrained_columns"])
        on_delete = key.get("options", {}).get("ondelete") or _on_delete(table, columns[0], connection)
        yield columns, key["referred_table"], on_delete.replace("RESTRICT", "NO ACTION")


def _on_delete(table: str, column: str, connection: Connection) -> str:
    """SQLAlchemy does not see how a reference acts that SQLite was given together with its column."""
    if connection.dialect.name != "sqlite":
        return "NO ACTION"
    keys = connection.exec_driver_sql(f"PRAGMA foreign_key_list({table})").mappings()
    return next((str(key["on_delete"]) for key in keys if key["from"] == column), "NO ACTION")


def _unique(table: Table) -> Iterator[tuple[str, ...]]:
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield tuple(column.name for column in constraint.columns)
    for index in table.indexes:
        if index.unique:
            yield tuple(column.name for column in index.columns)


def _foreign(constraint: ForeignKeyConstraint) -> tuple[tuple[str, ...], str, str]:
    columns = tuple(column.name for column in constraint.columns)
    on_delete = (constraint.ondelete or "NO ACTION").replace("RESTRICT", "NO ACTION")
    return columns, constraint.referred_table.name, on_delete
