"""/api/agents/{agent_id}/webhook-key: by what a webhook knows that it is told by us."""

import dataclasses
from typing import Annotated

from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.governance.actions.notifications import webhook_key
from monoize.control.governance.actions.records import get_record
from monoize.control.governance.api.names import AgentId

router = Router(prefix="/agents/{agent_id}", tags=["approvals"])


@dataclasses.dataclass(frozen=True, slots=True)
class WebhookKey:
    """`monoize-signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of `SECONDS.BODY` with this text as the key."""

    key: str


@router.get("/webhook-key")
async def get_webhook_key(
    agent_id: AgentId, house: HouseHere, call: Annotated[Call, requires("governance.write")]
) -> WebhookKey:
    async with house.database.read() as tx:
        # For agents that there are.
        await get_record(tx, agent_id)
    return WebhookKey(webhook_key(house.seal, agent_id))
