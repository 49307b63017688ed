"""The log of requests: what each was, beside what it cost. Written by machines, in batches, each request once."""

from collections.abc import Sequence

from monoize.contract.events import Charged
from monoize.control.ledger.store import request_logs
from monoize.infra.db import Tx


async def log_requests(tx: Tx, events: Sequence[Charged]) -> None:
    """Those of these requests that have a log and are not in it yet."""
    logged = {event.id: event for event in events if event.log is not None}
    known = await request_logs.known(tx, logged)
    await request_logs.add(tx, [event for id, event in logged.items() if id not in known])
