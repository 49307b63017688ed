"""What keeps services as they are wanted, made together, since some of it wakes the rest."""

import dataclasses

from monoize.control.edge.house import House
from monoize.control.projects.actions.health import HealthWatch
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.actions.reconcile import Reconciler
from monoize.control.projects.actions.removals import Remover
from monoize.control.projects.actions.watching import EngineWatch
from monoize.control.projects.drivers.engine import Engine


@dataclasses.dataclass(frozen=True, slots=True)
class Upkeep:
    reconciler: Reconciler
    watch: EngineWatch
    health: HealthWatch
    remover: Remover


def make_upkeep(house: House, engine: Engine, proxy: Proxy) -> Upkeep:
    reconciler = Reconciler(house, engine)
    house.audit_log.observe(reconciler.changed)
    return Upkeep(
        reconciler=reconciler,
        watch=EngineWatch(house, engine, reconciler),
        health=HealthWatch(house, engine),
        remover=Remover(house, engine, proxy),
    )
