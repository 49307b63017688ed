"""Machines, agents, usage and overage."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
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
    Id,
    created_at,
    text,
    updated_at,
)
from monoize.migrations.steps import create_table


def upgrade() -> None:
    create_table(
        "vps_configs",
        Column("id", Id, primary_key=True),
        Column("name", text(64), nullable=False, unique=True),
        Column("provider", text(32), nullable=False),
        Column("image", text(512), nullable=False),
        Column("cpu_millicores", Integer, nullable=False),
        Column("memory_mb", Integer, nullable=False),
        Column("disk_gb", Integer, nullable=False),
        created_at(),
        updated_at(),
        CheckConstraint("cpu_millicores > 0", name="cpu_millicores"),
        CheckConstraint("memory_mb > 0", name="memory_mb"),
        CheckConstraint("disk_gb >= 0", name="disk_gb"),
    )

    create_table(
        "plan_vps_configs",
        Column("plan_id", Id, ForeignKey("plans.id", ondelete="CASCADE"), nullable=False),
        Column("vps_config_id", Id, ForeignKey("vps_configs.id", ondelete="CASCADE"), nullable=False, index=True),
        PrimaryKeyConstraint("plan_id", "vps_config_id"),
    )

    create_table(
        "vpses",
        Column("id", Id, primary_key=True),
        Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("vps_config_id", Id, ForeignKey("vps_configs.id"), nullable=False, index=True),
        Column("name", text(64), nullable=False),
        Column("provider", text(32), nullable=False),
        Column("provider_vm_id", text(191)),
        Column("address", text(255)),
        Column("state", text(16), nullable=False, server_default="provisioning", index=True),
        Column("error", text()),
        Column("storage_used_bytes", BigInteger, nullable=False, server_default=sql("0")),
        # NULL where the provider sells fixed resources and nothing is metered.
        Column("cpu_used_ms", BigInteger),
        Column("memory_used_mb_seconds", BigInteger),
        created_at(),
        updated_at(),
        Index(None, "provider", "provider_vm_id"),
        CheckConstraint("state IN ('provisioning', 'running', 'stopped', 'destroyed')", name="state"),
    )

    create_table(
        "agents",
        Column("id", Id, primary_key=True),
        Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("vps_id", Id, ForeignKey("vpses.id", ondelete="SET NULL"), unique=True),
        Column("config_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="SET NULL"), index=True),
        Column("name", text(64), nullable=False),
        # SHA-256; the token itself, sealed beside it, only travels to the agent's machine.
        Column("gateway_token", text(64), nullable=False, unique=True),
        Column("gateway_token_sealed", text(), nullable=False),
        created_at(),
        updated_at(),
    )

    create_table(
        "agent_channels",
        Column("id", Id, primary_key=True),
        Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
        Column("kind", text(16), nullable=False),
        # Sealed JSON.
        Column("credentials", text(), nullable=False),
        Column("webhook_secret", text()),
        created_at(),
        updated_at(),
        UniqueConstraint("agent_id", "kind"),
        CheckConstraint("kind IN ('whatsapp', 'telegram', 'discord', 'slack', 'signal', 'web')", name="kind"),
    )

    create_table(
        "vps_usage_periods",
        Column("vps_id", Id, ForeignKey("vpses.id", ondelete="CASCADE"), nullable=False),
        Column("period_start", Date, nullable=False),
        Column("bandwidth_bytes", BigInteger, nullable=False, server_default=sql("0")),
        Column("cpu_used_ms", BigInteger, nullable=False, server_default=sql("0")),
        Column("memory_used_mb_seconds", BigInteger, nullable=False, server_default=sql("0")),
        PrimaryKeyConstraint("vps_id", "period_start"),
        CheckConstraint("bandwidth_bytes >= 0", name="bandwidth_bytes"),
        CheckConstraint("cpu_used_ms >= 0", name="cpu_used_ms"),
        CheckConstraint("memory_used_mb_seconds >= 0", name="memory_used_mb_seconds"),
    )

    create_table(
        "overage_budgets",
        Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        Column("period_start", Date, nullable=False),
        Column("budget_cents", BigInteger, nullable=False),
        created_at(),
        updated_at(),
        PrimaryKeyConstraint("user_id", "period_start"),
        CheckConstraint("budget_cents >= 0", name="budget_cents"),
    )
