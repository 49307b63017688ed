"""The enrolled hosts and the credentials their pools share: canonical documents, who has which, how to enrol."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    Id,
    Timestamp,
    big_integer_ref,
    created_at,
    integer_key,
    table,
    text,
    updated_at,
)

fleet_pools = table(
    "fleet_pools",
    Column("id", Id, primary_key=True),
    Column("name", text(64), nullable=False, unique=True),
    Column("tool", text(16), nullable=False, server_default="codex"),
    Column("mode", text(16), nullable=False, server_default="shared"),
    Column("validation", text(16), nullable=False, server_default="off"),
    Column("payloads_kept", Integer, nullable=False, server_default=sql("20")),
    # 0: hosts that fall silent are kept.
    Column("inactivity_days", Integer, nullable=False, server_default=sql("30")),
    Column("quota_hard_fail", Boolean, nullable=False, server_default=true()),
    Column("quota_limit_percent", Integer, nullable=False, server_default=sql("100")),
    Column("quota_week_partition", Integer, nullable=False, server_default=sql("0")),
    Column("silent", Boolean, nullable=False, server_default=false()),
    # The version of the tool that hosts shall run; NULL lets them choose.
    Column("client_version", text(64)),
    Column("refresh_lease_owner", text(36)),
    Column("refresh_lease_until", Timestamp),
    Column("refresh_failed_at", Timestamp),
    Column("refresh_error", text(64)),
    Column("refresh_generation", BigInteger, nullable=False, server_default=sql("0")),
    created_at(),
    updated_at(),
    CheckConstraint("tool IN ('codex', 'claude', 'gemini')", name="tool"),
    CheckConstraint("mode IN ('shared', 'hub', 'api_key', 'gateway')", name="mode"),
    CheckConstraint("validation IN ('required', 'advisory', 'off')", name="validation"),
    CheckConstraint("quota_week_partition IN (0, 5, 7)", name="quota_week_partition"),
)

hosts = table(
    "hosts",
    integer_key(),
    Column("fqdn", text(255), nullable=False, unique=True),
    # SHA-256 of the key the host holds, never the key itself.
    Column("api_key", text(64), nullable=False, unique=True),
    Column("status", text(32), nullable=False, server_default="active"),
    Column("allow_roaming_ips", Boolean, nullable=False, server_default=false()),
    Column("last_refresh", Timestamp),
    Column("auth_digest", text(128)),
    Column("ip", text(64)),
    Column("client_version", text(64)),
    Column("wrapper_version", text(64)),
    Column("api_calls", BigInteger, nullable=False, server_default=sql("0")),
    created_at(),
    updated_at(),
    # Nullable because SQLite adds a reference to rows that are there in no other way.
    Column("pool_id", Id, ForeignKey("fleet_pools.id", ondelete="RESTRICT"), index=True),
    # Who pays for what the host sends through the gateway.
    Column("user_id", Id, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("gateway_key_id", Id, ForeignKey("api_keys.id", ondelete="SET NULL"), index=True),
    Column("secure", Boolean, nullable=False, server_default=true()),
    Column("vip", Boolean, nullable=False, server_default=false()),
    Column("expires_at", Timestamp),
    Column("last_seen_at", Timestamp),
    Column("insecure_enabled_until", Timestamp),
    Column("insecure_window_minutes", Integer, nullable=False, server_default=sql("10")),
    # NULL: all of them.
    Column("allowed_targets", JSON(none_as_null=True)),
    Column("tags", JSON(none_as_null=True)),
    Column("client_version_override", text(64)),
    Column("model_override", text(128)),
    Column("reasoning_effort_override", text(32)),
    Index(None, "updated_at"),
    CheckConstraint("status IN ('active', 'suspended')", name="status"),
)

auth_payloads = table(
    "auth_payloads",
    integer_key(),
    Column("last_refresh", Timestamp, nullable=False, index=True),
    Column("sha256", text(64), nullable=False),
    Column("source_host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
    # Sealed.
    Column("body", text()),
    created_at(),
    Column("pool_id", Id, ForeignKey("fleet_pools.id", ondelete="CASCADE")),
    Column("origin", text(32), nullable=False, server_default="host"),
    Index(None, "created_at"),
    Index(None, "pool_id", "id"),
)

auth_entries = table(
    "auth_entries",
    integer_key(),
    Column("payload_id", big_integer_ref(), ForeignKey("auth_payloads.id", ondelete="CASCADE"), nullable=False),
    Column("target", text(255), nullable=False),
    # Sealed.
    Column("token", text(), nullable=False),
    Column("token_type", text(32), nullable=False, server_default="bearer"),
    Column("organization", text(255)),
    Column("project", text(255)),
    Column("api_base", text(255)),
    Column("meta", JSON(none_as_null=True)),
    created_at(),
    UniqueConstraint("payload_id", "target"),
)

host_auth_states = table(
    "host_auth_states",
    Column(
        "host_id",
        big_integer_ref(),
        ForeignKey("hosts.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "payload_id",
        big_integer_ref(),
        ForeignKey("auth_payloads.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("seen_digest", text(64), nullable=False),
    Column("seen_at", Timestamp, nullable=False),
)

host_auth_digests = table(
    "host_auth_digests",
    integer_key(),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False),
    Column("digest", text(128), nullable=False),
    Column("last_seen", Timestamp, nullable=False),
    created_at(),
    UniqueConstraint("host_id", "digest"),
)

chatgpt_usage_snapshots = table(
    "chatgpt_usage_snapshots",
    integer_key(),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
    Column("status", text(16), nullable=False),
    Column("plan_type", text(64)),
    Column("rate_allowed", Boolean),
    Column("rate_limit_reached", Boolean),
    Column("primary_used_percent", Integer),
    Column("primary_limit_seconds", BigInteger),
    Column("primary_reset_after_seconds", BigInteger),
    Column("primary_reset_at", Timestamp),
    Column("secondary_used_percent", Integer),
    Column("secondary_limit_seconds", BigInteger),
    Column("secondary_reset_after_seconds", BigInteger),
    Column("secondary_reset_at", Timestamp),
    Column("has_credits", Boolean),
    Column("unlimited", Boolean),
    Column("credit_balance", text(128)),
    Column("approx_local_messages", text()),
    Column("approx_cloud_messages", text()),
    Column("raw", text()),
    Column("error", text()),
    Column("fetched_at", Timestamp, nullable=False, index=True),
    Column("next_eligible_at", Timestamp, nullable=False),
    created_at(),
    Column("pool_id", Id, ForeignKey("fleet_pools.id", ondelete="CASCADE")),
    Index(None, "pool_id", "fetched_at"),
    CheckConstraint("status IN ('ok', 'error')", name="status"),
)

install_tokens = table(
    "install_tokens",
    integer_key(),
    # SHA-256, as is api_key.
    Column("token", text(64), nullable=False, unique=True),
    # Unique: a new token for a host replaces the one before it.
    Column(
        "host_id",
        big_integer_ref(),
        ForeignKey("hosts.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("fqdn", text(255), nullable=False),
    Column("api_key", text(64), nullable=False),
    Column("base_url", text(255)),
    Column("expires_at", Timestamp, nullable=False, index=True),
    Column("used_at", Timestamp),
    created_at(),
    # The host's key, sealed until the token is used and gone afterwards.
    Column("sealed_key", text()),
)

seed_links = table(
    "seed_links",
    integer_key(),
    # SHA-256.
    Column("token", text(64), nullable=False, unique=True),
    Column("pool_id", Id, ForeignKey("fleet_pools.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("base_url", text(255), nullable=False),
    Column("expires_at", Timestamp, nullable=False, index=True),
    Column("used_at", Timestamp),
    created_at(),
)

host_users = table(
    "host_users",
    integer_key(),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False),
    Column("username", text(255), nullable=False),
    Column("hostname", text(255)),
    Column("first_seen", Timestamp, nullable=False),
    Column("last_seen", Timestamp, nullable=False),
    UniqueConstraint("host_id", "username"),
)

host_refresh_tokens = table(
    "host_refresh_tokens",
    # SHA-256 of the token.
    Column("digest", text(64), primary_key=True),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("generation", BigInteger, nullable=False),
    created_at(),
    Column("replaced_at", Timestamp),
    # When it was shown once more, by whoever had not heard the answer, or had a copy.
    Column("repeated_at", Timestamp),
)

fleet_files = table(
    "fleet_files",
    Column("id", Id, primary_key=True),
    # NULL: for every pool. The engines let such rows repeat their name, so the action refuses it.
    Column("pool_id", Id, ForeignKey("fleet_pools.id", ondelete="CASCADE")),
    Column("kind", text(16), nullable=False),
    Column("name", text(255), nullable=False),
    Column("sha256", text(64), nullable=False),
    Column("body", text(), nullable=False),
    Column("description", text()),
    Column("argument_hint", text(255)),
    Column("revision", Integer, nullable=False, server_default=sql("1")),
    # Hosts are told to remove it.
    Column("deleted_at", Timestamp),
    created_at(),
    updated_at(),
    UniqueConstraint("pool_id", "kind", "name"),
    CheckConstraint("kind IN ('config', 'agents', 'prompt', 'skill')", name="kind"),
)

token_usage_ingests = table(
    "token_usage_ingests",
    integer_key(),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
    Column("idempotency_key", text(191), unique=True),
    Column("entries", Integer, nullable=False),
    Column("total", BigInteger),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_nano", BigInteger),
    Column("client_ip", text(64)),
    created_at(),
    Index(None, "created_at"),
)

fleet_alerts = table(
    "fleet_alerts",
    Column("id", Id, primary_key=True),
    Column("kind", text(32), nullable=False),
    Column("subject", text(191), nullable=False),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
    Column("pool_id", Id, ForeignKey("fleet_pools.id", ondelete="CASCADE"), index=True),
    Column("details", JSON, nullable=False),
    Column("raised_at", Timestamp, nullable=False),
    Column("last_seen_at", Timestamp, nullable=False),
    Column("resolved_at", Timestamp),
    # Of each trouble one alert is open: NULL, of those that are settled, may repeat.
    Column("is_open", Integer, Computed("CASE WHEN resolved_at IS NULL THEN 1 END")),
    Index(None, "resolved_at", "kind"),
    Index(None, "kind", "subject", "is_open", unique=True),
    CheckConstraint(
        "kind IN ('stale_host', 'validation_failing', 'quota_near', 'new_ip', 'clone_detected',"
        " 'refresh_failing', 'canonical_invalid')",
        name="kind",
    ),
)
