"""The log of requests: what each was, beside what it cost. Written by machines, in batches, each request once."""

import datetime as dt
from collections.abc import Sequence

from monoize.contract.events import Charged
from monoize.control.ledger.model.requests import AgentErrors
from monoize.control.ledger.store import request_logs
from monoize.infra.db import Tx


async def log_requests(tx: Tx, events: Sequence[Charged]) -> Sequence[Charged]:
    """Those of these requests that have a log and are not in it yet, which it gives back."""
    logged = {event.id: event for event in events if event.log is not None}
    known = await request_logs.known(tx, logged)
    new = [event for id, event in logged.items() if id not in known]
    await request_logs.add(tx, new)
    return new


async def errors_of_agents(tx: Tx, since: dt.datetime, most: int) -> Sequence[AgentErrors]:
    """What failed of requests of governed agents; what a gate refused was never sent, and has not failed."""
    return await request_logs.errors_of_agents(tx, since, most)


async def refusals_of_agents(tx: Tx, since: dt.datetime, codes: Sequence[str], most: int) -> Sequence[AgentErrors]:
    """What gates have refused to governed agents with one of these codes."""
    return await request_logs.refusals_of_agents(tx, since, codes, most)
