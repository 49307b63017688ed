"""What happened that cost nothing, written down by those who saw it."""

from monoize.control.telemetry.model.events import Event
from monoize.control.telemetry.store import events
from monoize.infra.db import Tx


async def record(tx: Tx, event: Event) -> None:
    await events.add(tx, event)
