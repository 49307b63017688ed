"""What gates said of requests, for those who want to know what a rule does or would do."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from monoize.contract.gates.decision import Decision, read
from monoize.control.ledger.model.requests import RecordedRequest
from monoize.control.ledger.store import request_logs
from monoize.infra.db import Tx

READ_MOST: Final = 50_000
RECORDED_MOST: Final = 5_000


class Decided(NamedTuple):
    record_id: str
    at_ms: int
    decisions: Sequence[Decision]


async def in_shadow(
    tx: Tx, *, record_id: str | None, since: dt.datetime, until: dt.datetime
) -> tuple[Sequence[Decided], bool]:
    """Requests that a policy in shadow would have denied, newest first, and whether these are all."""
    rows = await request_logs.decided(
        tx, '"would_deny"', record_id=record_id, since=since, until=until, most=READ_MOST + 1
    )
    found = [Decided(record, at_ms, read(text)) for record, at_ms, text in rows[:READ_MOST]]
    return found, len(rows) <= READ_MOST


async def recorded(
    tx: Tx, record_id: str, *, since: dt.datetime, until: dt.datetime
) -> tuple[Sequence[RecordedRequest], bool]:
    """Requests of an agent as far as they are known, newest first, and whether these are all."""
    found = await request_logs.recorded(tx, record_id, since=since, until=until, most=RECORDED_MOST + 1)
    return found[:RECORDED_MOST], len(found) <= RECORDED_MOST
