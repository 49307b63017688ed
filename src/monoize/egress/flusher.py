"""Hands what was counted to the control plane: every few seconds, sooner where somebody uses much.

A flush is sent until it is taken, and the next is not made before. So a repeat counts once, and `kill -9` loses
what was counted since the last flush, at most. What is untaken when the proxy stops is left in a file, and the next
one sends it. While nobody takes anything, bytes go by that nobody bills: after a minute of that, all are cut off.
"""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Final

import msgspec
import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.contract.egress import Flush, FlushTaken
from monoize.egress.above import Above
from monoize.egress.figures import Figures
from monoize.egress.meter import Meter
from monoize.egress.presence import Presence

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 0.5
FLUSH_EVERY_S: Final = 5.0
UNTAKEN_MOST_S: Final = 60.0
FLUSHES_LEFT_MOST: Final = 1_000
_SUFFIX: Final = ".flushes"


class Flusher:
    def __init__(
        self,
        above: Above,
        meter: Meter,
        presence: Presence,
        figures: Figures,
        folder: Path,
        *,
        every_s: float = FLUSH_EVERY_S,
    ) -> None:
        self.source = new_id()
        self._above = above
        self._meter = meter
        self._presence = presence
        self._figures = figures
        self._folder = folder
        self._every_s = every_s
        self._sequence = 0
        self._pending: Flush | None = None
        self._taken_at = self._made_at = time.monotonic()
        self._is_cut_off = False

    async def run(self) -> None:
        """What the clock calls."""
        if self._pending is None:
            is_due = time.monotonic() - self._made_at >= self._every_s
            if not is_due and not self._meter.is_heavy:
                return
            self._pending = self._made()
        if self._pending is None:
            self._taken_at = time.monotonic()
            return
        await self._send(self._pending)

    async def finish(self) -> None:
        """The last flush; what is not taken now is left for the next proxy."""
        pending, self._pending = self._pending, None
        untaken = [flush for flush in (pending, self._made()) if flush is not None]
        while untaken:
            try:
                await self._above.take(untaken[0])
            except Refusal as problem:
                log.warning("egress_flush_left", problem=problem.message)
                self._leave(untaken)
                return
            untaken.pop(0)

    async def send_left(self) -> None:
        """What proxies before this one have left. What the clock calls."""
        for file in sorted(self._folder.glob(f"*{_SUFFIX}")):
            try:
                flushes = msgspec.msgpack.decode(file.read_bytes(), type=tuple[Flush, ...])
            except (OSError, msgspec.DecodeError):
                log.exception("egress_flush_unreadable", file=str(file))
                file.rename(file.with_suffix(".unreadable"))
                continue
            try:
                for flush in flushes[:FLUSHES_LEFT_MOST]:
                    await self._above.take(flush)
            except Refusal:
                return
            file.unlink()

    def _made(self) -> Flush | None:
        self._made_at = time.monotonic()
        connected = self._presence.connected
        counted = self._meter.take(keep=connected)
        if not counted and not connected:
            return None
        self._sequence += 1
        return Flush(
            source=self.source,
            sequence=self._sequence,
            month=first_of_month(utc_now()),
            counted=counted,
            connected=tuple(sorted(connected)),
        )

    async def _send(self, flush: Flush) -> None:
        try:
            taken = await self._above.take(flush)
        except Refusal as problem:
            self._untaken(problem)
            return
        if self._is_cut_off:
            log.info("egress_flush_taken_again")
        self._is_cut_off = False
        self._pending = None
        self._taken_at = time.monotonic()
        self._figures.untaken_s = 0.0
        self._cut_off(taken)

    def _untaken(self, problem: Refusal) -> None:
        self._figures.untaken_s = time.monotonic() - self._taken_at
        if not self._is_cut_off:
            log.warning("egress_flush_untaken", problem=problem.message)
        self._is_cut_off = True
        if self._figures.untaken_s > UNTAKEN_MOST_S:
            self._figures.cut_off += self._presence.cut_off(self._presence.connected)

    def _cut_off(self, taken: FlushTaken) -> None:
        for agent_id, why in taken.cut_off.items():
            count = self._presence.cut_off([agent_id])
            if count:
                log.info("egress_cut_off", agent=agent_id, why=why, connections=count)
            self._figures.cut_off += count

    def _leave(self, flushes: list[Flush]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f"{self.source}.draft"
        with draft.open("wb") as file:
            file.write(msgspec.msgpack.encode(flushes))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / f"{self.source}{_SUFFIX}")


def first_of_month(now: dt.datetime) -> dt.date:
    return now.date().replace(day=1)
