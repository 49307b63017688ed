"""Agents can be stopped, are looked after, and escalate; an approval can stand for a change of an agent record."""

from sqlalchemy import (
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
from sqlalchemy import text as sql

from monoize.infra.columns import EMPTY_LIST, Id, Timestamp, created_at, text, updated_at
from monoize.migrations.steps import create_table, extend_table


def upgrade() -> None:
    create_table(
        "stops",
        Column("id", Id, primary_key=True),
        Column("scope", text(16), nullable=False),
        Column("subject", text(64), nullable=False),
        Column("reason", text(500), nullable=False),
        Column("stopped_by", text(191), nullable=False),
        Column("by_super_admin", Boolean, nullable=False, server_default=false()),
        created_at(),
        UniqueConstraint("scope", "subject"),
        CheckConstraint("scope IN ('global', 'tenant', 'agent')", name="scope"),
    )
    create_table(
        "agent_health",
        Column("config_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="CASCADE"), primary_key=True),
        Column("state", text(16), nullable=False),
        Column("failures", Integer, nullable=False, server_default=sql("0")),
        Column("findings_json", text(), nullable=False, server_default=EMPTY_LIST),
        Column("last_error", text(500)),
        Column("checked_at", Timestamp, nullable=False),
        Column("due_at", Timestamp, nullable=False, index=True),
        CheckConstraint("state IN ('unknown', 'healthy', 'degraded', 'unhealthy')", name="state"),
        CheckConstraint("failures >= 0", name="failures"),
    )
    create_table(
        "escalations",
        Column("id", Id, primary_key=True),
        Column("tenant_id", text(36), nullable=False),
        Column("agent_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="CASCADE"), nullable=False),
        Column("event", text(32), nullable=False),
        Column("reason", text(32), nullable=False),
        Column("subject", text(191), nullable=False),
        Column("detail", text(500), nullable=False),
        Column("acknowledged_at", Timestamp),
        Column("acknowledged_by", text(191)),
        Column("ladder_rung", Integer, nullable=False, server_default=sql("0")),
        Column("escalates_at", Timestamp, index=True),
        created_at(),
        Index(None, "tenant_id", "id"),
        Index(None, "agent_id", "created_at"),
        CheckConstraint("event IN ('health_failed', 'run_failed')", name="event"),
        CheckConstraint(
            "reason IN ('low_confidence', 'execution_failure', 'timeout', 'complexity',"
            " 'user_requested', 'recovery')",
            name="reason",
        ),
    )
    create_table(
        "escalation_notices",
        Column("id", Id, primary_key=True),
        Column("escalation_id", Id, ForeignKey("escalations.id", ondelete="CASCADE"), nullable=False),
        Column("event", text(32), nullable=False),
        Column("channel", text(16), nullable=False),
        Column("recipient", text(512), nullable=False),
        Column("status", text(16), nullable=False, server_default="waiting"),
        Column("attempts", Integer, nullable=False, server_default=sql("0")),
        Column("next_at", Timestamp, nullable=False),
        created_at(),
        UniqueConstraint("escalation_id", "event", "channel", "recipient"),
        Index(None, "status", "next_at"),
        CheckConstraint("channel IN ('email', 'webhook')", name="channel"),
        CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status"),
    )
    extend_table(
        "approvals",
        Column("id", Id, primary_key=True),
        Column("status", text(16), nullable=False, server_default="pending"),
        Column("applies_to", text(64)),
        updated_at(),
        Index(None, "status", "updated_at"),
    )
    extend_table(
        "request_logs",
        Column("id", Id, primary_key=True),
        Column("status", text(16), nullable=False, server_default="success"),
        Column("created_at_unix_ms", BigInteger, nullable=False),
        Index(None, "status", "created_at_unix_ms"),
    )
