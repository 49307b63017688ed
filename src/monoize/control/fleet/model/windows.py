"""The stretches of time over which usage is added up. Pure; all in UTC."""

import datetime as dt
from typing import Final, NamedTuple

_DAY: Final = dt.timedelta(days=1)
_DAYS_BACK: Final = 6
"""Of a week about whose beginning nobody said anything: today and the six days before."""


class Span(NamedTuple):
    """From `since` up to, not including, `until`."""

    since: dt.datetime
    until: dt.datetime


def day_of(now: dt.datetime) -> Span:
    since = _midnight(now)
    return Span(since, since + _DAY)


def month_of(now: dt.datetime) -> Span:
    since = _midnight(now).replace(day=1)
    # The 28th and four days lie in the next month, whatever the month.
    return Span(since, (since.replace(day=28) + 4 * _DAY).replace(day=1))


def week_of(now: dt.datetime, began_at: dt.datetime | None) -> Span:
    """Up to now, from when the account's own week began, as far as that is known."""
    if began_at is not None and began_at < now:
        return Span(began_at, now)
    return Span(_midnight(now) - _DAYS_BACK * _DAY, now)


def _midnight(now: dt.datetime) -> dt.datetime:
    return now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
