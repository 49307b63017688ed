"""The time of day. Pure code takes `now` as an argument; only the shell asks here."""

import datetime as dt
from typing import Final

DAY_MS: Final = 86_400_000
_FIRST_DAY: Final = dt.date(1970, 1, 1).toordinal()


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def utc_day(at_ms: int) -> dt.date:
    return dt.date.fromordinal(_FIRST_DAY + at_ms // DAY_MS)


def midnight_ms(day: dt.date) -> int:
    """When it begins, in UTC."""
    return (day.toordinal() - _FIRST_DAY) * DAY_MS
