"""How values look to people: money, time, numbers, programs. One place, so that pages agree.

Everything in `__all__` is a filter in templates, under its own name.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

__all__ = (
    "ago",
    "count",
    "day",
    "day_of_month",
    "facts",
    "long_bytes",
    "milliseconds",
    "moment",
    "percent",
    "program",
    "role",
    "short_count",
    "short_id",
    "short_usd",
    "usd",
)

NANO: Final = 1_000_000_000
_CENT: Final = NANO // 100
_ID_CHARS: Final = 20
_TAIL_CHARS: Final = 8


def usd(nano_usd: int) -> str:
    """Exact, without trailing zeros beyond the cents: $1,250.00 or -$0.000000001."""
    whole, rest = divmod(abs(nano_usd), NANO)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano_usd < 0 else ''}${whole:,}.{decimals}"


def short_usd(nano_usd: int) -> str:
    """To be taken in at a glance: $1.2M, $84.10K, $12.35, $0.0042; half a unit of the last digit away at most."""
    sign, size = "-" if nano_usd < 0 else "", abs(nano_usd)
    for unit, letter in _THOUSANDS:
        if size >= _least(unit) * NANO:
            return f"{sign}${_scaled(size, unit * NANO)}{letter}"
    if size >= NANO or size == 0:
        return f"{sign}${(size + _CENT // 2) // _CENT / 100:,.2f}"
    # Two digits that say something: a request costs less than a cent.
    return f"{sign}${_significant(size)}"


def _significant(nano_usd: int) -> str:
    unit = 10 ** max(len(str(nano_usd)) - 2, 0)
    rounded = (nano_usd + unit // 2) // unit * unit
    return f"{rounded // NANO}.{f'{rounded % NANO:09d}'.rstrip('0').ljust(2, '0')}"


_THOUSANDS: Final = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K"))


def _least(unit: int) -> int:
    """Four digits are still read at a glance."""
    return 10 * unit if unit == 1_000 else unit


def count(number: int) -> str:
    return f"{number:,}"


def short_count(number: int) -> str:
    """To be taken in at a glance: 950, 12.3K, 4.56M."""
    for unit, letter in _THOUSANDS:
        if abs(number) >= _least(unit):
            return f"{_scaled(number, unit)}{letter}"
    return f"{number:,}"


def _scaled(number: int, unit: int) -> str:
    """Three digits, or all that stand before the point."""
    scaled = number / unit
    return f"{scaled:,.{2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0}f}"


def percent(part: float, whole: float = 1.0) -> str:
    """Of nothing there is no share: a dash. What is not quite all or nothing is not shown as that."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.9 < share < 100:
        return ">99.9 %"
    return f"{share:.0f} %" if share in (0, 100) or share >= 1000 else f"{share:.1f} %"


def milliseconds(ms: float | None) -> str:
    """A duration: 340 ms, 1.24 s, 3 min 12 s, 2 h 05 min."""
    if ms is None:
        return "–"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_995:
        return f"{ms / 1000:.{2 if ms < 9_995 else 1}f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def long_bytes(size: int) -> str:
    """Sizes of memory, disks and traffic, in the units that plans are sold in."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.{0 if size % unit == 0 else 1}f} {name}"
    return f"{size} B"


def ago(at: dt.datetime, now: dt.datetime) -> str:
    """How long since, or until: `3 min ago`, `in 2 days`."""
    seconds = (now - at).total_seconds()
    for unit_s, name in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= unit_s:
            number = int(abs(seconds) // unit_s)
            said = f"{number} {name}{'s' if name == 'day' and number > 1 else ''}"
            return f"{said} ago" if seconds > 0 else f"in {said}"
    return "just now" if seconds >= 0 else "in a moment"


def moment(at: dt.datetime) -> str:
    """Minutes are enough to read, and every page says that its times are UTC."""
    return f"{at.day} {at:%b %Y, %H:%M}"


def day(at: dt.datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def day_of_month(at: dt.date) -> str:
    return f"{at.day} {at:%b}"


def short_id(id: str) -> str:
    """The end of a long id: ids begin with their time, so neighbours differ only there."""
    return id if len(id) <= _ID_CHARS else f"…{id[-_TAIL_CHARS:]}"


def facts(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The details of an audit row, each with its name as plain words."""
    return [(name.replace("_", " "), _fact(value)) for name, value in details.items() if value not in (None, [])]


def _fact(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def role(name: str) -> str:
    return name.replace("_", " ").replace("admin", "administrator").capitalize()


# Browsers name each other for compatibility: the most particular name comes first.
_BROWSERS: Final = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def program(user_agent: str | None) -> str:
    """`Firefox on Linux` for a browser, the bare name for any other program."""
    if not user_agent:
        return "Unknown program"
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), None)
    if browser is None:
        return user_agent.split("/")[0][:40]
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), None)
    return f"{browser} on {system}" if system else browser
