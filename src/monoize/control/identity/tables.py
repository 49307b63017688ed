"""Who may enter: people, tenants, their sessions and keys, and the small switches of the whole house."""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    UniqueConstraint,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    EMPTY_LIST,
    Id,
    NanoUsd,
    Timestamp,
    created_at,
    integer_key,
    table,
    text,
    updated_at,
)

tenants = table(
    "tenants",
    Column("id", Id, primary_key=True),
    Column("name", text(64), nullable=False, unique=True),
    Column("status", text(16), nullable=False, server_default="active"),
    created_at(),
    updated_at(),
    CheckConstraint("status IN ('active', 'suspended')", name="status"),
)

users = table(
    "users",
    Column("id", Id, primary_key=True),
    Column("tenant_id", Id, ForeignKey("tenants.id"), nullable=False, index=True),
    Column("username", text(64), nullable=False, unique=True),
    Column("email", text(254), unique=True),
    Column("email_verified", Timestamp),
    Column("name", text(200)),
    Column("image", text(2048)),
    Column("password_hash", text(255)),
    Column("role", text(16), nullable=False, server_default="user"),
    Column("enabled", Integer, nullable=False, server_default=sql("1")),
    Column("plan_id", Id, ForeignKey("plans.id", ondelete="SET NULL"), index=True),
    Column("balance_nano_usd", NanoUsd, nullable=False, server_default="0"),
    Column("balance_unlimited", Integer, nullable=False, server_default=sql("0")),
    # What becomes of a request that the balance does not cover, and how far below zero it may be taken then.
    Column("hold_policy", text(16), nullable=False, server_default="reject"),
    Column("overdraft_nano_usd", NanoUsd, nullable=False, server_default="0"),
    Column("allowed_groups", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("last_login_at", Timestamp),
    created_at(),
    updated_at(),
    CheckConstraint("role IN ('super_admin', 'admin', 'user')", name="role"),
    CheckConstraint("enabled IN (0, 1)", name="enabled"),
    CheckConstraint("balance_unlimited IN (0, 1)", name="balance_unlimited"),
)

accounts = table(
    "accounts",
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("type", text(32), nullable=False),
    Column("provider", text(64), nullable=False),
    Column("provider_account_id", text(191), nullable=False),
    Column("refresh_token", text()),
    Column("access_token", text()),
    Column("expires_at", Integer),
    Column("token_type", text(32)),
    Column("scope", text(1024)),
    Column("id_token", text()),
    Column("session_state", text(255)),
    created_at(),
    updated_at(),
    UniqueConstraint("provider", "provider_account_id"),
)

sessions = table(
    "sessions",
    Column("id", Id, primary_key=True),
    # Marked SHA-256 of the secret the browser holds; a foreign Auth.js front end keeps its own tokens here.
    Column("session_token", text(191), nullable=False, unique=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires", Timestamp, nullable=False, index=True),
    Column("ip", text(64)),
    Column("user_agent", text(255)),
    created_at(),
)

verification_tokens = table(
    "verification_tokens",
    Column("identifier", text(191), nullable=False),
    Column("token", text(191), nullable=False, unique=True),
    Column("expires", Timestamp, nullable=False, index=True),
    created_at(),
    PrimaryKeyConstraint("identifier", "token"),
)

api_keys = table(
    "api_keys",
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", text(64), nullable=False),
    Column("key_prefix", text(16), nullable=False, index=True),
    Column("key_hash", text(64), nullable=False, unique=True),
    Column("enabled", Integer, nullable=False, server_default=sql("1")),
    Column("expires_at", Timestamp),
    Column("last_used_at", Timestamp),
    Column("model_limits_enabled", Integer, nullable=False, server_default=sql("0")),
    Column("model_limits", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("ip_whitelist", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("token_group", text(64), nullable=False, server_default="default"),
    Column("allowed_groups", JSON, nullable=False, server_default=EMPTY_LIST),
    # Exact decimal as text, at most nine fraction digits; compared exactly, never as a float.
    Column("max_multiplier", text(32)),
    Column("transforms", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("model_redirects", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("sub_account_enabled", Integer, nullable=False, server_default=sql("0")),
    Column("sub_account_balance_nano", NanoUsd, nullable=False, server_default="0"),
    Column("reasoning_envelope_enabled", Integer, nullable=False, server_default=sql("1")),
    Column("request_capture_mode", text(32), nullable=False, server_default="off"),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("max_concurrent", Integer),
    Column("daily_budget_nano_usd", NanoUsd),
    Column("monthly_budget_nano_usd", NanoUsd),
    Column("cache_ttl_s", Integer),
    # No reference: whose record is gone may do nothing, rather than everything.
    Column("agent_record_id", text(64), index=True),
    created_at(),
    updated_at(),
    CheckConstraint("enabled IN (0, 1)", name="enabled"),
    CheckConstraint("model_limits_enabled IN (0, 1)", name="model_limits_enabled"),
    CheckConstraint("sub_account_enabled IN (0, 1)", name="sub_account_enabled"),
    CheckConstraint("reasoning_envelope_enabled IN (0, 1)", name="reasoning_envelope_enabled"),
    CheckConstraint(
        "request_capture_mode IN ('off', 'capture-all', 'capture-only-abnormal')",
        name="request_capture_mode",
    ),
)

tokens = table(
    "tokens",
    integer_key(),
    Column("name", text(64), nullable=False),
    Column("hash", text(255), nullable=False),
    # The public part of the token: finds the row, so that one bcrypt comparison is enough.
    Column("lookup", text(64), nullable=False),
    Column("tenant_id", Id, ForeignKey("tenants.id"), nullable=False),
    Column("role", text(16), nullable=False, server_default="viewer"),
    Column("scopes", JSON(none_as_null=True)),
    # Ids of the only projects that it reaches; NULL is all of them.
    Column("projects", JSON(none_as_null=True)),
    Column("expires_at", Timestamp),
    Column("last_used_at", Timestamp),
    created_at(),
    Index("ux_tokens_name", "name", unique=True),
    Index("ux_tokens_lookup", "lookup", unique=True),
    CheckConstraint("role IN ('admin', 'deployer', 'viewer')", name="role"),
)

versions = table(
    "versions",
    Column("name", text(191), primary_key=True),
    Column("version", text(191), nullable=False),
    updated_at(),
)
