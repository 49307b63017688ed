"""/api/fleet/switches and /api/fleet/versions: what holds for all hosts at once.

Operators stay served while the hosts' API is switched off: somebody has to switch it on again.
"""

from typing import Annotated

from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Wire
from monoize.control.fleet.actions import published
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.api.wire import ClientVersion
from monoize.control.fleet.model.versions import Published

router = Router(tags=["fleet"])


class Switches(Wire):
    api_disabled: bool


class VersionsUpdate(Wire):
    """Only what is sent changes; null takes it back. A lock also takes hosts back to an older version."""

    client_available: ClientVersion | None = None
    client_lock: ClientVersion | None = None


@router.get("/switches")
async def get_switches(fleet: FleetHere, call: Annotated[Call, requires("fleet.read")]) -> Published:
    return await fleet.published.current()


@router.put("/switches", response_model=Published)
async def set_switches(body: Switches, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: published.switch_api(change, disabled=body.api_disabled))


@router.get("/versions")
async def get_versions(fleet: FleetHere, call: Annotated[Call, requires("fleet.read")]) -> Published:
    return await fleet.published.current()


@router.patch("/versions", response_model=Published)
async def publish_versions(body: VersionsUpdate, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    values = body.sent(clearable=frozenset(VersionsUpdate.model_fields))
    return await mutation.run(lambda change: published.publish(change, values))
