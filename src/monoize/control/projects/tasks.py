"""Background work of the room."""

from typing import Final

from monoize.control.edge.house import House
from monoize.control.projects.actions.issuing import Issuer
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.actions.upkeep import Upkeep
from monoize.control.projects.actions.workers import Workers, forget
from monoize.infra.background import Background

WATCH_NGINX_EVERY_S: Final = 1
# Workers wait by themselves until there is something to do.
WORKERS_PAUSE_S: Final = 0.05
FORGET_EVERY_S: Final = 3_600
# So do these: for something that happens, or for the engine to be back.
UPKEEP_PAUSE_S: Final = 0.2
PROBE_EVERY_S: Final = 30


def schedule(background: Background, house: House, proxy: Proxy, upkeep: Upkeep, workers: Workers) -> None:
    issuer = Issuer(house, proxy)
    house.audit_log.observe(issuer.bell.changed)
    background.every(WATCH_NGINX_EVERY_S, "projects.nginx", proxy.watch)
    background.every(WORKERS_PAUSE_S, "projects.certificates", issuer.run)
    background.every(UPKEEP_PAUSE_S, "projects.reconcile", upkeep.reconciler.run)
    background.every(UPKEEP_PAUSE_S, "projects.watch", upkeep.watch.run)
    background.every(PROBE_EVERY_S, "projects.health", upkeep.health.run)
    background.every(UPKEEP_PAUSE_S, "projects.remove", upkeep.remover.run)

    async def forget_what_is_old() -> None:
        await forget(house.database)

    for number, deployer in enumerate(workers.deployers):
        background.every(WORKERS_PAUSE_S, f"projects.deploy.{number}", deployer.run)
    for number, builder in enumerate(workers.builders):
        background.every(WORKERS_PAUSE_S, f"projects.build.{number}", builder.run)
    background.every(FORGET_EVERY_S, "projects.forget", forget_what_is_old)
