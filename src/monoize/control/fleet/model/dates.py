"""Moments as credentials and hosts write them: strict RFC 3339, compared as instants and never as text."""

import datetime as dt
import re
from typing import Final

EARLIEST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
NO_FILE_YET: Final = "2000-01-01T00:00:00Z"
"""What a host says that has no credential yet."""
AHEAD_MOST: Final = dt.timedelta(seconds=300)

_HOUR_MINUTE: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SHAPE: Final = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_HOUR_MINUTE}:[0-5][0-9])(?:\.([0-9]{{1,9}}))?(Z|[+-]{_HOUR_MINUTE})"
)
_MICROSECOND_DIGITS: Final = 6
_UNIX_MS_MOST: Final = 253_402_300_799_999


def instant(text: str) -> dt.datetime:
    """Two texts that are equal to the microsecond are the same instant. ValueError for what is not RFC 3339."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError("must be a time with its offset (RFC 3339), such as 2027-01-31T12:00:00Z")
    seconds, fraction, offset = found.groups()
    microseconds = (fraction or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    try:
        return dt.datetime.fromisoformat(f"{seconds}.{microseconds}{offset}").astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time that the calendar knows") from None


def instant_of_unix_ms(milliseconds: int) -> dt.datetime:
    if not 0 <= milliseconds <= _UNIX_MS_MOST:
        raise ValueError("must be a time in milliseconds since 1970")
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=milliseconds)


def plausible(moment: dt.datetime, now: dt.datetime, ahead_most: dt.timedelta = AHEAD_MOST) -> dt.datetime:
    """The moment itself; ValueError when no credential can be that old or that new."""
    if moment < EARLIEST:
        raise ValueError("is implausibly old")
    if moment > now + ahead_most:
        raise ValueError("lies in the future: check the clock of the host")
    return moment


def written(moment: dt.datetime) -> str:
    """As credential files have it."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
