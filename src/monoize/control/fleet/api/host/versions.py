"""/versions: what couriers run, without a key, so that it also tells whether the hosts' API is up."""

from starlette.responses import Response

from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.fleet.actions import validation
from monoize.control.fleet.actions.pools import get_pool
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.api.host.caller import OpenRoute, ok
from monoize.control.fleet.drivers.courier_script import courier_script
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.model.versions_block import Wrapper, versions_block

router = Router(route_class=OpenRoute, tags=["hosts"])


@router.get("/versions")
async def get_versions(house: HouseHere, fleet: FleetHere) -> Response:
    """As a host of the first pool finds them that has no pins of its own."""
    courier = courier_script()
    async with house.database.read() as tx:
        pool = await get_pool(tx, DEFAULT_POOL_ID)
        runner = await validation.state_of(tx, pool)
    published = await fleet.published.current()
    return ok(versions_block(published, pool, None, Wrapper(courier.version, courier.sha256), runner))
