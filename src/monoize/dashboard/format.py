"""How values look to people: money, time and the programs they sign in with. One place, so that pages agree."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

NANO: Final = 1_000_000_000
_ID_CHARS: Final = 20
_TAIL_CHARS: Final = 8


def usd(nano_usd: int) -> str:
    """Exact, without trailing zeros beyond the cents: $1,250.00 or -$0.000000001."""
    whole, rest = divmod(abs(nano_usd), NANO)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano_usd < 0 else ''}${whole:,}.{decimals}"


def moment(at: dt.datetime) -> str:
    """Minutes are enough to read, and every page says that its times are UTC."""
    return f"{at.day} {at:%b %Y, %H:%M}"


def day(at: dt.datetime) -> str:
    return f"{at.day} {at:%b %Y}"


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
