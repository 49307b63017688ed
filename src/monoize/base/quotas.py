"""How much of something may be had within a window of time, as both sides of the wall speak of it.

A second, an hour and a day are those of the clock, in UTC. A minute is the sixty seconds that end now: minutes of a
clock would let twice as much through where they meet.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from monoize.base.clock import DAY_MS

MINUTE_MS: Final = 60_000

Window = Literal["second", "minute", "hour", "day"]
CLOCK_MS: Final[Mapping[Window, int]] = {"second": 1_000, "hour": 3_600_000, "day": DAY_MS}
"""How long windows are that begin with the clock."""


class Quota(NamedTuple):
    """What is wanted of what may be had of one counter. All of `most` may be had at once."""

    counter: str
    window: Window
    most: int
    wanted: int = 1


def next_ms(at_ms: int, length_ms: int) -> int:
    """When the window of this moment is over."""
    return (at_ms // length_ms + 1) * length_ms
