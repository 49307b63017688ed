"""What operators see of what hosts used. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.control.fleet.errors import TooManyDays
from monoize.control.telemetry.model.reported import DayUsage, UsageSum

DAYS_MOST: Final = 400
DAYS_SHOWN: Final = 30
TOP_HOSTS_MOST: Final = 10

_DAY: Final = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Whose:
    """Of one host, of the hosts that are in one pool now, or of all there ever were."""

    host: str | None = None
    pool: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HostTotal:
    """`fqdn` is None once the host is gone."""

    host_id: int
    fqdn: str | None
    usage: UsageSum


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    day: UsageSum
    week: UsageSum
    week_began_at: dt.datetime
    month: UsageSum
    all_time: UsageSum
    top_hosts: Sequence[HostTotal]


@dataclasses.dataclass(frozen=True, slots=True)
class UsageDays:
    items: Sequence[DayUsage]


def first_day(since: dt.date | None, until: dt.date) -> dt.date:
    """Bounded; where nobody says it, a month before the last."""
    try:
        first = since or until - DAYS_SHOWN * _DAY
    except OverflowError:
        raise TooManyDays from None
    if not 0 <= (until - first).days <= DAYS_MOST:
        raise TooManyDays
    return first


def without_gaps(days: Sequence[DayUsage], until: dt.date) -> Sequence[DayUsage]:
    """With a day of nothing for each on which nothing was used, from the first known one up to `until`."""
    if not days:
        return []
    known = {each.day: each for each in days}
    first = min(known)
    every = (first + offset * _DAY for offset in range((until - first).days))
    return [known.get(day) or DayUsage(day=day, usage=UsageSum()) for day in every]
