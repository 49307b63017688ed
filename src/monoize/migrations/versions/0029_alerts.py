"""People are told of budgets that are used up and of limits that were reached, once for each."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql

from monoize.infra.columns import Id, Timestamp, created_at, text
from monoize.migrations.steps import create_table


def upgrade() -> None:
    create_table(
        "agent_alerts",
        Column("id", Id, primary_key=True),
        Column("agent_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="CASCADE"), nullable=False),
        Column("tenant_id", text(36), nullable=False),
        Column("event", text(32), nullable=False),
        Column("subject", text(191), nullable=False),
        Column("detail", text(500), nullable=False),
        created_at(),
        UniqueConstraint("agent_id", "event", "subject"),
        Index(None, "created_at"),
        CheckConstraint("event IN ('budget_soft', 'budget_block', 'limit_hit', 'config_changed')", name="event"),
    )
    create_table(
        "alert_notices",
        Column("id", Id, primary_key=True),
        Column("alert_id", Id, ForeignKey("agent_alerts.id", ondelete="CASCADE"), nullable=False),
        Column("event", text(32), nullable=False),
        Column("channel", text(16), nullable=False),
        Column("recipient", text(512), nullable=False),
        Column("status", text(16), nullable=False, server_default="waiting"),
        Column("attempts", Integer, nullable=False, server_default=sql("0")),
        Column("next_at", Timestamp, nullable=False),
        created_at(),
        UniqueConstraint("alert_id", "event", "channel", "recipient"),
        Index(None, "status", "next_at"),
        CheckConstraint("channel IN ('email', 'webhook')", name="channel"),
        CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status"),
    )
