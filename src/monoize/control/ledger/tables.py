"""What was spent and by which request: `billing_ledger`, the only truth about money, and `request_logs`.

None has a foreign key: history survives the people, keys and channels it names. `ledger_heads` and `ledger_days`
follow from the rows: where each account ends, and its sums of each day.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
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
    # Whose balance moved (a user's, or a key's sub-account), the row's number there, and our seal over all of it.
    Column("account_id", text(36)),
    Column("account_seq", BigInteger),
    Column("row_mac", text(64)),
    # Whose request was charged, where it was an agent's: the agent on a machine, and the record that governed it.
    Column("agent_id", text(64)),
    Column("agent_record_id", text(64)),
    Index("ux_billing_ledger_kind_request_id", "kind", "request_id", unique=True),
    Index("ux_billing_ledger_account_id_account_seq", "account_id", "account_seq", unique=True),
    Index(None, "user_id", "created_at"),
    Index(None, "user_id", "id"),
    Index(None, "agent_id", "id"),
    Index(None, "agent_record_id", "id"),
    append_only=True,
)

ledger_heads = table(
    "ledger_heads",
    Column("account_id", text(36), primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    # Grows with every row from a secret that no row holds, so that cutting rows off the end cannot be covered up.
    Column("chain", text(64), nullable=False),
)

ledger_days = table(
    "ledger_days",
    Column("account_id", text(36), nullable=False),
    # As YYYY-MM-DD, in UTC.
    Column("day", text(10), nullable=False),
    Column("kind", text(64), nullable=False),
    # Empty where no key had to do with it.
    Column("api_key_id", text(36), nullable=False),
    Column("user_id", text(36), nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("total_nano_usd", NanoUsd, nullable=False),
    PrimaryKeyConstraint("account_id", "day", "kind", "api_key_id"),
    Index(None, "user_id", "day"),
)

request_logs = table(
    "request_logs",
    Column("id", Id, primary_key=True),
    Column("request_id", text(191), index=True),
    Column("user_id", text(36), nullable=False),
    Column("api_key_id", text(36)),
    Column("model", text(191), nullable=False),
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
    Column("cache_hit", Integer),
    Column("agent_record_id", text(64)),
    # What the gates said of it, each with its rule and numbers.
    Column("decisions_json", text()),
    Column("created_at", Timestamp, nullable=False),
    Column("created_at_unix_ms", BigInteger, nullable=False, index=True),
    Index(None, "user_id", "created_at_unix_ms"),
    Index(None, "api_key_id", "created_at_unix_ms"),
    Index(None, "model", "created_at_unix_ms"),
    Index(None, "status", "created_at_unix_ms"),
    Index(None, "agent_record_id", "created_at_unix_ms"),
    CheckConstraint("is_stream IN (0, 1)", name="is_stream"),
    CheckConstraint("status IN ('success', 'error')", name="status"),
    CheckConstraint("tps_mode IN ('exact', 'estimated', 'approx')", name="tps_mode"),
    CheckConstraint("affinity_hit IN (0, 1)", name="affinity_hit"),
)
