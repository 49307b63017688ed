"""What the room of machines keeps running between requests: drivers, a worker, the monitor, the reconciler."""

import dataclasses

from starlette.requests import HTTPConnection

from monoize.control.compute.actions.deliveries import Deliverer
from monoize.control.compute.actions.gateway import Passage
from monoize.control.compute.actions.monitoring import Monitor
from monoize.control.compute.actions.reconciling import Reconciler
from monoize.control.compute.actions.running import WaysOut
from monoize.control.compute.actions.watching import Watchers
from monoize.control.compute.actions.working import Worker
from monoize.control.compute.drivers import health
from monoize.control.compute.drivers.agent_gateway import AgentGateways
from monoize.control.compute.drivers.registry import Drivers, open_drivers
from monoize.control.edge.house import House


@dataclasses.dataclass(frozen=True, slots=True)
class Compute:
    drivers: Drivers
    worker: Worker
    monitor: Monitor
    reconciler: Reconciler
    watchers: Watchers
    gateways: AgentGateways
    passage: Passage
    deliverer: Deliverer

    async def close(self) -> None:
        await self.deliverer.stop()
        await self.gateways.close()
        await self.passage.run()
        await self.worker.stop()
        await self.drivers.close()


def open_compute(house: House, address: str) -> Compute:
    """`address` is that of this server; what machines call it is known to their drivers."""
    settings = house.settings
    drivers = open_drivers(settings, house.installation)
    ways = WaysOut(settings.egress_address or settings.egress_listen, address)
    monitor = Monitor(house, drivers)
    worker = Worker(house, drivers, ways, health.ask, monitor.read_one)
    passage = Passage(house.database, house.seal)
    gateways = AgentGateways()
    deliverer = Deliverer(house.database, house.seal, gateways)
    reconciler = Reconciler(house, drivers)
    return Compute(drivers, worker, monitor, reconciler, Watchers(), gateways, passage, deliverer)


def compute_of(connection: HTTPConnection) -> Compute:
    compute: Compute = connection.app.state.compute
    return compute
