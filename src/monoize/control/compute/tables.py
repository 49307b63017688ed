"""Plans, machine presets, machines, the agents on them, and what each month used."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import (
    Id,
    Timestamp,
    created_at,
    table,
    text,
    updated_at,
)

plans = table(
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

vps_configs = table(
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

plan_vps_configs = table(
    "plan_vps_configs",
    Column("plan_id", Id, ForeignKey("plans.id", ondelete="CASCADE"), nullable=False),
    Column("vps_config_id", Id, ForeignKey("vps_configs.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("plan_id", "vps_config_id"),
)

vpses = table(
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
    # What its owner wants of it, and if that is to be stopped, who said so: 'user', 'admin' or 'limit'.
    Column("desired", text(16), nullable=False, server_default="running"),
    Column("stopped_by", text(16)),
    # What its provider said last: 'running', 'stopped', 'gone', …, or 'unknown' when it could not be asked.
    Column("observed", text(16), nullable=False, server_default="unknown"),
    Column("observed_at", Timestamp),
    # Of the counters above: which life of the machine they are from, and when they were read.
    Column("metered_epoch", text(191)),
    Column("metered_at", Timestamp),
    # The provider's own count of traffic, to compare with the proxy's; nothing is charged by it.
    Column("network_bytes", BigInteger),
    Column("destroyed_at", Timestamp),
    # Its environment is older than its agent's token: it gets the new one when it starts.
    Column("stale", Boolean, nullable=False, server_default=false()),
    Index(None, "provider", "provider_vm_id"),
    CheckConstraint("state IN ('provisioning', 'running', 'stopped', 'destroyed')", name="state"),
)

agents = table(
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
    Column("enabled", Boolean, nullable=False, server_default=true()),
    # By which the same token opens the gateway of models, at the cost of the agent's user.
    Column("gateway_key_id", Id, ForeignKey("api_keys.id", ondelete="SET NULL"), index=True),
)

agent_channels = table(
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

agent_channel_deliveries = table(
    "agent_channel_deliveries",
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
    # Also of a channel that was removed, until the agent's machine has forgotten it.
    Column("kind", text(16), nullable=False),
    # Another with everything that makes it necessary to tell the machine, so that what was told can be told apart.
    Column("revision", Id, nullable=False),
    # When the machine is to be told; NULL: it has been.
    Column("due_at", Timestamp, index=True),
    Column("attempts", Integer, nullable=False, server_default=sql("0")),
    Column("problem", text(255)),
    # JSON: the keys that it may know from before, without what they were set to.
    Column("former_keys", text()),
    Column("delivered_at", Timestamp),
    # Who tells it at the moment: of one channel the older values never arrive after the newer ones.
    Column("lease_owner", Id),
    Column("lease_until", Timestamp),
    PrimaryKeyConstraint("agent_id", "kind"),
)

vps_usage_periods = table(
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

overage_budgets = table(
    "overage_budgets",
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("period_start", Date, nullable=False),
    Column("budget_cents", BigInteger, nullable=False),
    created_at(),
    updated_at(),
    PrimaryKeyConstraint("user_id", "period_start"),
    CheckConstraint("budget_cents >= 0", name="budget_cents"),
)

overage_charges = table(
    "overage_charges",
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("period_start", Date, nullable=False),
    # How much of the month's overage is in the ledger.
    Column("charged_cents", BigInteger, nullable=False),
    created_at(),
    updated_at(),
    PrimaryKeyConstraint("user_id", "period_start"),
)

usage_notices = table(
    "usage_notices",
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("period_start", Date, nullable=False),
    # 'bandwidth', 'cpu', 'memory' or 'budget'.
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

egress_sources = table(
    "egress_sources",
    # One life of one proxy process, which numbers its flushes: what has come already is not counted again.
    Column("id", text(64), primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
    Column("last_seen_at", Timestamp, nullable=False, index=True),
    created_at(),
)

compute_operations = table(
    "compute_operations",
    Column("id", Id, primary_key=True),
    Column("kind", text(16), nullable=False),
    Column("vps_id", Id, ForeignKey("vpses.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="SET NULL"), index=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    # The machine while the operation is open, then NULL: so a machine has one open operation at most.
    Column("open_vps_id", Id, unique=True),
    Column("state", text(16), nullable=False, server_default="queued"),
    # Who asked for it, as the audit log names them.
    Column("requested_by", text(191), nullable=False),
    # It failed, and what it had made is taken away again.
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

compute_operation_steps = table(
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
