"""What was spent and by which request: `billing_ledger`, the only truth about money, and `request_logs`.

Neither has a foreign key: history survives the people, keys and channels it names.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    EMPTY_LIST,
    EMPTY_OBJECT,
    Id,
    NanoUsd,
    Timestamp,
    created_at,
    table,
    text,
)

billing_ledger = table(
    "billing_ledger",
    Column("id", Id, primary_key=True),
    Column("user_id", text(36), nullable=False),
    Column("api_key_id", text(36), index=True),
    Column("kind", text(64), nullable=False),
    # Repeating a (kind, request_id) is refused, so that a replayed charge is harmless; NULLs never collide.
    Column("request_id", text(191)),
    Column("delta_nano_usd", NanoUsd, nullable=False),
    Column("balance_after_nano_usd", NanoUsd),
    Column("meta_json", text(), nullable=False, server_default=EMPTY_OBJECT),
    created_at(),
    Index("ux_billing_ledger_kind_request_id", "kind", "request_id", unique=True),
    Index(None, "user_id", "created_at"),
    append_only=True,
)

request_logs = table(
    "request_logs",
    Column("id", Id, primary_key=True),
    Column("request_id", text(191), index=True),
    Column("user_id", text(36), nullable=False),
    Column("api_key_id", text(36), index=True),
    Column("model", text(191), nullable=False, index=True),
    Column("provider_id", text(36)),
    Column("upstream_model", text(191)),
    Column("channel_id", text(36)),
    Column("is_stream", Integer, nullable=False, server_default=sql("0")),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_creation_tokens", BigInteger),
    Column("tool_prompt_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("accepted_prediction_tokens", BigInteger),
    Column("rejected_prediction_tokens", BigInteger),
    Column("provider_multiplier", text(32)),
    Column("charge_nano_usd", NanoUsd),
    Column("status", text(16), nullable=False, server_default="success"),
    Column("usage_breakdown_json", text()),
    Column("billing_breakdown_json", text()),
    Column("error_code", text(64)),
    Column("error_message", text()),
    Column("error_http_status", Integer),
    Column("duration_ms", BigInteger),
    Column("ttfb_ms", BigInteger),
    Column("first_visible_output_ms", BigInteger),
    Column("last_visible_output_ms", BigInteger),
    Column("visible_generation_ms", BigInteger),
    Column("visible_output_tokens", BigInteger),
    Column("tps_mode", text(16)),
    Column("request_ip", text(64)),
    Column("reasoning_effort", text(32)),
    Column("tried_providers_json", text(), nullable=False, server_default=EMPTY_LIST),
    Column("request_kind", text(64)),
    Column("effective_provider_type", text(32)),
    Column("affinity_hit", Integer),
    Column("affinity_key_hash", text(64)),
    Column("affinity_target", text(191)),
    Column("created_at", Timestamp, nullable=False),
    Column("created_at_unix_ms", BigInteger, nullable=False, index=True),
    Index(None, "user_id", "created_at_unix_ms"),
    CheckConstraint("is_stream IN (0, 1)", name="is_stream"),
    CheckConstraint("status IN ('success', 'error')", name="status"),
    CheckConstraint("tps_mode IN ('exact', 'estimated', 'approx')", name="tps_mode"),
    CheckConstraint("affinity_hit IN (0, 1)", name="affinity_hit"),
)
