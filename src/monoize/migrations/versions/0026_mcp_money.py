"""Calls of tools can cost something, services are opened by OAuth, and what calls add up to is kept in one place.

`telemetry_days` had the same sums as `usage_days`, of fewer things: the days that only it knows are taken over. It
stays for now, since a version that still runs beside this one writes it.
"""

from typing import Any, Final

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Select,
    column,
    exists,
    insert,
    literal_column,
    select,
    table,
)
from sqlalchemy import text as sql

from monoize.infra.columns import Id, Timestamp, text, unix_updated_at, updated_at
from monoize.migrations.steps import extend_table

_SAME: Final = (
    *("calls", "input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
    "cost_nano",
)
_KEY: Final = (
    *("at_ms", "tenant_id", "user_id", "api_key_id", "agent_id"),
    *("provider", "model", "served_model"),
)
_MIDNIGHT_MS: Final = {
    "sqlite": "CAST(strftime('%s', day) AS INTEGER) * 1000",
    "postgresql": "CAST(extract(epoch FROM day) AS bigint) * 1000",
    "mysql": "TIMESTAMPDIFF(SECOND, '1970-01-01', day) * 1000",
    "mariadb": "TIMESTAMPDIFF(SECOND, '1970-01-01', day) * 1000",
}


def upgrade() -> None:
    extend_table(
        "mcp_services",
        Column("id", Id, primary_key=True),
        Column("oauth", JSON(none_as_null=True)),
        Column("oauth_sealed", text()),
        updated_at(),
    )
    extend_table(
        "mcp_tools",
        Column("id", Id, primary_key=True),
        Column("price_nano_usd", BigInteger),
        Column("gone_at", Timestamp),
        updated_at(),
        Index(None, "gone_at"),
    )
    extend_table(
        "mcp_calls",
        Column("id", Id, primary_key=True),
        Column("charge_nano_usd", BigInteger),
    )
    extend_table(
        "agent_telemetry",
        Column("id", text(64), primary_key=True),
        Column("config_version", Integer),
        unix_updated_at(),
    )
    for name in ("usage_hours", "usage_days"):
        extend_table(
            name,
            *(Column(part, BigInteger if part == "at_ms" else text(191), nullable=False) for part in _KEY),
            Column("unanswered", BigInteger, nullable=False, server_default=sql("0")),
            PrimaryKeyConstraint(*_KEY),
        )
    columns, days = _days_of_old()
    op.get_bind().execute(insert(table("usage_days", *map(column, columns))).from_select(columns, days))


def _days_of_old() -> tuple[list[str], Select[Any]]:
    """Those of which `usage_days` knows nothing: they lie further back than the calls that it was made of."""
    days = table(
        "telemetry_days",
        *map(column, ("tenant_id", "provider", "model", "unpriced_calls", *_SAME)),
        column("day", Date),
    )
    known = table("usage_days", column("at_ms"))
    at_ms: Any = literal_column(_MIDNIGHT_MS[op.get_bind().dialect.name], BigInteger)
    nobody: Any = literal_column("''")
    chosen = {
        "at_ms": at_ms,
        "tenant_id": days.c.tenant_id,
        "user_id": nobody,
        "api_key_id": nobody,
        "agent_id": nobody,
        "provider": days.c.provider,
        "model": days.c.model,
        "served_model": days.c.model,
        "unpriced": days.c.unpriced_calls,
        **{name: days.c[name] for name in _SAME},
    }
    is_known = exists().where(known.c.at_ms == at_ms).correlate(days)
    return list(chosen), select(*chosen.values()).where(~is_known)
