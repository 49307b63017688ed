"""/seed/auth/TOKEN: the script that hands a login over to a pool, and where it sends it."""

from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.principal import VISITOR, Call
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.fleet.actions import seed_links
from monoize.control.fleet.api.host.bodies import document_of
from monoize.control.fleet.api.host.caller import OpenRoute, ok
from monoize.control.fleet.api.host.install import ScriptRoute
from monoize.control.fleet.model.dates import written

scripts = Router(route_class=ScriptRoute)
documents = Router(route_class=OpenRoute)

Token = Annotated[str, Path(max_length=512)]


@scripts.get("/seed/auth/{token}")
async def get_seed_script(token: Token, house: HouseHere) -> Response:
    async with house.database.read() as tx:
        script = await seed_links.script(tx, token)
    headers = {"x-seed-expires-at": written(script.expires_at)}
    return Response(script.text, 200, headers, media_type="text/x-shellscript; charset=utf-8")


@documents.post("/seed/auth/{token}")
async def seed(token: Token, request: Request, house: HouseHere) -> Response:
    document = document_of(await request.body())
    call = Call(VISITOR, request.state.request_id, request.state.ip)
    async with house.audit_log.change(call) as change:
        stored = await seed_links.seed(change, house.seal, token, document)
    payload = stored.payload
    return ok(
        {
            "status": stored.status,
            "canonical_digest": payload.digest,
            "canonical_last_refresh": written(payload.last_refresh),
        }
    )
