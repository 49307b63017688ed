"""The migration record, tenants, plans (which users point to), users and their credentials."""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    column,
    insert,
    select,
    table,
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
    text,
    updated_at,
    utc_now,
)
from monoize.migrations.steps import create_table

DEFAULT_TENANT_ID = "00000000-0000-7000-8000-000000000001"


def upgrade() -> None:
    create_table(
        "schema_version",
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("applied_at", Timestamp, nullable=False, server_default=utc_now()),
        Column("checksum", String(64), nullable=False),
    )

    create_table(
        "tenants",
        Column("id", Id, primary_key=True),
        Column("name", text(64), nullable=False, unique=True),
        Column("status", text(16), nullable=False, server_default="active"),
        created_at(),
        updated_at(),
        CheckConstraint("status IN ('active', 'suspended')", name="status"),
    )

    create_table(
        "plans",
        Column("id", Id, primary_key=True),
        Column("name", text(64), nullable=False, unique=True),
        Column("max_agents", Integer, nullable=False),
        Column("max_vpses", Integer, nullable=False),
        Column("max_bandwidth_bytes", BigInteger, nullable=False, server_default=sql(f"{100 * 2**30}")),
        Column("max_storage_bytes", BigInteger, nullable=False, server_default=sql(f"{50 * 2**30}")),
        Column("max_cpu_ms", BigInteger, nullable=False, server_default=sql(f"{100 * 3_600_000}")),
        # As long as the CPU time lasts, at 4 GB.
        Column("max_memory_mb_seconds", BigInteger, nullable=False, server_default=sql(f"{4096 * 100 * 3600}")),
        Column("overage_bandwidth_cost_per_gb_cents", BigInteger, nullable=False, server_default=sql("0")),
        Column("overage_cpu_cost_per_hour_cents", BigInteger, nullable=False, server_default=sql("0")),
        Column("overage_memory_cost_per_gb_hour_cents", BigInteger, nullable=False, server_default=sql("0")),
        created_at(),
        updated_at(),
        *(
            CheckConstraint(f"{amount} >= 0", name=amount)
            for amount in (
                "max_agents",
                "max_vpses",
                "max_bandwidth_bytes",
                "max_storage_bytes",
                "max_cpu_ms",
                "max_memory_mb_seconds",
                "overage_bandwidth_cost_per_gb_cents",
                "overage_cpu_cost_per_hour_cents",
                "overage_memory_cost_per_gb_hour_cents",
            )
        ),
    )

    create_table(
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
        Column("allowed_groups", JSON, nullable=False, server_default=EMPTY_LIST),
        Column("last_login_at", Timestamp),
        created_at(),
        updated_at(),
        CheckConstraint("role IN ('super_admin', 'admin', 'user')", name="role"),
        CheckConstraint("enabled IN (0, 1)", name="enabled"),
        CheckConstraint("balance_unlimited IN (0, 1)", name="balance_unlimited"),
    )

    create_table(
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

    create_table(
        "sessions",
        Column("id", Id, primary_key=True),
        # SHA-256 of the secret the browser holds, never the secret itself.
        Column("session_token", text(191), nullable=False, unique=True),
        Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("expires", Timestamp, nullable=False, index=True),
        Column("ip", text(64)),
        Column("user_agent", text(255)),
        created_at(),
    )

    create_table(
        "verification_tokens",
        Column("identifier", text(191), nullable=False),
        Column("token", text(191), nullable=False, unique=True),
        Column("expires", Timestamp, nullable=False, index=True),
        created_at(),
        PrimaryKeyConstraint("identifier", "token"),
    )

    create_table(
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

    create_table(
        "tokens",
        integer_key(),
        Column("name", text(64), nullable=False),
        Column("hash", text(255), nullable=False),
        # The public part of the token: finds the row, so that one bcrypt comparison is enough.
        Column("lookup", text(64), nullable=False),
        Column("tenant_id", Id, ForeignKey("tenants.id"), nullable=False),
        Column("role", text(16), nullable=False, server_default="viewer"),
        Column("scopes", JSON(none_as_null=True)),
        Column("expires_at", Timestamp),
        Column("last_used_at", Timestamp),
        created_at(),
        Index("ux_tokens_name", "name", unique=True),
        Index("ux_tokens_lookup", "lookup", unique=True),
        CheckConstraint("role IN ('admin', 'deployer', 'viewer')", name="role"),
    )

    create_table(
        "versions",
        Column("name", text(191), primary_key=True),
        Column("version", text(191), nullable=False),
        updated_at(),
    )

    create_table(
        "idempotency_keys",
        Column("caller", text(191), nullable=False),
        Column("idempotency_key", text(191), nullable=False),
        Column("request_digest", text(64), nullable=False),
        Column("status", Integer),
        Column("answer", text()),
        created_at(),
        PrimaryKeyConstraint("caller", "idempotency_key"),
    )
    default = table("tenants", column("id", Id), column("name"))
    if op.get_bind().scalar(select(default.c.id)) is None:
        op.execute(insert(default).values(id=DEFAULT_TENANT_ID, name="default"))
