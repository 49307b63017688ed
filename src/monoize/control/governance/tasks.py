"""Background work of the room: approvals end when their time is over, and people are told of them."""

from typing import Final

from monoize.base.clock import utc_now
from monoize.control.governance.actions.notifications import Notifier, climb_due, deliver_due, expire_due
from monoize.infra.background import Background

APPROVALS_EVERY_S: Final = 1.0


def schedule(background: Background, notifier: Notifier) -> None:
    async def tend() -> None:
        await expire_due(notifier, utc_now())
        await climb_due(notifier, utc_now())
        await deliver_due(notifier, utc_now())

    background.every(APPROVALS_EVERY_S, "governance.approvals", tend)
