"""What the room of machines keeps running between requests: drivers, a worker, the monitor, the reconciler."""

import dataclasses

from starlette.requests import HTTPConnection

from monoize.control.compute.actions.deliveries import Deliverer
from monoize.control.compute.actions.gateway import Passage
from monoize.control.compute.actions.monitoring import Monitor
from monoize.control.compute.actions.power import check_has_none
from monoize.control.compute.actions.reconciling import Reconciler
from monoize.control.compute.actions.working import Worker
from monoize.control.compute.drivers import health
from monoize.control.compute.drivers.agent_gateway import AgentGateways
from monoize.control.compute.drivers.registry import Drivers, open_drivers
from monoize.control.compute.model.machines import Ways, WaysOut
from monoize.control.edge.audience import Audience
from monoize.control.edge.house import House
from monoize.control.identity.services import Identity


@dataclasses.dataclass(frozen=True, slots=True)
class Compute:
    drivers: Drivers
    worker: Worker
    monitor: Monitor
    reconciler: Reconciler
    audience: Audience
    gateways: AgentGateways
    passage: Passage
    deliverer: Deliverer

    async def close(self) -> None:
        await self.deliverer.stop()
        await self.gateways.close()
        await self.passage.run()
        await self.worker.stop()
        await self.drivers.close()


def open_compute(house: House, identity: Identity, *, here: str, outside: str) -> Compute:
    """`here`: where this server listens; `outside`: what it is called elsewhere."""
    identity.keeps_users.append(check_has_none)
    settings = house.settings
    ways = WaysOut(
        here=Ways(settings.egress_listen, here),
        outside=Ways(settings.egress_address or settings.egress_listen, outside),
    )
    drivers = open_drivers(settings, house.installation, ways.here)
    monitor = Monitor(house, drivers)
    worker = Worker(house, drivers, ways, health.ask, monitor.read_one)
    passage = Passage(house.database, house.seal)
    gateways = AgentGateways()
    deliverer = Deliverer(house.database, house.seal, gateways)
    reconciler = Reconciler(house, drivers)
    return Compute(drivers, worker, monitor, reconciler, Audience(), gateways, passage, deliverer)


def compute_of(connection: HTTPConnection) -> Compute:
    compute: Compute = connection.app.state.compute
    return compute
