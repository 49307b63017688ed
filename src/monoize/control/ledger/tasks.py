"""Background work of the room: tell those who watch the request log what is new in it."""

from monoize.control.ledger.actions.live import POLL_EVERY_S, LiveRequests
from monoize.infra.background import Background


def schedule(background: Background, live: LiveRequests) -> None:
    background.every(POLL_EVERY_S, "ledger.live_requests", live.run)
