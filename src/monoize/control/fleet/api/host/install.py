"""/install/TOKEN: the script that turns a computer into a host, once.

Whoever fetches it pipes it into a shell, so a refusal is a script as well: one that says why, and fails.
"""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.principal import VISITOR, Call
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.fleet.actions import enrolment
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.api.host.caller import Handler
from monoize.control.fleet.drivers.courier_script import courier_script
from monoize.control.fleet.model.install_script import install_script, refusal_script
from monoize.control.fleet.services import fleet_of


class ScriptRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                await fleet_of(request).authenticator.knock(None, request.state.ip)
                return await inner(request)
            except Refusal as refusal:
                return self.refused(refusal)

        return answered

    def refused(self, refusal: Refusal) -> Response:
        return _script(refusal_script(refusal.message, refusal.cure), refusal.status)


router = Router(route_class=ScriptRoute, tags=["hosts"])


@router.get("/install/{token}")
async def get_installer(token: str, request: Request, house: HouseHere, fleet: FleetHere) -> Response:
    if request.state.only_looks:
        # Programs that preview links look before anybody runs them.
        return _script("", 200)
    published = await fleet.published.current()
    call = Call(VISITOR, request.state.request_id, request.state.ip)
    async with house.audit_log.change(call) as change:
        redeemed = await enrolment.redeem(change, house.seal, token, utc_now())
        # Before the link is used up: one whose script cannot be made stays good.
        text = install_script(
            base_url=redeemed.base_url,
            key=redeemed.key,
            fqdn=redeemed.host.fqdn,
            installation_id=published.installation_id,
            courier_sha256=courier_script().sha256,
        )
    return _script(text, 200)


def _script(text: str, status: int) -> Response:
    return Response(text, status, media_type="text/x-shellscript; charset=utf-8")
