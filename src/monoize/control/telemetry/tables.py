"""What agents and hosts did and used: `agent_telemetry`, `token_usages`, and what both add up to.

Ids of people, agents and tenants are plain text here: what was measured outlives whom it names.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
)
from sqlalchemy import (
    text as sql,
)

from monoize.control.telemetry.model.reported import ReportedKey, ReportedSum
from monoize.control.telemetry.model.usage import Figures, ModelKey, UsageKey
from monoize.infra.columns import (
    EMPTY_OBJECT,
    big_integer_ref,
    created_at,
    integer_key,
    real,
    table,
    text,
    unix_created_at,
    unix_updated_at,
)

agent_telemetry = table(
    "agent_telemetry",
    Column("id", text(64), primary_key=True),
    Column("idempotency_key", text(191)),
    Column("tenant_id", text(36), nullable=False),
    Column("session_id", text(191)),
    Column("config_id", text(64)),
    Column("config_version", Integer),
    Column("command_id", text(64)),
    Column("metric_type", text(64), nullable=False),
    Column("metric_name", text(128), nullable=False),
    Column("metric_value", real(), nullable=False),
    Column("unit", text(32)),
    Column("timestamp", BigInteger, nullable=False, index=True),
    Column("metadata_json", text(), server_default=EMPTY_OBJECT),
    Column("role_name", text(128)),
    Column("created_by", text(191)),
    Column("event_type", text(64)),
    Column("severity", text(16)),
    Column("model_used", text(191)),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cost_estimate", real()),
    unix_created_at(),
    unix_updated_at(),
    Column("cache_creation_input_tokens", Integer, server_default=sql("0")),
    Column("provider", text(64)),
    Column("agent_id", text(64), index=True),
    Column("agent_email", text(254)),
    Column("cache_read_input_tokens", Integer, server_default=sql("0")),
    Column("is_batch", Integer, server_default=sql("0")),
    Column("is_us_only", Integer, server_default=sql("0")),
    Column("is_fast_mode", Integer, server_default=sql("0")),
    Column("is_long_context", Integer, server_default=sql("0")),
    Column("tool_choice", text(16)),
    Column("tool_system_prompt_tokens", Integer, server_default=sql("0")),
    Column("tool_overhead_input_tokens", Integer, server_default=sql("0")),
    Column("web_search_requests", Integer, server_default=sql("0")),
    Column("code_exec_seconds", Integer, server_default=sql("0")),
    # For display. The cost that counts is cost_nano, which stays NULL while the price is unknown.
    Column("computed_cost_usd", real(), server_default=sql("0")),
    Column("cost_nano", BigInteger),
    Column("cost_breakdown_json", text(), server_default=EMPTY_OBJECT),
    Column("total_input_tokens", Integer, server_default=sql("0")),
    Column("cache_hit_rate", real(), server_default=sql("0.0")),
    Column("cache_efficiency_score", real(), server_default=sql("0.0")),
    Column("cache_cost_savings_usd", real(), server_default=sql("0.0")),
    Column("cache_breakpoints_used", Integer, server_default=sql("0")),
    Column("cache_ttl_seconds", Integer, server_default=sql("300")),
    Column("cache_strategy", text(16)),
    Column("pricing_source", text(64), server_default="direct_api"),
    Column("output_rate_per_mtok", real()),
    Column("input_rate_per_mtok", real()),
    Column("cache_read_rate_per_mtok", real()),
    Column("cache_write_rate_per_mtok", real()),
    Column("subscription_monthly_usd", real()),
    Column("neuron_cost_usd", real(), server_default=sql("0")),
    Column("neurons_used", Integer, server_default=sql("0")),
    Column("neuron_rate_per_1k", real(), server_default=sql("0.011")),
    Column("model_size_class", text(16)),
    Column("workspace_id", text(64)),
    Column("service_name", text(191)),
    Column("instance_id", text(191)),
    Column("location", text(64)),
    Column("trace_id", text(32), index=True),
    Column("span_id", text(16)),
    UniqueConstraint("tenant_id", "idempotency_key"),
    Index(None, "tenant_id", "session_id"),
    Index(None, "tenant_id", "timestamp"),
    Index(None, "tenant_id", "provider", "model_used", "timestamp"),
    Index(None, "metric_type", "metric_name"),
    CheckConstraint("severity IN ('debug', 'info', 'warning', 'error', 'critical')", name="severity"),
    CheckConstraint("tool_choice IN ('auto', 'any', 'tool', 'none')", name="tool_choice"),
    CheckConstraint("cache_strategy IN ('none', 'auto', 'explicit', 'implicit', 'mixed')", name="cache_strategy"),
    # A turn or a run sums up requests that carry their own cost: a second cost would count double.
    CheckConstraint(
        "cost_nano IS NULL OR NOT (metric_type = 'llm' AND metric_name = 'turn'"
        " OR metric_type = 'agent' AND metric_name = 'run')",
        name="cost_nano",
    ),
    *(
        CheckConstraint(f"{flag} IN (0, 1)", name=flag)
        for flag in ("is_batch", "is_us_only", "is_fast_mode", "is_long_context")
    ),
)

token_usages = table(
    "token_usages",
    integer_key(),
    Column("idempotency_key", text(191), unique=True),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
    Column("total", BigInteger),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("model", text(128)),
    Column("line", text()),
    created_at(),
    Column("ingest_id", big_integer_ref(), ForeignKey("token_usage_ingests.id", ondelete="SET NULL"), index=True),
    # Frozen when the row came in, with the price that it was reckoned by; NULL where there was none.
    Column("cost_nano", BigInteger),
    Column("unpriced", Boolean, nullable=False, server_default=false()),
    Column("price_id", text(36)),
    Index(None, "created_at"),
)

# Nobody reads it any more, and only versions before this one write it. It goes when none of those is left to run
# beside us: `usage_days` has all that it had.
telemetry_days = table(
    "telemetry_days",
    Column("tenant_id", text(36), nullable=False),
    Column("day", Date, nullable=False),
    Column("provider", text(64), nullable=False),
    Column("model", text(191), nullable=False),
    Column("calls", BigInteger, nullable=False, server_default=sql("0")),
    Column("input_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("output_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("cache_creation_input_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("cache_read_input_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("cost_nano", BigInteger, nullable=False, server_default=sql("0")),
    Column("unpriced_calls", BigInteger, nullable=False, server_default=sql("0")),
    PrimaryKeyConstraint("tenant_id", "day", "provider", "model"),
    Index(None, "day"),
)


_WHOSE: Final[Mapping[str, int]] = {
    "tenant_id": 36,
    "user_id": 36,
    "api_key_id": 36,
    "agent_id": 64,
    "provider": 64,
    "model": 191,
    "served_model": 191,
}
"""What calls are told apart by, and how long its names can be."""


def _usage(name: str, key: tuple[str, ...], *indexes: Index) -> Table:
    """What calls add up to: one table for hours, one for days."""
    return table(
        name,
        # When the hour or the day began, in milliseconds since 1970.
        Column("at_ms", BigInteger, nullable=False),
        *(Column(who, text(_WHOSE[who]), nullable=False) for who in key[1:]),
        *(Column(figure, BigInteger, nullable=False, server_default=sql("0")) for figure in Figures._fields),
        PrimaryKeyConstraint(*key),
        *indexes,
    )


usage_hours = _usage("usage_hours", UsageKey._fields, Index(None, "user_id", "at_ms"))
usage_days = _usage("usage_days", UsageKey._fields, Index(None, "user_id", "at_ms"))
usage_model_hours = _usage("usage_model_hours", ModelKey._fields)
usage_model_days = _usage("usage_model_days", ModelKey._fields)


def _reported(name: str) -> Table:
    """What hosts report adds up to: one table for hours, one for days."""
    return table(
        name,
        # As it was when it reported: what was used outlives the host.
        Column("host_id", BigInteger, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        *(Column(whose, text(_WHOSE[whose]), nullable=False) for whose in ReportedKey._fields[2:]),
        *(Column(number, BigInteger, nullable=False, server_default=sql("0")) for number in ReportedSum._fields),
        PrimaryKeyConstraint(*ReportedKey._fields),
        Index(None, "at_ms"),
        Index(None, "user_id", "at_ms"),
    )


reported_usage_hours = _reported("reported_usage_hours")
reported_usage_days = _reported("reported_usage_days")

# As `telemetry_days` above: `reported_usage_days` has all that it had.
reported_days = table(
    "reported_days",
    Column("host_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("provider", text(64), nullable=False),
    Column("model", text(128), nullable=False),
    Column("tenant_id", text(36), nullable=False),
    Column("events", BigInteger, nullable=False, server_default=sql("0")),
    Column("total", BigInteger, nullable=False, server_default=sql("0")),
    Column("input_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("output_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("cached_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("reasoning_tokens", BigInteger, nullable=False, server_default=sql("0")),
    Column("cost_nano", BigInteger, nullable=False, server_default=sql("0")),
    Column("unpriced", BigInteger, nullable=False, server_default=sql("0")),
    PrimaryKeyConstraint("host_id", "day", "provider", "model", "tenant_id"),
    Index(None, "day"),
)
