"""Long work on the event loop in slices: between two of them everybody else has their turn.

The work is plain code. It says with `breathe` where it may pause, and stays where it was: it runs in a greenlet of
its own, and nothing of it in another thread, so that nothing it has hold of can change under it. One at a time is
at work; others wait in the order in which they came. Whoever is cancelled ends their work where it pauses.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from greenlet import getcurrent, greenlet

SLICE_S: Final = 0.002
AT_ONCE_MOST: Final = 16_384
"""So many characters are looked through without a pause: a millisecond or two."""

Outcome = TypeVar("Outcome")


class Slices:
    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def run(self, work: Callable[[], Outcome]) -> Outcome:
        async with self._turn:
            running = greenlet(work)
            outcome: Any = _goes_on(running)
            while not running.dead:
                try:
                    await asyncio.sleep(0)
                except BaseException as problem:
                    # What it has begun is undone on its way out.
                    running.throw(problem)
                    raise
                outcome = _goes_on(running)
            found: Outcome = outcome
            return found


def _goes_on(running: Any) -> Any:
    running.pauses_at_s = time.perf_counter() + SLICE_S
    return running.switch()


def breathe() -> None:
    """Costs next to nothing where nobody asked for slices, or the present one is not over."""
    here: Any = getcurrent()
    pauses_at_s: float | None = getattr(here, "pauses_at_s", None)
    if pauses_at_s is not None and time.perf_counter() >= pauses_at_s:
        here.parent.switch()
