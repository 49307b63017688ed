"""What calls add up to, by the hour and by the day, of whomever they may be asked for by.

What was recorded before is added up here, in one statement for each table: this version does not write yet, so that
nothing is counted twice. It lacks what nobody had written down, which is what caches saved, and estimates.
"""

from typing import Any, Final

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    PrimaryKeyConstraint,
    Select,
    String,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import text
from monoize.migrations.steps import create_table, fill_table

_KEY: Final = (
    "at_ms",
    "tenant_id",
    "user_id",
    "api_key_id",
    "agent_id",
    "provider",
    "model",
    "served_model",
)
_TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "reasoning_tokens",
)
_BOUNDS_MS: Final = (
    ("within_100ms", 0, 100),
    ("within_250ms", 100, 250),
    ("within_500ms", 250, 500),
    ("within_1s", 500, 1_000),
    ("within_2500ms", 1_000, 2_500),
    ("within_5s", 2_500, 5_000),
    ("within_10s", 5_000, 10_000),
    ("within_30s", 10_000, 30_000),
    ("within_60s", 30_000, 60_000),
    ("within_120s", 60_000, 120_000),
    ("within_300s", 120_000, 300_000),
)
_FIGURES: Final = (
    *("calls", "failed", "estimated", "unpriced"),
    *_TOKENS,
    *("cost_nano", "charge_nano", "saved_nano", "most_saved_nano", "unmeasured"),
    *("compared", "compared_estimate_nano", "compared_charge_nano"),
    *("first_bytes", "first_byte_ms", "duration_ms"),
    *(name for name, _, _ in _BOUNDS_MS),
    "beyond_300s",
)
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000


def upgrade() -> None:
    for name in ("usage_hours", "usage_days"):
        create_table(
            name,
            Column("at_ms", BigInteger, nullable=False),
            Column("tenant_id", text(36), nullable=False),
            Column("user_id", text(36), nullable=False),
            Column("api_key_id", text(36), nullable=False),
            Column("agent_id", text(64), nullable=False),
            Column("provider", text(64), nullable=False),
            Column("model", text(191), nullable=False),
            Column("served_model", text(191), nullable=False),
            *(Column(figure, BigInteger, nullable=False, server_default=sql("0")) for figure in _FIGURES),
            PrimaryKeyConstraint(*_KEY),
            Index(None, "user_id", "at_ms"),
        )
    fill_table("usage_hours", *_hours())
    fill_table("usage_days", *_days())


def _hours() -> tuple[list[str], Select[Any]]:
    calls = table(
        "agent_telemetry",
        *map(column, ("id", "metric_type", "metric_name", "timestamp", "tenant_id", "created_by", "agent_id")),
        *map(column, ("provider", "model_used", "severity", "metadata_json", "cost_nano", *_TOKENS[:-1])),
    ).alias("calls")
    logs = table(
        "request_logs",
        *map(column, ("id", "api_key_id", "model", "charge_nano_usd", "reasoning_tokens")),
        *map(column, ("duration_ms", "ttfb_ms")),
    ).alias("logs")
    call, log = calls.c, logs.c
    when = cast(call.timestamp, BigInteger)
    key = {
        "at_ms": when - when % literal(_HOUR_MS, BigInteger),
        "tenant_id": call.tenant_id,
        "user_id": func.coalesce(call.created_by, ""),
        "api_key_id": func.coalesce(cast(log.api_key_id, String(36)), ""),
        "agent_id": func.coalesce(call.agent_id, ""),
        "provider": func.coalesce(call.provider, ""),
        "model": func.coalesce(log.model, ""),
        "served_model": func.coalesce(call.model_used, ""),
    }
    is_cached = or_(call.cache_read_input_tokens > 0, call.cache_creation_input_tokens > 0)
    figures = {
        "calls": func.count(),
        "failed": _how_many(call.severity == "warning"),
        "estimated": _how_many(call.metadata_json.like('%"estimated":true%')),
        "unpriced": _how_many(call.cost_nano.is_(None)),
        **{name: func.coalesce(func.sum(call[name]), 0) for name in _TOKENS[:-1]},
        "reasoning_tokens": func.coalesce(func.sum(log.reasoning_tokens), 0),
        "cost_nano": func.coalesce(func.sum(call.cost_nano), 0),
        "charge_nano": func.coalesce(func.sum(cast(log.charge_nano_usd, BigInteger)), 0),
        "unmeasured": _how_many(is_cached),
        "first_bytes": func.count(log.ttfb_ms),
        "first_byte_ms": func.coalesce(func.sum(log.ttfb_ms), 0),
        "duration_ms": func.coalesce(func.sum(log.duration_ms), 0),
        **{
            name: _how_many(and_(log.duration_ms > (low or -1), log.duration_ms <= high))
            for name, low, high in _BOUNDS_MS
        },
        "beyond_300s": _how_many(log.duration_ms > _BOUNDS_MS[-1][2]),
    }
    query = (
        select(*key.values(), *figures.values())
        .select_from(calls.outerjoin(logs, _as_text(log.id) == call.id))
        .where(call.metric_type == "llm", call.metric_name == "request")
        .group_by(*key.values())
    )
    return [*key, *figures], query


def _as_text(id: Any) -> Any:
    """Where ids have a type of their own; elsewhere they are found by their index."""
    return cast(id, Text) if op.get_bind().dialect.name == "postgresql" else id


def _how_many(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _days() -> tuple[list[str], Select[Any]]:
    hours = table("usage_hours", *map(column, (*_KEY, *_FIGURES)))
    when = cast(hours.c.at_ms, BigInteger)
    begins = when - when % literal(_DAY_MS, BigInteger)
    key = [begins, *(hours.c[name] for name in _KEY[1:])]
    query = select(*key, *(func.sum(hours.c[name]) for name in _FIGURES)).group_by(*key)
    return [*_KEY, *_FIGURES], query
