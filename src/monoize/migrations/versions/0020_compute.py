"""Machines with what is wanted and what is seen of them, operations in steps, and what is metered and charged."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy import text as sql

from monoize.infra.columns import Id, Timestamp, created_at, text, updated_at
from monoize.migrations.steps import create_table, extend_table


def upgrade() -> None:
    _extend_machines()
    _create_deliveries()
    _create_operations()
    _create_accounts()


def _user(**options: Any) -> "Column[str]":
    return Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, **options)


def _extend_machines() -> None:
    extend_table(
        "vpses",
        Column("id", Id, primary_key=True),
        Column("desired", text(16), nullable=False, server_default="running"),
        Column("stopped_by", text(16)),
        Column("observed", text(16), nullable=False, server_default="unknown"),
        Column("observed_at", Timestamp),
        Column("metered_epoch", text(191)),
        Column("metered_at", Timestamp),
        Column("network_bytes", BigInteger),
        Column("destroyed_at", Timestamp),
        Column("stale", Boolean, nullable=False, server_default=false()),
        updated_at(),
    )
    extend_table(
        "agents",
        Column("id", Id, primary_key=True),
        Column("enabled", Boolean, nullable=False, server_default=true()),
        Column("gateway_key_id", Id, ForeignKey("api_keys.id", ondelete="SET NULL"), index=True),
        updated_at(),
    )


def _create_deliveries() -> None:
    create_table(
        "agent_channel_deliveries",
        Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
        Column("kind", text(16), nullable=False),
        Column("revision", Id, nullable=False),
        Column("due_at", Timestamp, index=True),
        Column("attempts", Integer, nullable=False, server_default=sql("0")),
        Column("problem", text(255)),
        Column("former_keys", text()),
        Column("delivered_at", Timestamp),
        Column("lease_owner", Id),
        Column("lease_until", Timestamp),
        PrimaryKeyConstraint("agent_id", "kind"),
    )


def _create_operations() -> None:
    create_table(
        "compute_operations",
        Column("id", Id, primary_key=True),
        Column("kind", text(16), nullable=False),
        Column("vps_id", Id, ForeignKey("vpses.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("agent_id", Id, ForeignKey("agents.id", ondelete="SET NULL"), index=True),
        _user(index=True),
        Column("open_vps_id", Id, unique=True),
        Column("state", text(16), nullable=False, server_default="queued"),
        Column("requested_by", text(191), nullable=False),
        Column("undoing", Boolean, nullable=False, server_default=false()),
        Column("attempt", Integer, nullable=False, server_default=sql("0")),
        Column("due_at", Timestamp, nullable=False),
        Column("deadline", Timestamp, nullable=False),
        Column("lease_owner", text(64)),
        Column("lease_until", Timestamp),
        Column("error", text()),
        created_at(),
        updated_at(),
        Column("started_at", Timestamp),
        Column("ended_at", Timestamp),
        Index(None, "state", "due_at"),
    )
    create_table(
        "compute_operation_steps",
        Column("operation_id", Id, ForeignKey("compute_operations.id", ondelete="CASCADE"), nullable=False),
        Column("position", Integer, nullable=False),
        Column("name", text(32), nullable=False),
        Column("state", text(16), nullable=False, server_default="waiting"),
        Column("detail", text()),
        Column("error", text()),
        Column("started_at", Timestamp),
        Column("ended_at", Timestamp),
        PrimaryKeyConstraint("operation_id", "position"),
    )


def _create_accounts() -> None:
    create_table(
        "egress_sources",
        Column("id", text(64), primary_key=True),
        Column("last_sequence", BigInteger, nullable=False),
        Column("last_seen_at", Timestamp, nullable=False, index=True),
        created_at(),
    )
    create_table(
        "overage_charges",
        _user(),
        Column("period_start", Date, nullable=False),
        Column("charged_cents", BigInteger, nullable=False),
        created_at(),
        updated_at(),
        PrimaryKeyConstraint("user_id", "period_start"),
    )
    create_table(
        "usage_notices",
        Column("id", Id, primary_key=True),
        _user(),
        Column("period_start", Date, nullable=False),
        Column("subject", text(16), nullable=False),
        Column("percent", Integer, nullable=False),
        Column("channel", text(16), nullable=False),
        Column("recipient", text(640), nullable=False),
        Column("status", text(16), nullable=False, server_default="waiting"),
        Column("attempts", Integer, nullable=False, server_default=sql("0")),
        Column("next_at", Timestamp, nullable=False),
        created_at(),
        UniqueConstraint("user_id", "period_start", "subject", "percent", "channel", "recipient"),
        Index(None, "status", "next_at"),
    )
