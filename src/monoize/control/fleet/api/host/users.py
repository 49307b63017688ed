"""/host/users: who uses the tool on the calling host, as its courier reports it."""

from typing import Annotated

from pydantic import AfterValidator, Field
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE, Wire
from monoize.control.fleet.actions import calls
from monoize.control.fleet.api.host.caller import HostCallerHere, HostRoute, ok

router = Router(route_class=HostRoute)

_NAME_MOST = 255
_Name = Annotated[str, Field(max_length=_NAME_MOST), STORABLE, AfterValidator(str.strip)]


class UserReport(Wire):
    """A report without a username is counted as a call and notes nobody."""

    username: _Name = ""
    hostname: _Name | None = None
    installation_id: Annotated[str, Field(max_length=64), STORABLE] | None = None


@router.post("/host/users")
async def report_user(body: UserReport, caller: HostCallerHere) -> Response:
    caller = await caller.admit(installation_id=body.installation_id)
    hostname, now = body.hostname or None, utc_now()
    async with caller.house.database.write() as tx:
        await calls.count(tx, caller.host, now)
        is_known = not body.username or await calls.knows_user(tx, caller.host, body.username, hostname, now)
    if not is_known:
        async with caller.change() as change:
            await calls.note_user(change, caller.host, body.username, hostname, now)
    async with caller.house.database.read() as tx:
        return ok({"users": await calls.users_of(tx, caller.host)})
