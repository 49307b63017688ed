"""How much of something may be had within a window of time, as both sides of the wall speak of it.

A day is a calendar day of UTC. A minute is the sixty seconds that end now: minutes of a clock would let twice as
much through where they meet.
"""

from typing import Final, Literal, NamedTuple

from monoize.base.clock import DAY_MS

MINUTE_MS: Final = 60_000

Window = Literal["minute", "day"]


class Quota(NamedTuple):
    """What is wanted of what may be had of one counter. All of `most` may be had at once."""

    counter: str
    window: Window
    most: int
    wanted: int = 1


def next_day_ms(at_ms: int) -> int:
    """When the UTC day of this moment is over."""
    return (at_ms // DAY_MS + 1) * DAY_MS
