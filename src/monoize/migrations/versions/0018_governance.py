"""Agent records can be a baseline of others, and what they once said stays as it was said."""

from sqlalchemy import JSON, Column, ForeignKey, Integer, PrimaryKeyConstraint

from monoize.infra.columns import created_at, text
from monoize.migrations.steps import extend_table


def upgrade() -> None:
    extend_table(
        "agent_ai_sam",
        Column("id", text(64), primary_key=True),
        # Agents have none: a baseline holds for all agents of the tenant that is named, or of all tenants with "*".
        Column("baseline_of", text(36), index=True, unique=True),
    )
    extend_table(
        "agent_ai_sam_revisions",
        Column("config_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="CASCADE"), nullable=False),
        Column("version", Integer, nullable=False),
        Column("config_hash", text(64), nullable=False),
        Column("config", JSON, nullable=False),
        Column("author", text(191), nullable=False),
        Column("reason", text()),
        created_at(),
        PrimaryKeyConstraint("config_id", "version"),
        append_only=True,
    )
