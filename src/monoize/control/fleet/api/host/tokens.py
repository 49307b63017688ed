"""/oauth/token: where the tool on a host renews its login, in a pool whose login the hub keeps for itself.

It speaks as the provider does, for a program that knows nothing of us; a refusal has the code that it acts on.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE
from monoize.control.fleet.actions import exchange
from monoize.control.fleet.api.host.caller import OpenRoute
from monoize.control.fleet.errors import HostTokenReused
from monoize.control.fleet.model.hosts import host_principal

router = Router(route_class=OpenRoute)


class TokenRequest(BaseModel):
    """What else the tool says of itself is its own affair, and may grow."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    refresh_token: Annotated[str, Field(min_length=1, max_length=512), STORABLE]
    grant_type: Annotated[str, Field(pattern="^refresh_token$")] = "refresh_token"


@router.post("/oauth/token")
async def renew(body: TokenRequest, request: Request, house: HouseHere) -> Response:
    now = utc_now()
    async with house.database.read() as tx:
        wanted = await exchange.look_up(tx, house.seal, body.refresh_token, request.state.ip, now)
    call = Call(host_principal(wanted.host), request.state.request_id, request.state.ip)
    async with house.audit_log.change(call) as change:
        renewed = await exchange.renew(change, house.seal, wanted, body.refresh_token, now)
    if renewed is None:
        raise HostTokenReused
    return JSONResponse(exchange.shown(renewed))
