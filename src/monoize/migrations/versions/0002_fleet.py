"""Hosts and the credentials they share."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    false,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    Timestamp,
    big_integer_ref,
    created_at,
    integer_key,
    text,
    updated_at,
)
from monoize.migrations.steps import create_table


def upgrade() -> None:
    create_table(
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
        Index(None, "updated_at"),
        CheckConstraint("status IN ('active', 'suspended')", name="status"),
    )

    create_table(
        "auth_payloads",
        integer_key(),
        Column("last_refresh", Timestamp, nullable=False, index=True),
        Column("sha256", text(64), nullable=False),
        Column("source_host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
        # Sealed; without it the document is rebuilt from its entries.
        Column("body", text()),
        created_at(),
        Index(None, "created_at"),
    )

    create_table(
        "auth_entries",
        integer_key(),
        Column(
            "payload_id",
            big_integer_ref(),
            ForeignKey("auth_payloads.id", ondelete="CASCADE"),
            nullable=False,
        ),
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

    create_table(
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

    create_table(
        "host_auth_digests",
        integer_key(),
        Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="CASCADE"), nullable=False),
        Column("digest", text(128), nullable=False),
        Column("last_seen", Timestamp, nullable=False),
        created_at(),
        UniqueConstraint("host_id", "digest"),
    )

    create_table(
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
        CheckConstraint("status IN ('ok', 'error')", name="status"),
    )

    create_table(
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
    )
