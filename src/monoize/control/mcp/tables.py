"""MCP servers that agents reach through us, their tools as somebody has looked at them, and every call."""

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
    true,
)
from sqlalchemy import (
    text as sql,
)

from monoize.infra.columns import EMPTY_LIST, Id, Timestamp, created_at, table, text, updated_at

mcp_services = table(
    "mcp_services",
    Column("id", Id, primary_key=True),
    Column("name", text(64), nullable=False, unique=True),
    # Whose it is; NULL serves every tenant.
    Column("tenant_id", text(36), index=True),
    Column("description", text(500)),
    Column("url", text(2048), nullable=False),
    Column("credential_header", text(64), nullable=False, server_default="authorization"),
    Column("credential_sealed", text()),
    # Instead of a credential: where tokens come from, and what is shown there, with the last token.
    Column("oauth", JSON(none_as_null=True)),
    Column("oauth_sealed", text()),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    # Whether it may lie in our own network.
    Column("private_network", Boolean, nullable=False, server_default=false()),
    # Whether callers come in whom no agent record governs; then what follows holds for them.
    Column("open_to_keys", Boolean, nullable=False, server_default=false()),
    Column("tools_allow", JSON(none_as_null=True)),
    Column("tools_deny", JSON, nullable=False, server_default=EMPTY_LIST),
    Column("approval", text(8), nullable=False, server_default="writes"),
    Column("timeout_ms", Integer, nullable=False, server_default=sql("30000")),
    Column("health", text(16), nullable=False, server_default="unknown"),
    Column("last_error", text(500)),
    Column("checked_at", Timestamp),
    created_at(),
    updated_at(),
    CheckConstraint("approval IN ('never', 'writes', 'always')", name="approval"),
    CheckConstraint("health IN ('unknown', 'healthy', 'unhealthy')", name="health"),
    CheckConstraint("timeout_ms BETWEEN 100 AND 600000", name="timeout_ms"),
)

mcp_tools = table(
    "mcp_tools",
    Column("id", Id, primary_key=True),
    Column("service_id", Id, ForeignKey("mcp_services.id", ondelete="CASCADE"), nullable=False),
    Column("name", text(128), nullable=False),
    # As somebody has accepted it; NULL while nobody has.
    Column("definition", JSON(none_as_null=True)),
    Column("schema_hash", text(64)),
    # As the server describes it now; NULL where it does not offer it any more.
    Column("found_definition", JSON(none_as_null=True)),
    Column("found_hash", text(64)),
    # NULL where nobody has judged it.
    Column("risk", text(8)),
    Column("read_only", Boolean, nullable=False, server_default=false()),
    Column("requires_approval", Boolean, nullable=False, server_default=false()),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    # What a call is charged; NULL costs nothing.
    Column("price_nano_usd", BigInteger),
    # Since when the server does not offer it any more.
    Column("gone_at", Timestamp),
    created_at(),
    updated_at(),
    UniqueConstraint("service_id", "name"),
    Index(None, "gone_at"),
    CheckConstraint("risk IN ('none', 'low', 'medium', 'high', 'critical')", name="risk"),
)

mcp_calls = table(
    "mcp_calls",
    Column("id", Id, primary_key=True),
    # No references: a call outlives what it was made with.
    Column("service_id", Id, nullable=False),
    Column("service_name", text(64), nullable=False),
    Column("tool", text(128), nullable=False),
    Column("tenant_id", text(36)),
    Column("agent_id", text(64)),
    Column("user_id", text(36)),
    Column("caller", text(191), nullable=False),
    Column("arguments_hash", text(64), nullable=False),
    Column("arguments_shown", text(500), nullable=False),
    Column("decision", text(24), nullable=False),
    Column("denial_code", text(64)),
    Column("approval_id", Id),
    Column("status", text(16), nullable=False),
    Column("response_bytes", BigInteger),
    Column("latency_ms", Integer),
    # NULL until it has ended.
    Column("charge_nano_usd", BigInteger),
    Column("trace_id", text(64), nullable=False),
    # Of `created_at`, so that use can be summed by days on every engine.
    Column("day", text(10), nullable=False),
    created_at(),
    Index(None, "tenant_id", "day"),
    Index(None, "service_id", "day"),
    Index(None, "day"),
    CheckConstraint("decision IN ('allowed', 'approved', 'denied', 'approval_required')", name="decision"),
    CheckConstraint(
        "status IN ('started', 'ok', 'error', 'timeout', 'blocked', 'cancelled', 'unreachable')", name="status"
    ),
)
