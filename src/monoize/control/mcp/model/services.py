"""MCP servers and their tools as they are kept."""

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from monoize.base.canonical import canonical_hash
from monoize.contract.policies.words import Severity
from monoize.control.edge.wire import NanoUsd
from monoize.control.mcp.model.oauth import OAuthClient

Approval = Literal["never", "writes", "always"]
Health = Literal["unknown", "healthy", "unhealthy"]
ToolState = Literal["new", "active", "drifted", "gone"]

CREDENTIAL: Final = "credential_sealed"
OAUTH: Final = "oauth_sealed"
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_PINNED: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""Of what a server says of a tool: all that a model or a program goes by. Anything else is not passed on."""


@dataclasses.dataclass(frozen=True, slots=True)
class McpService:
    """`tools_allow`, `tools_deny` and `approval` hold for callers whom no agent record governs."""

    id: str
    name: str
    tenant_id: str | None
    description: str | None
    url: str
    has_credential: bool
    credential_header: str
    oauth: OAuthClient | None
    enabled: bool
    private_network: bool
    open_to_keys: bool
    tools_allow: Sequence[str] | None
    tools_deny: Sequence[str]
    approval: Approval
    timeout_ms: int
    health: Health
    last_error: str | None
    checked_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    def serves(self, tenant_id: str | None) -> bool:
        return self.tenant_id is None or self.tenant_id == tenant_id


@dataclasses.dataclass(frozen=True, slots=True)
class McpTool:
    """`definition` is what was accepted and is shown to agents, `found_definition` what the server says now.

    A tool that is gone is forgotten a while after `gone_at`. Without a price a call costs nothing.
    """

    id: str
    service_id: str
    name: str
    state: ToolState
    definition: Mapping[str, Any] | None
    schema_hash: str | None
    found_definition: Mapping[str, Any] | None
    found_hash: str | None
    risk: Severity | None
    read_only: bool
    requires_approval: bool
    enabled: bool
    price_nano_usd: NanoUsd | None
    gone_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class FoundTool:
    name: str
    definition: Mapping[str, Any]
    schema_hash: str


def is_tool_name(name: str) -> bool:
    """Whether policies can name it."""
    return _TOOL_NAME.fullmatch(name) is not None


def pinned(told: Mapping[str, Any]) -> FoundTool:
    """ValueError for what no JSON could say."""
    definition = {name: told[name] for name in _PINNED if told.get(name) is not None}
    return FoundTool(told["name"], definition, canonical_hash(definition))


def state_of(schema_hash: str | None, found_hash: str | None) -> ToolState:
    if schema_hash is None:
        return "new"
    if found_hash is None:
        return "gone"
    return "active" if schema_hash == found_hash else "drifted"


def hash_of_all(tools: Sequence[McpTool]) -> str:
    """By which an agent record can pin what a whole service is like."""
    return canonical_hash({tool.name: tool.schema_hash for tool in tools if tool.schema_hash is not None})


def credential_place(service_id: str) -> tuple[str, str, str]:
    """What the sealed credential of a service is bound to."""
    return "mcp_services", CREDENTIAL, service_id


def oauth_place(service_id: str) -> tuple[str, str, str]:
    """What its sealed tokens are bound to, and what they are asked for with."""
    return "mcp_services", OAUTH, service_id


def tool_subject(service: str, tool: str) -> str:
    """How policies, limits and approvals name a tool of a service."""
    return f"mcp.{service}.{tool}"
