"""/api/agents/{agent_id}/operations: what an agent asks before it acts."""

from typing import Annotated, Final

from pydantic import Field

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.contract.limits import Act
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Page, Wire
from monoize.control.governance.actions import operations
from monoize.control.governance.actions.admission import admitted
from monoize.control.governance.actions.limits import limits_in_force
from monoize.control.governance.actions.operations import Counted
from monoize.control.governance.api.here import GovernanceHere
from monoize.control.governance.api.names import AgentId, OperationName, ToolName
from monoize.control.governance.model.limits import CounterUse

router = Router(prefix="/agents/{agent_id}/operations", tags=["agent limits"])

TOKENS_MOST: Final = 2**31 - 1
AT_ONCE_MOST: Final = 1000


class OperationCheck(Wire):
    """`ai_call` is one attempt at a provider, `request` one request to the gateway; any other name is an operation.

    `count` is of statements or objects: a batch of n statements is n.
    """

    operation: OperationName
    tool: ToolName | None = None
    count: Annotated[int, Field(ge=1, le=AT_ONCE_MOST)] = 1
    input_tokens: Annotated[int, Field(ge=0, le=TOKENS_MOST)] = 0
    max_output_tokens: Annotated[int, Field(ge=0, le=TOKENS_MOST)] = 0

    def act(self) -> Act:
        tokens = self.input_tokens + self.max_output_tokens
        return Act(operation=self.operation, tool=self.tool, count=self.count, tokens=tokens)


@router.post("/check")
async def check_operation(
    agent_id: AgentId,
    body: OperationCheck,
    house: HouseHere,
    governance: GovernanceHere,
    call: Annotated[Call, requires("operations.check")],
) -> Counted:
    """Counts the operation where it may be done; where it may not, the refusal says what would be allowed."""
    async with house.database.read() as tx:
        agent = await admitted(tx, agent_id, call.principal)
        limits = await limits_in_force(tx, agent.tenant_id, agent.role_name, utc_now())
    return await operations.check(governance.quotas, agent.tenant_id, agent.role_name, limits, body.act())


@router.get("")
async def list_use(
    agent_id: AgentId,
    house: HouseHere,
    governance: GovernanceHere,
    call: Annotated[Call, requires("operations.check")],
) -> Page[CounterUse]:
    """How much this agent's role has used of what is limited."""
    async with house.database.read() as tx:
        agent = await admitted(tx, agent_id, call.principal)
        limits = await limits_in_force(tx, agent.tenant_id, agent.role_name, utc_now())
    return Page(await operations.use(governance.quotas, agent.tenant_id, agent.role_name, limits), None)
