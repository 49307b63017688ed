"""Background work of the room: what is too old goes."""

from typing import Final

from monoize.base.clock import utc_now
from monoize.control.edge.house import House
from monoize.control.telemetry.actions.retention import Ceilings, forget_old
from monoize.infra.background import Background

FORGET_EVERY_S: Final = 3600.0


def schedule(background: Background, house: House, ceilings: Ceilings) -> None:
    async def forget() -> None:
        await forget_old(
            house.database,
            utc_now(),
            kept_days=house.settings.telemetry_retention_days,
            hours_kept_days=house.settings.telemetry_hours_kept_days,
            ceilings=ceilings,
        )

    background.every(FORGET_EVERY_S, "telemetry.retention", forget)
