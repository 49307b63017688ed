"""Limits that are raised for a while; and of approvals, who may give them and who was told of them."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql

from monoize.infra.columns import EMPTY_LIST, Id, Timestamp, created_at, text, updated_at
from monoize.migrations.steps import create_table, extend_table


def upgrade() -> None:
    create_table(
        "agent_ai_limit_overrides",
        Column("id", Id, primary_key=True),
        Column(
            "limits_id", text(64), ForeignKey("agent_ai_executable_limits.id", ondelete="CASCADE"), nullable=False
        ),
        Column("limit_name", text(64), nullable=False),
        Column("value", Integer, nullable=False),
        Column("reason", text(500), nullable=False),
        Column("granted_by", text(191), nullable=False),
        Column("until", Timestamp, nullable=False),
        created_at(),
        Index(None, "limits_id", "until"),
        CheckConstraint("value >= -1", name="value"),
    )
    extend_table(
        "approvals",
        Column("id", Id, primary_key=True),
        Column("status", text(16), nullable=False, server_default="pending"),
        Column("approvers_json", text(), nullable=False, server_default=EMPTY_LIST),
        Column("second_factor", Integer, nullable=False, server_default=sql("0")),
        Column("ladder_rung", Integer, nullable=False, server_default=sql("0")),
        Column("escalates_at", Timestamp),
        updated_at(),
        Index(None, "status", "escalates_at"),
    )
    create_table(
        "approval_notices",
        Column("id", Id, primary_key=True),
        Column("approval_id", Id, ForeignKey("approvals.id", ondelete="CASCADE"), nullable=False),
        Column("event", text(32), nullable=False),
        Column("channel", text(16), nullable=False),
        Column("recipient", text(512), nullable=False),
        Column("status", text(16), nullable=False, server_default="waiting"),
        Column("attempts", Integer, nullable=False, server_default=sql("0")),
        Column("next_at", Timestamp, nullable=False),
        created_at(),
        UniqueConstraint("approval_id", "event", "channel", "recipient"),
        Index(None, "status", "next_at"),
        CheckConstraint("event IN ('approval_requested', 'approval_expired')", name="event"),
        CheckConstraint("channel IN ('email', 'webhook')", name="channel"),
        CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status"),
    )
