"""/api/keys/{key_id}/agent-record: which agent an API key is for, whose record then governs its requests."""

from typing import Annotated

from starlette.responses import Response

from monoize.control.edge.caller import Mutation, mutates
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Uuid, Wire
from monoize.control.governance.actions import governed_keys
from monoize.control.governance.api.names import AgentId
from monoize.control.identity.model import ApiKey

router = Router(prefix="/keys/{key_id}/agent-record", tags=["keys"])


class GovernedBy(Wire):
    record_id: AgentId


@router.put("", response_model=ApiKey)
async def govern_key(
    key_id: Uuid, body: GovernedBy, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    """From the next request on, all that its record says holds for the key, and the limits of its role."""
    return await mutation.run(lambda change: governed_keys.govern(change, key_id, body.record_id))


@router.delete("", response_model=ApiKey)
async def ungovern_key(key_id: Uuid, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    return await mutation.run(lambda change: governed_keys.let_go(change, key_id))
