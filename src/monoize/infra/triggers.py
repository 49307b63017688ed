"""The triggers of the house, derived from `columns.py`: who needs one, and its text on each engine.

Two kinds: a touch trigger moves `updated_at` when a row changes without saying so itself, and an append-only
table refuses UPDATE and DELETE. A reference that ON DELETE SET NULL clears is the one change an append-only row
lets pass, since forgetting a pointer does not rewrite history.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from sqlalchemy import JSON, Column, Connection, Dialect, Table


@dataclasses.dataclass(frozen=True, slots=True)
class Trigger:
    name: str
    table: str
    statements: tuple[str, ...]


def triggers_of(table: Table, dialect: Dialect) -> Iterator[Trigger]:
    for column in table.columns:
        if "touch" in column.info:
            yield _touch(table, column, dialect)
    if table.info.get("append_only"):
        yield _refusal(table, "update", dialect)
        yield _refusal(table, "delete", dialect)


def trigger_names(connection: Connection) -> frozenset[str]:
    """The triggers that are at work in the live database."""
    match connection.dialect.name:
        case "sqlite":
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        case "postgresql":
            query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        case _:
            query = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    return frozenset(connection.exec_driver_sql(query).scalars())


def _touch(table: Table, column: "Column[Any]", dialect: Dialect) -> Trigger:
    now = str(column.info["touch"]().compile(dialect=dialect))
    name, stamp = f"tr_{table.name}_touch", column.name
    match dialect.name:
        case "sqlite":
            return Trigger(
                name,
                table.name,
                (
                    f"CREATE TRIGGER {name} AFTER UPDATE ON {table.name} FOR EACH ROW "
                    f"WHEN NEW.{stamp} IS OLD.{stamp} BEGIN "
                    f"UPDATE {table.name} SET {stamp} = {now} WHERE rowid = NEW.rowid; END",
                ),
            )
        case "postgresql":
            return Trigger(
                name,
                table.name,
                (
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF NEW.{stamp} IS NOT DISTINCT FROM OLD.{stamp} THEN "
                    # The clock itself, not the start of the transaction, which may be the old value.
                    f"NEW.{stamp} := {now.replace('CURRENT_TIMESTAMP', 'clock_timestamp()')}; "
                    "END IF; RETURN NEW; END $$",
                    f"CREATE TRIGGER {name} BEFORE UPDATE ON {table.name} FOR EACH ROW EXECUTE FUNCTION {name}()",
                ),
            )
        case _:
            return Trigger(
                name,
                table.name,
                (
                    f"CREATE TRIGGER {name} BEFORE UPDATE ON {table.name} FOR EACH ROW "
                    f"IF NEW.{stamp} <=> OLD.{stamp} THEN SET NEW.{stamp} = {now}; END IF",
                ),
            )


def _refusal(table: Table, verb: str, dialect: Dialect) -> Trigger:
    name = f"tr_{table.name}_no_{verb}"
    message = f"{table.name} is append-only"
    changed = _changed(table, dialect) if verb == "update" else None
    match dialect.name:
        case "sqlite":
            when = f"WHEN {changed} " if changed else ""
            statements: tuple[str, ...] = (
                f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table.name} FOR EACH ROW "
                f"{when}BEGIN SELECT RAISE(ABORT, '{message}'); END",
            )
        case "postgresql":
            when = f"WHEN ({changed}) " if changed else ""
            statements = (
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
                f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table.name} "
                f"FOR EACH ROW {when}EXECUTE FUNCTION {name}()",
            )
        case _:
            signal = f"SIGNAL SQLSTATE '23000' SET MESSAGE_TEXT = '{message}'"
            body = f"IF {changed} THEN {signal}; END IF" if changed else signal
            statements = (f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table.name} FOR EACH ROW {body}",)
    return Trigger(name, table.name, statements)


def _changed(table: Table, dialect: Dialect) -> str:
    """SQL that is true when an UPDATE changes anything but a reference that is being cleared."""
    tests = []
    for column in table.columns:
        quoted = dialect.identifier_preparer.quote(column.name)
        new, old = f"NEW.{quoted}", f"OLD.{quoted}"
        match dialect.name:
            case "sqlite":
                differs = f"{new} IS NOT {old}"
            case "postgresql":
                # Its JSON cannot be compared but as text.
                cast = "::text" if isinstance(column.type, JSON) else ""
                differs = f"{new}{cast} IS DISTINCT FROM {old}{cast}"
            case _:
                differs = f"NOT ({new} <=> {old})"
        cleared = any(key.ondelete == "SET NULL" for key in column.foreign_keys)
        tests.append(f"({differs} AND {new} IS NOT NULL)" if cleared else differs)
    return " OR ".join(tests)
