"""What policies in shadow would have denied: counted by agent, day, gate and rule."""

import collections
import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.base.clock import utc_day, utc_now
from monoize.control.governance.errors import ShadowTooLong
from monoize.control.ledger.actions import decisions
from monoize.infra.db import Tx

DAYS_USUAL: Final = 7
DAYS_MOST: Final = 31


@dataclasses.dataclass(frozen=True, slots=True)
class ShadowCount:
    """So many requests of a day that this rule would have denied."""

    day: dt.date
    agent_record_id: str
    gate: str
    rule_id: str
    code: str | None
    requests: int


@dataclasses.dataclass(frozen=True, slots=True)
class ShadowCounts:
    """Newest day first. Where there are too many requests to be read at once, `complete` is false."""

    items: Sequence[ShadowCount]
    complete: bool


async def counts(
    tx: Tx, *, record_id: str | None = None, since: dt.datetime | None = None, until: dt.datetime | None = None
) -> ShadowCounts:
    end = until or utc_now()
    begin = since or end - dt.timedelta(days=DAYS_USUAL)
    if end - begin > dt.timedelta(days=DAYS_MOST):
        raise ShadowTooLong
    found, complete = await decisions.in_shadow(tx, record_id=record_id, since=begin, until=end)
    counted: collections.Counter[tuple[dt.date, str, str, str, str]] = collections.Counter()
    for request in found:
        said = {
            (each.gate, each.rule_id, each.code or "") for each in request.decisions if each.verdict == "would_deny"
        }
        counted.update((utc_day(request.at_ms), request.record_id, *each) for each in said)
    items = [
        ShadowCount(day, record, gate, rule, code or None, requests)
        for (day, record, gate, rule, code), requests in sorted(counted.items(), reverse=True)
    ]
    return ShadowCounts(items, complete)
