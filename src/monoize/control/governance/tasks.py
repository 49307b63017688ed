"""Background work of the room: approvals end when their time is over, agents are looked after, people are told.

Buckets are listed when it is time, and what agents have spent of windows that are over is forgotten.
"""

from collections.abc import Sequence
from typing import Final

from monoize.base.clock import utc_now
from monoize.control.governance.actions import alerts
from monoize.control.governance.actions.escalations import FailureSource, look_for_failures
from monoize.control.governance.actions.health import Examiner, examine_due
from monoize.control.governance.actions.notifications import Notifier, climb_due, deliver_due, expire_due
from monoize.control.governance.actions.spending import forget_over
from monoize.control.governance.actions.syncing import Syncer
from monoize.infra.background import Background

APPROVALS_EVERY_S: Final = 1.0
HEALTH_LOOK_EVERY_S: Final = 10.0
FAILURES_EVERY_S: Final = 60.0
BUCKETS_EVERY_S: Final = 15.0
SPENDING_EVERY_S: Final = 3600.0


def schedule(
    background: Background,
    notifier: Notifier,
    examiner: Examiner,
    failure_sources: Sequence[FailureSource],
    syncer: Syncer,
) -> None:
    async def tend() -> None:
        await expire_due(notifier, utc_now())
        await climb_due(notifier, utc_now())
        await deliver_due(notifier, utc_now())

    async def examine() -> None:
        await examine_due(examiner, utc_now())

    async def look() -> None:
        await look_for_failures(notifier.database, failure_sources, utc_now())
        await alerts.tell_of_refusals(notifier.database, utc_now())

    background.every(APPROVALS_EVERY_S, "governance.approvals", tend, when=notifier.database.changes.awaited())
    background.every(HEALTH_LOOK_EVERY_S, "governance.health", examine)
    background.every(FAILURES_EVERY_S, "governance.failures", look)
    background.every(BUCKETS_EVERY_S, "governance.buckets", syncer.run)

    async def forget() -> None:
        await forget_over(notifier.database, utc_now())
        await alerts.forget_over(notifier.database, utc_now())

    background.every(SPENDING_EVERY_S, "governance.spending", forget)
