"""What hosts report is added up by hour, day, person and host; each trouble has one open alert; copies show sooner.

`reported_days` had the same sums as `reported_usage_days`, of fewer things, and they are taken over. It stays for
now, since a version that still runs beside this one writes it.
"""

from typing import Any, Final

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Select,
    String,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    update,
)
from sqlalchemy import text as sql

from monoize.infra.columns import Id, Timestamp, text
from monoize.migrations.steps import create_table, extend_table, fill_table

_KEY: Final = ("host_id", "at_ms", "provider", "model", "tenant_id", "user_id")
_NUMBERS: Final = (
    *("calls", "unpriced", "total_tokens", "input_tokens", "output_tokens", "cache_read_input_tokens"),
    *("reasoning_tokens", "cost_nano"),
)
_MIDNIGHT_MS: Final = {
    "sqlite": "CAST(strftime('%s', day) AS INTEGER) * 1000",
    "postgresql": "CAST(extract(epoch FROM day) AS bigint) * 1000",
    "mysql": "TIMESTAMPDIFF(SECOND, '1970-01-01', day) * 1000",
    "mariadb": "TIMESTAMPDIFF(SECOND, '1970-01-01', day) * 1000",
}


def upgrade() -> None:
    for name in ("reported_usage_hours", "reported_usage_days"):
        create_table(
            name,
            Column("host_id", BigInteger, nullable=False),
            Column("at_ms", BigInteger, nullable=False),
            Column("provider", text(64), nullable=False),
            Column("model", text(191), nullable=False),
            Column("tenant_id", text(36), nullable=False),
            Column("user_id", text(36), nullable=False),
            *(Column(number, BigInteger, nullable=False, server_default=sql("0")) for number in _NUMBERS),
            PrimaryKeyConstraint(*_KEY),
            Index(None, "at_ms"),
            Index(None, "user_id", "at_ms"),
        )
    fill_table("reported_usage_days", [*_KEY, *_NUMBERS], _days_of_old())
    extend_table(
        "host_refresh_tokens", Column("digest", text(64), primary_key=True), Column("repeated_at", Timestamp)
    )
    _settle_all_but_the_newest()
    # SQLite adds no column that is stored, and PostgreSQL knows no other.
    is_stored = True if op.get_bind().dialect.name == "postgresql" else None
    extend_table(
        "fleet_alerts",
        Column("id", Id, primary_key=True),
        Column("kind", text(32), nullable=False),
        Column("subject", text(191), nullable=False),
        Column("resolved_at", Timestamp),
        Column("is_open", Integer, Computed("CASE WHEN resolved_at IS NULL THEN 1 END", persisted=is_stored)),
        Index(None, "kind", "subject", "is_open", unique=True),
    )


def _days_of_old() -> Select[Any]:
    """By whom each host is paid for now: nobody wrote down who it was then."""
    days = table(
        "reported_days",
        *map(column, ("host_id", "provider", "model", "tenant_id", "events", "unpriced", "total", "input_tokens")),
        *map(column, ("output_tokens", "cached_tokens", "reasoning_tokens", "cost_nano")),
        column("day", Date),
    )
    hosts = table("hosts", column("id"), column("user_id", Id))
    at_ms: Any = literal_column(_MIDNIGHT_MS[op.get_bind().dialect.name], BigInteger)
    return select(
        *(days.c.host_id, at_ms, days.c.provider, days.c.model, days.c.tenant_id),
        func.coalesce(cast(hosts.c.user_id, String(36)), literal("")),
        *(days.c.events, days.c.unpriced, days.c.total, days.c.input_tokens, days.c.output_tokens),
        *(days.c.cached_tokens, days.c.reasoning_tokens, days.c.cost_nano),
    ).select_from(days.outerjoin(hosts, hosts.c.id == days.c.host_id))


def _settle_all_but_the_newest() -> None:
    """Two that noticed the same trouble at once may each have opened an alert."""
    names = ("id", "kind", "subject", "resolved_at", "last_seen_at")
    alerts, newer = (
        table("fleet_alerts", *map(column, names)),
        table("fleet_alerts", *map(column, names)).alias("newer"),
    )
    twice = select(alerts.c.id).where(
        alerts.c.resolved_at.is_(None),
        newer.c.resolved_at.is_(None),
        newer.c.kind == alerts.c.kind,
        newer.c.subject == alerts.c.subject,
        newer.c.id > alerts.c.id,
    )
    # Asked first: MySQL changes no table that it reads in the same statement.
    for id in op.get_bind().execute(twice.distinct()).scalars().all():
        settled = update(alerts).where(alerts.c.id == id)
        op.get_bind().execute(settled.values(resolved_at=alerts.c.last_seen_at))
