"""/api/mcp-services/{service_id}/tools: what a server offers, what was accepted of it, and how it is judged."""

from typing import Annotated, Any, Final

from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.contract.policies.words import Severity
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Page, Uuid, Wire
from monoize.control.governance.api.names import Amount
from monoize.control.mcp.actions import services
from monoize.control.mcp.model.services import McpTool

router = Router(prefix="/mcp-services/{service_id}", tags=["mcp"])

TOOLS_MOST: Final = 1_000
PRICE_MOST: Final = 10**12
"""A thousand USD for one call."""

Named = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:/-]+$")]
Price = Annotated[Amount, Field(ge=1, le=PRICE_MOST)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ToolSeen(Wire):
    """`found_hash` is that of the tool as you have seen it; null for one that is gone, which then is forgotten."""

    name: Named
    found_hash: Hash | None = None


class AcceptTools(Wire):
    tools: Annotated[list[ToolSeen], Field(min_length=1, max_length=TOOLS_MOST)]


class McpToolUpdate(Wire):
    """A tool whose `risk` nobody has judged is of high risk; one that is not `read_only` changes something.

    Each call is charged `price_nano_usd` to the account of its caller.
    """

    risk: Severity | None = None
    read_only: bool | None = None
    requires_approval: bool | None = None
    enabled: bool | None = None
    price_nano_usd: Price | None = None


@router.get("/tools")
async def list_mcp_tools(
    service_id: Uuid, house: HouseHere, call: Annotated[Call, requires("governance.read")]
) -> Page[McpTool]:
    async with house.database.read() as tx:
        return Page(await services.list_tools(tx, service_id), None)


@router.post("/accept", response_model=Page[McpTool])
async def accept_mcp_tools(
    service_id: Uuid, body: AcceptTools, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    """From now on agents see these tools as they are described now, and a call of another one is refused."""
    wanted = {tool.name: tool.found_hash for tool in body.tools}

    return await mutation.run(lambda change: services.accept_tools(change, service_id, wanted))


@router.patch("/tools/{tool_id}", response_model=McpTool)
async def update_mcp_tool(
    service_id: Uuid,
    tool_id: Uuid,
    body: McpToolUpdate,
    mutation: Annotated[Mutation, mutates("governance.write")],
) -> Response:
    given: dict[str, Any] = body.sent(clearable=("risk", "price_nano_usd"))
    return await mutation.run(lambda change: services.update_tool(change, service_id, tool_id, given))
