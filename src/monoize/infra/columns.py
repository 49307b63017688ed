"""The column vocabulary of every `tables.py`: one meaning on SQLite, PostgreSQL and MySQL/MariaDB.

A room says *what* a column holds (`Id`, `Timestamp`, `text(64)`, `NanoUsd`); this module says how each
engine stores it. `schema` is the one MetaData that all rooms fill; `triggers.py` reads the `info` that
`updated_at` and `append_only` leave behind.
"""

import datetime as dt
import re
import uuid
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    types,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.sql.schema import SchemaItem

NAMES: Final = {
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "ux_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

schema = MetaData(naming_convention=NAMES)

_ID_AS_KEPT: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

TABLE_OPTIONS: Final[dict[str, Any]] = {
    "sqlite_autoincrement": True,
    # Binary collation: MySQL then compares names as the other two engines do, by case and accent.
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def table(name: str, *items: SchemaItem, append_only: bool = False) -> Table:
    """Declare a table of the house; `append_only` makes the database refuse UPDATE and DELETE."""
    return Table(name, schema, *items, info={"append_only": append_only}, **TABLE_OPTIONS)


class Id(types.TypeDecorator[str]):
    """A UUID, always a lower-case dashed `str` in Python."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(types.UUID(as_uuid=False))
        return dialect.type_descriptor(String(36))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or _ID_AS_KEPT.fullmatch(value):
            return value
        return str(uuid.UUID(value))


class Timestamp(types.TypeDecorator[dt.datetime]):
    """An instant: timezone-aware UTC in Python, microseconds kept."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        match dialect.name:
            case "sqlite":
                return dialect.type_descriptor(sqlite.DATETIME())  # type: ignore[no-untyped-call]
            case "mysql" | "mariadb":
                return dialect.type_descriptor(mysql.DATETIME(fsp=6))
            case _:
                return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a Timestamp needs a time zone")
        value = value.astimezone(dt.UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        return value.replace(tzinfo=dt.UTC) if value is not None and value.tzinfo is None else value


class NanoUsd(types.TypeDecorator[int]):
    """Money as an exact integer of nano-USD, stored as decimal TEXT in the signed 128-bit range."""

    impl = Text()
    cache_ok = True
    BOUND: Final = 2**127

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        mysql_like = dialect.name in ("mysql", "mariadb")
        return dialect.type_descriptor(String(40) if mysql_like else Text())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not -self.BOUND <= value < self.BOUND:
            raise OverflowError("an amount of money left the 128-bit range")
        return str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class utc_now(FunctionElement[dt.datetime]):  # noqa: N801 - reads as the SQL function it is
    """The database's own clock as a Timestamp."""

    type = Timestamp()
    inherit_cache = True


@compiles(utc_now)
def _utc_now(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"


@compiles(utc_now, "mysql", "mariadb")
def _utc_now_mysql(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:
    # CURRENT_TIMESTAMP would be in the time zone of whoever runs an UPDATE by hand.
    return "(UTC_TIMESTAMP(6))"


class unix_now(FunctionElement[int]):  # noqa: N801
    """The database's own clock in whole seconds since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(unix_now)
def _unix_now(element: unix_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "(CAST(FLOOR(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP)) AS BIGINT))"


@compiles(unix_now, "sqlite")
def _unix_now_sqlite(element: unix_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "(CAST(strftime('%s', 'now') AS INTEGER))"


@compiles(unix_now, "mysql", "mariadb")
def _unix_now_mysql(element: unix_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "(UNIX_TIMESTAMP())"


class text_now(FunctionElement[str]):  # noqa: N801
    """The database's own clock as `YYYY-MM-DD HH:MM:SS` text, for tables that keep times as text."""

    type = Text()
    inherit_cache = True


@compiles(text_now)
def _text_now(element: text_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "(to_char(CURRENT_TIMESTAMP AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))"


@compiles(text_now, "sqlite")
def _text_now_sqlite(element: text_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%S', 'now'))"


@compiles(text_now, "mysql", "mariadb")
def _text_now_mysql(element: text_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "(CAST(UTC_TIMESTAMP() AS CHAR(19)))"


def text(length: int | None = None) -> types.TypeEngine[str]:
    """TEXT. MySQL can index, default or make unique only a bounded one: give those a length."""
    on_mysql = String(length) if length else mysql.LONGTEXT()
    return Text().with_variant(on_mysql, "mysql", "mariadb")


EMPTY_LIST: Final = sql("('[]')")
EMPTY_OBJECT: Final = sql("('{}')")
"""Server defaults of JSON columns; MySQL takes only an expression there."""


def real() -> types.TypeEngine[float]:
    """A double on every engine (PostgreSQL's own REAL has four bytes only). Never for money that counts."""
    return Double().with_variant(sqlite.REAL(), "sqlite")


def blob() -> types.TypeEngine[bytes]:
    return LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def integer_key() -> Column[int]:
    """A 64-bit `id` that the database counts up and never reuses."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Column("id", kind, primary_key=True, autoincrement=True)


def big_integer_ref() -> types.TypeEngine[int]:
    """The type of a foreign key to an `integer_key`."""
    return BigInteger().with_variant(Integer(), "sqlite")


def created_at() -> Column[dt.datetime]:
    return Column("created_at", Timestamp, nullable=False, server_default=utc_now())


def updated_at() -> Column[dt.datetime]:
    """Moved by the database itself, so that a hand-run UPDATE moves it too."""
    return Column("updated_at", Timestamp, nullable=False, server_default=utc_now(), info={"touch": utc_now})


def unix_created_at() -> Column[int]:
    return Column("created_at", BigInteger, nullable=False, server_default=unix_now())


def unix_updated_at() -> Column[int]:
    return Column("updated_at", BigInteger, nullable=False, server_default=unix_now(), info={"touch": unix_now})


def text_created_at() -> Column[str]:
    return Column("created_at", text(32), nullable=False, server_default=text_now())


def text_updated_at() -> Column[str]:
    return Column("updated_at", text(32), nullable=False, server_default=text_now(), info={"touch": text_now})
