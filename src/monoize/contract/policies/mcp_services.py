"""Which MCP servers an agent may use, and which of their tools."""

from typing import Annotated, Literal

import msgspec

from monoize.contract.policies.tightening import (
    ALLOWED_GLOBS,
    DENIED,
    LEAST,
    OUTER,
    PERMITS,
    Policy,
    common_by,
    strictest,
)
from monoize.contract.policies.words import Digest, Globs, Name

Transport = Literal["streamable_http", "sse", "stdio"]
Auth = Literal["none", "bearer", "oauth"]
TimeoutMs = Annotated[int, msgspec.Meta(ge=100, le=600_000)]


class McpService(Policy, frozen=True, kw_only=True):
    """`schema_hash` pins what its tools are like: another schema is refused until somebody looks at it."""

    service_id: Annotated[Name, OUTER]
    enabled: Annotated[bool, PERMITS] = True
    transport: Annotated[Transport, OUTER] = "streamable_http"
    auth: Annotated[Auth, OUTER] = "none"
    credential_ref: Annotated[Name | None, OUTER] = None
    tools_allow: Annotated[Globs | None, ALLOWED_GLOBS] = None
    tools_deny: Annotated[Globs, DENIED] = ()
    approval: Annotated[Literal["never", "writes", "always"], strictest("never", "writes", "always")] = "writes"
    timeout_ms: Annotated[TimeoutMs, LEAST] = 30_000
    schema_hash: Annotated[Digest | None, OUTER] = None


McpServices = Annotated[tuple[McpService, ...], common_by("service_id")]
