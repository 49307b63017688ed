"""What keeps services as they are wanted, made together, since some of it wakes the rest."""

import dataclasses

from monoize.base.errors import Refusal
from monoize.control.edge.house import House
from monoize.control.projects.actions.health import HealthWatch
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.actions.reconcile import Reconciler
from monoize.control.projects.actions.removals import Remover
from monoize.control.projects.actions.watching import EngineWatch
from monoize.control.projects.drivers.engine import Engine
from monoize.infra.docker import DockerError


@dataclasses.dataclass(frozen=True, slots=True)
class Upkeep:
    reconciler: Reconciler
    watch: EngineWatch
    health: HealthWatch
    remover: Remover


async def settle(upkeep: Upkeep, service_id: int) -> None:
    """Do now what is wanted of a service. That is durable: where the engine is away it is done later."""
    try:
        await upkeep.reconciler.one(service_id)
    except (DockerError, Refusal):
        upkeep.reconciler.bell.ring()


def make_upkeep(house: House, engine: Engine, proxy: Proxy) -> Upkeep:
    reconciler, remover = Reconciler(house, engine, proxy), Remover(house, engine, proxy)
    for woken in (reconciler, remover):
        house.audit_log.observe(woken.bell.changed)
    return Upkeep(
        reconciler=reconciler,
        watch=EngineWatch(house, engine, reconciler),
        health=HealthWatch(house, engine),
        remover=remover,
    )
