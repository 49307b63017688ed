"""Background work of the room."""

from typing import Final

from monoize.base.clock import utc_now
from monoize.control.compute.actions import egress, notices
from monoize.control.compute.actions.deliveries import Deliverer
from monoize.control.compute.actions.gateway import Passage
from monoize.control.compute.actions.monitoring import Monitor
from monoize.control.compute.actions.reconciling import Reconciler
from monoize.control.compute.actions.working import Worker
from monoize.control.edge.house import House
from monoize.control.governance.actions.notifications import Notifier
from monoize.infra.background import Background

WORK_EVERY_S: Final = 5.0
"""For what other processes have left behind; what is begun here rings."""
RENEW_EVERY_S: Final = 5.0
RECONCILE_LOOKS_EVERY_S: Final = 2.0
MONITOR_EVERY_S: Final = 60.0
PASSAGE_EVERY_S: Final = 5.0
CHANNELS_EVERY_S: Final = 10.0
NOTICES_EVERY_S: Final = 5.0
FORGET_EVERY_S: Final = 3_600.0


def schedule(
    background: Background,
    house: House,
    worker: Worker,
    monitor: Monitor,
    reconciler: Reconciler,
    notifier: Notifier,
    passage: Passage,
    deliverer: Deliverer,
) -> None:
    async def tell() -> None:
        await notices.deliver_due(notifier, utc_now())

    async def forget() -> None:
        async with house.database.write() as tx:
            await egress.forget_sources(tx, utc_now())
        await reconciler.forget()

    house.audit_log.observe(worker.changed)
    house.audit_log.observe(deliverer.changed)
    background.every(WORK_EVERY_S, "compute.work", worker.run, bell=worker.bell)
    background.every(RENEW_EVERY_S, "compute.renew", worker.renew)
    background.every(RECONCILE_LOOKS_EVERY_S, "compute.reconcile", reconciler.run)
    background.every(PASSAGE_EVERY_S, "compute.passage", passage.run)
    background.every(MONITOR_EVERY_S, "compute.monitor", monitor.run)
    background.every(CHANNELS_EVERY_S, "compute.channels", deliverer.run, bell=deliverer.bell)
    background.every(NOTICES_EVERY_S, "compute.notices", tell)
    background.every(FORGET_EVERY_S, "compute.forget", forget)
