"""Two wires joined: what comes from the one goes to the other, until both have ended or nobody says anything.

When one side says that it has nothing more, the other hears of it and may go on, as long as it does so without a
long silence. When one side is gone, the other gets what is outstanding, and is closed.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final

from monoize.egress.wire import Wire
from monoize.infra.alarm import Alarm

IDLE_S: Final = 600.0
HALF_CLOSED_S: Final = 30.0
OUTSTANDING_S: Final = 30.0


class Tunnel:
    """`on_over` is called once, when both ends are gone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        alarm: Alarm,
        client: Wire,
        target: Wire,
        on_over: Callable[[], None],
    ) -> None:
        self.moved_at = loop.time()
        self._loop = loop
        self._alarm = alarm
        self._ends = (client, target)
        self._on_over = on_over
        self._ended: set[Wire] = set()
        self._lost: set[Wire] = set()

    def open(self) -> None:
        client, target = self._ends
        self._alarm.watch(self)
        client.join(target, self)
        target.join(client, self)
        self._alarm.not_after(self._deadline())

    def cut(self) -> None:
        for wire in self._ends:
            wire.abort()

    def check(self, now: float) -> float:
        """What the alarm calls."""
        if len(self._lost) == len(self._ends):
            return math.inf
        deadline = self._deadline()
        if now < deadline:
            return deadline
        self.cut()
        return now + OUTSTANDING_S

    def on_end(self, wire: Wire) -> None:
        if wire in self._ended:
            return
        self._ended.add(wire)
        self.moved_at = self._loop.time()
        if len(self._ended) == len(self._ends):
            for end in self._ends:
                end.close()
        else:
            self._other(wire).end()
        self._alarm.not_after(self._deadline())

    def on_lost(self, wire: Wire) -> None:
        if wire in self._lost:
            return
        self._lost.add(wire)
        if len(self._lost) == len(self._ends):
            self._alarm.forget(self)
            self._on_over()
            return
        self.moved_at = self._loop.time()
        self._other(wire).close()
        self._alarm.not_after(self._deadline())

    def _deadline(self) -> float:
        if self._lost:
            return self.moved_at + OUTSTANDING_S
        return self.moved_at + (HALF_CLOSED_S if self._ended else IDLE_S)

    def _other(self, wire: Wire) -> Wire:
        client, target = self._ends
        return target if wire is client else client
