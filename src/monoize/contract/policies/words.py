"""The kinds of values that policies are made of, each with its bounds."""

import zoneinfo
from typing import Annotated, Final, Literal

import msgspec

from monoize.base.patterns import PATTERN_CHARS_MOST
from monoize.contract.policies.globs import GLOB_CHARS_MOST
from monoize.contract.policies.tightening import strictest

COUNT_MOST: Final = 2**53 - 1
"""What every reader of JSON keeps exactly."""

Glob = Annotated[str, msgspec.Meta(pattern=r"^[!->@-Z\\^-~]+$(?!\n)", max_length=GLOB_CHARS_MOST)]
"""Printable ASCII in which only `*` is special: no `?`, `[`, `]` or blanks."""

Globs = tuple[Glob, ...]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,127}$(?!\n)")]
Names = tuple[Name, ...]
Usd = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$(?!\n)")]
Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MOST)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]
Percent = Annotated[int, msgspec.Meta(ge=1, le=100)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Pattern = Annotated[str, msgspec.Meta(pattern=r"^[ -~]+$(?!\n)", min_length=1, max_length=PATTERN_CHARS_MOST)]
Text = Annotated[str, msgspec.Meta(pattern=r"^[ -~\u00a0-\ud7ff\ue000-\uffff]*$(?!\n)", max_length=256)]
ClockTime = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")]
TimeZone = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_+/-]{1,64}$(?!\n)")]

Severity = Literal["none", "low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("none", "low", "medium", "high", "critical")

EARLIEST: Final = strictest(*reversed(SEVERITIES))
"""Of two severities from which on something happens, the lower one."""


def check_time_zone(name: str) -> None:
    # UTC is there also on machines without a list of time zones.
    if name == "UTC":
        return
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone") from None
