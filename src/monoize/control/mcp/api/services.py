"""/api/mcp-services: MCP servers that agents may reach through us."""

from typing import Annotated, Any, Final

from fastapi import Depends, Query
from pydantic import AfterValidator, Field, model_validator
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import STORABLE, Page, Uuid, Window, Wire
from monoize.control.mcp.actions import services
from monoize.control.mcp.api.here import McpHere
from monoize.control.mcp.model.services import Approval, McpService

router = Router(prefix="/mcp-services", tags=["mcp"])

GLOBS_MOST: Final = 200
CLEARABLE: Final = ("tenant_id", "description", "credential", "oauth", "tools_allow")
# Headers that say what a message is or how its connection is used are no place for a credential.
_NOT_OURS_TO_SET: Final = frozenset(
    {"accept", "connection", "content-length", "content-type", "expect", "host", "keep-alive", "last-event-id",
     "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}
)  # fmt: skip


def _header(value: str) -> str:
    if value in _NOT_OURS_TO_SET or value.startswith("mcp-"):
        raise ValueError("must not be a header that has a meaning of its own")
    return value


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Description = Annotated[str, Field(min_length=1, max_length=500), STORABLE]
Address = Annotated[
    str,
    Field(max_length=2048, pattern=r"^https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[!\"$-~]*)?$"),
]
Secret = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[!-~]+$")]
Credential = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[!-~]+$")]
Header = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$"), AfterValidator(_header)]
Glob = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:/*-]+$")]
Globs = Annotated[list[Glob], Field(max_length=GLOBS_MOST)]
TimeoutMs = Annotated[int, Field(ge=100, le=600_000)]


class OAuth(Wire):
    """Tokens are asked for at `token_url`: with the `refresh_token` if there is one, else as the client itself.

    Who has no `client_secret` is known by its id alone. Signing in with a browser is not done here.
    """

    token_url: Address
    client_id: Secret
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    scope: Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[!-~]+( [!-~]+)*$")] | None = None

    @model_validator(mode="after")
    def _proves_itself(self) -> "OAuth":
        if self.client_secret is None and self.refresh_token is None:
            raise ValueError("needs a client_secret or a refresh_token")
        return self


class McpServiceCreate(Wire):
    """`credential` is sent as `Authorization: Bearer`, or as it is in another `credential_header`. Instead of one
    there may be `oauth`.

    `open_to_keys` lets callers in whom no agent record governs; `tools_allow`, `tools_deny` and `approval` are for
    those. Without `tools_allow` they may call all tools that were accepted.
    """

    name: Name
    url: Address
    tenant_id: Uuid | None = None
    description: Description | None = None
    credential: Credential | None = None
    credential_header: Header = "authorization"
    oauth: OAuth | None = None
    enabled: bool = True
    private_network: bool = False
    open_to_keys: bool = False
    tools_allow: Globs | None = None
    tools_deny: Globs = []
    approval: Approval = "writes"
    timeout_ms: TimeoutMs = 30_000


class McpServiceUpdate(Wire):
    """Another `url` takes the credential away, or what `oauth` says, unless it is given anew; each takes the place
    of the other.
    """

    name: Name | None = None
    url: Address | None = None
    tenant_id: Uuid | None = None
    description: Description | None = None
    credential: Credential | None = None
    credential_header: Header | None = None
    oauth: OAuth | None = None
    enabled: bool | None = None
    private_network: bool | None = None
    open_to_keys: bool | None = None
    tools_allow: Globs | None = None
    tools_deny: Globs | None = None
    approval: Approval | None = None
    timeout_ms: TimeoutMs | None = None


@router.get("")
async def list_mcp_services(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
    name: Annotated[str | None, Query(max_length=64, description="Only the one of this name.")] = None,
) -> Page[McpService]:
    async with house.database.read() as tx:
        return await services.list_services(tx, window, name=name)


@router.post("", status_code=201, response_model=McpService)
async def create_mcp_service(
    body: McpServiceCreate, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    seal, given = mutation.house.seal, body.model_dump()
    return await mutation.run(lambda change: services.create_service(change, seal, given), status=201)


@router.get("/{service_id}")
async def get_mcp_service(
    service_id: Uuid, house: HouseHere, call: Annotated[Call, requires("governance.read")]
) -> McpService:
    async with house.database.read() as tx:
        return await services.get_service(tx, service_id)


@router.patch("/{service_id}", response_model=McpService)
async def update_mcp_service(
    service_id: Uuid, body: McpServiceUpdate, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    given: dict[str, Any] = body.sent(clearable=CLEARABLE)
    seal = mutation.house.seal
    return await mutation.run(lambda change: services.update_service(change, seal, service_id, given))


@router.delete("/{service_id}", status_code=204)
async def delete_mcp_service(
    service_id: Uuid, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    return await mutation.run(lambda change: services.delete_service(change, service_id))


@router.post("/{service_id}/refresh", response_model=McpService)
async def refresh_mcp_service(
    service_id: Uuid, mcp: McpHere, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    """Look now at what the server offers. What is new or differs is shown with its tools, and accepted there."""
    async with mutation.house.database.read() as tx:
        await services.get_service(tx, service_id)
    await mcp.discovery.refresh(service_id)
    return await mutation.run(lambda change: services.refreshed(change, service_id))
