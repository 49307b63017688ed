"""What agents may do and who said yes: governance records, limits, approvals, and what people tell agents.

Ids of tenants and people are plain text here: a decision outlives whom it names.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
    EMPTY_LIST,
    EMPTY_OBJECT,
    Id,
    Timestamp,
    big_integer_ref,
    created_at,
    integer_key,
    real,
    table,
    text,
    text_created_at,
    text_updated_at,
    unix_created_at,
    unix_updated_at,
    updated_at,
)

agent_ai_sam = table(
    "agent_ai_sam",
    Column("id", text(64), primary_key=True),
    Column("tenant_id", text(36), nullable=False),
    Column("is_global", Integer, nullable=False, server_default=sql("1")),
    Column("name", text(191), nullable=False),
    Column("role_name", text(128), nullable=False),
    Column("description", text()),
    Column("status", text(16), nullable=False, server_default="active", index=True),
    Column("mode", text(16), nullable=False, server_default="orchestrator"),
    Column("safety_level", text(16), nullable=False, server_default="strict"),
    Column("tenant_scope", text(16), nullable=False, server_default="multi_tenant"),
    Column("allowed_tenants_json", text(), server_default=EMPTY_LIST),
    Column("blocked_tenants_json", text(), server_default=EMPTY_LIST),
    Column("auth_strategy", text(32), server_default="zero_trust_plus_oauth"),
    Column("required_roles_json", text(), server_default=sql("""('["super_admin"]')""")),
    Column("requires_human_approval", Integer, nullable=False, server_default=sql("1")),
    Column("approvals_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("integrations_json", text(), server_default=EMPTY_OBJECT),
    Column("mcp_services_json", text(), server_default=EMPTY_LIST),
    Column("tool_permissions_json", text(), server_default=EMPTY_OBJECT),
    Column("rate_limits_json", text(), server_default=EMPTY_OBJECT),
    Column("budgets_json", text(), server_default=EMPTY_OBJECT),
    Column("model_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("cost_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("pii_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("security_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("findings_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("notification_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("telemetry_enabled", Integer, nullable=False, server_default=sql("1")),
    Column("telemetry_policy_json", text(), server_default=EMPTY_OBJECT),
    Column("last_health_check", BigInteger),
    Column("last_run_at", BigInteger),
    Column("last_error", text()),
    Column("config_version", Integer, nullable=False, server_default=sql("1")),
    Column("config_hash", text(64)),
    Column("notes", text()),
    Column("created_by", text(191), nullable=False, server_default="samprimeaux_chatgpt52"),
    unix_created_at(),
    unix_updated_at(),
    Column("user_email", text(254)),
    Column("additional_alert_emails_json", text(), server_default=EMPTY_LIST),
    Column("owner_user_id", text(36), index=True),
    Column("backup_user_email", text(254)),
    Column("alert_escalation_email", text(254)),
    # Agents have none: a baseline holds for all agents of the tenant that is named, or of all tenants with "*".
    Column("baseline_of", text(36), index=True, unique=True),
    # Names of the policies that are only tried out.
    Column("shadow_policies_json", text(), server_default=EMPTY_LIST),
    UniqueConstraint("tenant_id", "name"),
    CheckConstraint("status IN ('draft', 'active', 'paused', 'disabled', 'archived')", name="status"),
    CheckConstraint("mode IN ('orchestrator', 'worker', 'dispatcher', 'reviewer', 'observer')", name="mode"),
    CheckConstraint("safety_level IN ('strict', 'moderate', 'permissive')", name="safety_level"),
    CheckConstraint("tenant_scope IN ('single_tenant', 'multi_tenant', 'platform')", name="tenant_scope"),
    CheckConstraint("is_global = 0 OR tenant_scope <> 'single_tenant'", name="global_scope"),
    CheckConstraint(
        "auth_strategy IN ('session', 'oauth', 'api_key', 'zero_trust_plus_oauth', 'mtls')",
        name="auth_strategy",
    ),
    CheckConstraint("is_global IN (0, 1)", name="is_global"),
    CheckConstraint("requires_human_approval IN (0, 1)", name="requires_human_approval"),
    CheckConstraint("telemetry_enabled IN (0, 1)", name="telemetry_enabled"),
)

# What agents have spent of each budget of theirs. The ledger is the truth; this is what it comes to.
agent_spending = table(
    "agent_spending",
    Column("account", text(160), primary_key=True),
    Column("spent_nano_usd", BigInteger, nullable=False),
    updated_at(),
)

agent_ai_sam_revisions = table(
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

agent_ai_executable_limits = table(
    "agent_ai_executable_limits",
    Column("id", text(64), primary_key=True),
    Column("tenant_id", text(36), nullable=False),
    Column("agent_role_id", text(64), nullable=False),
    Column("cost_tier", text(16), nullable=False),
    # In every limit -1 is "no limit" and 0 is "nothing".
    Column("max_ai_calls_per_day", Integer, nullable=False, server_default=sql("50")),
    Column("max_tokens_per_request", Integer, nullable=False, server_default=sql("1000")),
    Column("max_d1_queries_per_minute", Integer, nullable=False, server_default=sql("10")),
    Column("max_r2_operations_per_day", Integer, nullable=False, server_default=sql("20")),
    Column("rate_limit_per_minute", Integer, nullable=False, server_default=sql("5")),
    Column("max_concurrent", Integer, nullable=False, server_default=sql("-1")),
    Column("allowed_operations", text(), nullable=False),
    Column("blocked_operations", text(), nullable=False, server_default=EMPTY_LIST),
    Column("allowed_tools", text()),
    Column("notes", text()),
    Column("version", Integer, nullable=False, server_default=sql("1")),
    text_created_at(),
    text_updated_at(),
    UniqueConstraint("tenant_id", "agent_role_id"),
    CheckConstraint("cost_tier IN ('free', 'low', 'standard', 'unlimited')", name="cost_tier"),
    *(
        CheckConstraint(f"{limit} >= -1", name=limit)
        for limit in (
            "max_ai_calls_per_day",
            "max_tokens_per_request",
            "max_d1_queries_per_minute",
            "max_r2_operations_per_day",
            "rate_limit_per_minute",
            "max_concurrent",
        )
    ),
)

agent_ai_limit_overrides = table(
    "agent_ai_limit_overrides",
    Column("id", Id, primary_key=True),
    Column("limits_id", text(64), ForeignKey("agent_ai_executable_limits.id", ondelete="CASCADE"), nullable=False),
    Column("limit_name", text(64), nullable=False),
    # As in the limits: -1 is "no limit".
    Column("value", Integer, nullable=False),
    Column("reason", text(500), nullable=False),
    Column("granted_by", text(191), nullable=False),
    Column("until", Timestamp, nullable=False),
    created_at(),
    Index(None, "limits_id", "until"),
    CheckConstraint("value >= -1", name="value"),
)

approvals = table(
    "approvals",
    Column("id", Id, primary_key=True),
    Column("tenant_id", text(36), nullable=False),
    Column("agent_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="SET NULL"), index=True),
    Column("config_version", Integer),
    Column("requester", text(191), nullable=False, index=True),
    Column("kind", text(16), nullable=False),
    Column("subject", text(191), nullable=False),
    # What people see is redacted; what is executed after their yes is the sealed original.
    Column("args_json", text(), nullable=False, server_default=EMPTY_OBJECT),
    Column("args_sealed", text(), nullable=False),
    Column("args_hash", text(64), nullable=False),
    Column("environment", text(32)),
    Column("risk", text(16), nullable=False),
    Column("est_cost_nano", BigInteger),
    Column("rationale", text()),
    Column("diff", text()),
    Column("dry_run_ref", text(191)),
    Column("affected_json", text(), nullable=False, server_default=EMPTY_LIST),
    Column("needed", Integer, nullable=False, server_default=sql("1")),
    Column("ttl", Integer, nullable=False, server_default=sql("3600")),
    Column("expires_at", Timestamp, nullable=False),
    Column("status", text(16), nullable=False, server_default="pending"),
    Column("decided_at", Timestamp),
    Column("decided_by", text(191)),
    Column("decided_reason", text()),
    Column("consumed_at", Timestamp),
    Column("execution_id", text(64)),
    # Groups of people, in each of which whoever votes has to be; empty: administrators.
    Column("approvers_json", text(), nullable=False, server_default=EMPTY_LIST),
    Column("second_factor", Integer, nullable=False, server_default=sql("0")),
    # The rung of the ladder that was told last, and when the next one is told if nobody has voted by then.
    Column("ladder_rung", Integer, nullable=False, server_default=sql("0")),
    Column("escalates_at", Timestamp),
    # The agent record of which it is a change, for those that are applied and not used by whoever asked.
    Column("applies_to", text(64)),
    created_at(),
    updated_at(),
    Index(None, "tenant_id", "status"),
    Index(None, "status", "expires_at"),
    Index(None, "status", "escalates_at"),
    Index(None, "status", "updated_at"),
    CheckConstraint("kind IN ('tool', 'command', 'deploy', 'budget', 'config', 'spawn')", name="kind"),
    CheckConstraint("risk IN ('none', 'low', 'medium', 'high', 'critical')", name="risk"),
    CheckConstraint(
        "status IN ('pending', 'approved', 'denied', 'expired', 'withdrawn', 'consumed', 'executed', 'failed')",
        name="status",
    ),
    CheckConstraint("needed BETWEEN 1 AND 5", name="needed"),
    CheckConstraint("ttl > 0", name="ttl"),
)

approval_votes = table(
    "approval_votes",
    Column("approval_id", Id, ForeignKey("approvals.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", text(36), nullable=False),
    Column("decision", text(16), nullable=False),
    Column("comment", text()),
    created_at(),
    PrimaryKeyConstraint("approval_id", "user_id"),
    CheckConstraint("decision IN ('approve', 'deny')", name="decision"),
)

approval_notices = table(
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
    # Nobody is told the same thing twice.
    UniqueConstraint("approval_id", "event", "channel", "recipient"),
    Index(None, "status", "next_at"),
    CheckConstraint("event IN ('approval_requested', 'approval_expired')", name="event"),
    CheckConstraint("channel IN ('email', 'webhook')", name="channel"),
    CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status"),
)

stops = table(
    "stops",
    Column("id", Id, primary_key=True),
    Column("scope", text(16), nullable=False),
    # A tenant or an agent record; "*" where everything is stopped.
    Column("subject", text(64), nullable=False),
    Column("reason", text(500), nullable=False),
    Column("stopped_by", text(191), nullable=False),
    # Whom only another super_admin overrules.
    Column("by_super_admin", Boolean, nullable=False, server_default=false()),
    created_at(),
    UniqueConstraint("scope", "subject"),
    CheckConstraint("scope IN ('global', 'tenant', 'agent')", name="scope"),
)

agent_health = table(
    "agent_health",
    Column("config_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="CASCADE"), primary_key=True),
    Column("state", text(16), nullable=False),
    # In a row.
    Column("failures", Integer, nullable=False, server_default=sql("0")),
    Column("findings_json", text(), nullable=False, server_default=EMPTY_LIST),
    Column("last_error", text(500)),
    Column("checked_at", Timestamp, nullable=False),
    # Whoever moves it on is the process that checks.
    Column("due_at", Timestamp, nullable=False, index=True),
    CheckConstraint("state IN ('unknown', 'healthy', 'degraded', 'unhealthy')", name="state"),
    CheckConstraint("failures >= 0", name="failures"),
)

escalations = table(
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
    # As of approvals.
    Column("ladder_rung", Integer, nullable=False, server_default=sql("0")),
    Column("escalates_at", Timestamp, index=True),
    created_at(),
    Index(None, "tenant_id", "id"),
    Index(None, "agent_id", "created_at"),
    CheckConstraint("event IN ('health_failed', 'run_failed')", name="event"),
    CheckConstraint(
        "reason IN ('low_confidence', 'execution_failure', 'timeout', 'complexity', 'user_requested', 'recovery')",
        name="reason",
    ),
)

# What people are told once, and need not look after.
agent_alerts = table(
    "agent_alerts",
    Column("id", Id, primary_key=True),
    Column("agent_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", text(36), nullable=False),
    Column("event", text(32), nullable=False),
    # Of one event of one agent each is told once.
    Column("subject", text(191), nullable=False),
    Column("detail", text(500), nullable=False),
    created_at(),
    UniqueConstraint("agent_id", "event", "subject"),
    Index(None, "created_at"),
    CheckConstraint("event IN ('budget_soft', 'budget_block', 'limit_hit', 'config_changed')", name="event"),
)

alert_notices = table(
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

escalation_notices = table(
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

human_context = table(
    "human_context",
    integer_key(),
    Column("tenant_id", text(36), nullable=False),
    Column("workspace_id", text(64)),
    # NULL speaks to every agent of the tenant.
    Column("agent_id", text(64), ForeignKey("agent_ai_sam.id", ondelete="CASCADE"), index=True),
    Column("topic", text(191)),
    Column("note", text(4000), nullable=False),
    Column("author", text(191), nullable=False),
    Column("source", text(16), nullable=False, server_default="human"),
    # Until a person confirms it, a note by an agent stays out of what policies look at.
    Column("confirmed_by", text(191)),
    Column("confirmed_at", Timestamp),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("importance", real(), nullable=False, server_default=sql("0.5")),
    Column("supersedes_id", big_integer_ref(), ForeignKey("human_context.id", ondelete="SET NULL")),
    Column("expires_at", Timestamp, index=True),
    created_at(),
    Index(None, "tenant_id", "topic"),
    CheckConstraint("source IN ('human', 'agent')", name="source"),
    CheckConstraint("importance BETWEEN 0 AND 1", name="importance"),
)

r2_object_inventory = table(
    "r2_object_inventory",
    Column("tenant_id", text(36), nullable=False),
    Column("bucket_name", text(63), nullable=False),
    # SHA-256 of object_key, which with its 1,024 bytes is too long for a key of MySQL.
    Column("key_hash", text(64), nullable=False),
    Column("object_key", text(1024), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("etag", text(255)),
    Column("last_modified_iso", text(40)),
    Column("uploaded_at", Timestamp),
    # The sync that saw the object last: whatever an older one saw has vanished from the bucket.
    Column("generation", BigInteger, nullable=False, server_default=sql("0")),
    Column("status", text(16), nullable=False, server_default="active"),
    Column("first_seen", Timestamp, nullable=False),
    Column("last_seen", Timestamp, nullable=False),
    Column("stale_since", Timestamp),
    Column("prune_after", Timestamp),
    Column("protected", Boolean, nullable=False, server_default=false()),
    Column("protected_reason", text()),
    PrimaryKeyConstraint("tenant_id", "bucket_name", "key_hash"),
    Index(
        None,
        "tenant_id",
        "bucket_name",
        "object_key",
        mysql_length={"object_key": 512},
        mariadb_length={"object_key": 512},
    ),
    Index(None, "status", "prune_after"),
    CheckConstraint("status IN ('active', 'stale', 'orphaned', 'deleted')", name="status"),
    CheckConstraint("size_bytes >= 0", name="size_bytes"),
)

object_buckets = table(
    "object_buckets",
    Column("id", Id, primary_key=True),
    Column("tenant_id", text(36), nullable=False),
    Column("name", text(63), nullable=False),
    Column("endpoint", text(512), nullable=False),
    Column("region", text(64), nullable=False),
    Column("prefix", text(512)),
    Column("access_key_id", text(191), nullable=False),
    Column("secret_sealed", text(), nullable=False),
    # Whether its store may lie in our own network.
    Column("private_network", Boolean, nullable=False, server_default=false()),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("sync_every_s", Integer, nullable=False, server_default=sql("3600")),
    # Of the listing that was begun last; `synced_at`, `objects` and `bytes` are of the last whole one.
    Column("generation", BigInteger, nullable=False, server_default=sql("0")),
    Column("next_at", Timestamp, nullable=False),
    Column("lease_until", Timestamp),
    Column("synced_at", Timestamp),
    Column("objects", BigInteger),
    Column("bytes", BigInteger),
    Column("last_error", text(500)),
    created_at(),
    updated_at(),
    UniqueConstraint("tenant_id", "name"),
    Index(None, "enabled", "next_at"),
    CheckConstraint("sync_every_s BETWEEN 60 AND 604800", name="sync_every_s"),
)
