"""The proxy as a whole: it listens, receives visits, and stops in good order with everything counted."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from monoize.egress import flusher, follower
from monoize.egress.above import Above
from monoize.egress.admission import Admission
from monoize.egress.dial import Dialer, Place, Resolve
from monoize.egress.figures import Figures
from monoize.egress.flusher import FLUSH_EVERY_S, Flusher
from monoize.egress.follower import Follower
from monoize.egress.meter import Meter
from monoize.egress.presence import USUAL, Bounds, Presence
from monoize.egress.reach import Rules
from monoize.egress.visit import Services, Visit
from monoize.egress.wire import Wire
from monoize.infra.alarm import Alarm
from monoize.infra.background import Background

VISITS_MOST: Final = 10_000
BACKLOG: Final = 2048
LEFT_EVERY_S: Final = 30.0
TIDY_EVERY_S: Final = 60.0


class Proxy:
    def __init__(
        self,
        above: Above,
        rules: Rules,
        protected: Callable[[Place], bool],
        folder: Path,
        *,
        bounds: Bounds = USUAL,
        flush_every_s: float = FLUSH_EVERY_S,
        resolve: Resolve | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        meter = Meter()
        self.figures = Figures(meter)
        self._loop = loop
        self._presence = Presence(bounds)
        self._admission = Admission(above)
        self._dialer = Dialer(rules, protected, resolve=resolve)
        self._flusher = Flusher(above, meter, self._presence, self.figures, folder, every_s=flush_every_s)
        self._follower = Follower(above, self._admission, self._presence, self.figures)
        # Of this life only, so that two proxies of ours may stand behind one another.
        name = f"monoize-{self._flusher.source[-12:]}".encode()
        self._services = Services(
            loop, Alarm(loop), self._admission, self._presence, self._dialer, meter, self.figures, name
        )
        self._background = Background()
        self._visits: dict[Visit, Wire] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        self._is_empty = asyncio.Event()

    async def open(self, listener: socket.socket) -> None:
        """Refusal when there is no control plane to follow."""
        await self._follower.begin()
        await self._flusher.send_left()
        self._background.every(follower.EVERY_S, "egress.follow", self._follower.run)
        self._background.every(flusher.LOOK_EVERY_S, "egress.flush", self._flusher.run)
        self._background.every(LEFT_EVERY_S, "egress.left", self._flusher.send_left)
        self._background.every(TIDY_EVERY_S, "egress.tidy", self._tidy)
        self._listening = await self._loop.create_server(self._receive, sock=listener, backlog=BACKLOG)

    async def close(self, grace_s: float) -> None:
        """Nobody new comes in; who is there may finish; the rest is cut, and what was counted handed over."""
        if self._listening is not None:
            self._listening.close()
        if self._visits:
            self._is_empty.clear()
            try:
                async with asyncio.timeout(grace_s):
                    await self._is_empty.wait()
            except TimeoutError:
                for visit in tuple(self._visits):
                    visit.cut()
        await self._background.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._flusher.finish()
        self._dialer.close()

    async def _tidy(self) -> None:
        self._presence.tidy()

    def _receive(self) -> asyncio.BaseProtocol:
        return _Door(self._loop, self._opened)

    def _opened(self, wire: Wire, transport: asyncio.Transport) -> None:
        if len(self._visits) >= VISITS_MOST:
            transport.abort()
            return
        peer = transport.get_extra_info("peername")
        visit = Visit(self._services, wire, peer[0] if peer else None, lambda: self._gone(visit))
        self._visits[visit] = wire
        self.figures.clients = len(self._visits)
        task = self._loop.create_task(visit.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _gone(self, visit: Visit) -> None:
        self._visits.pop(visit, None)
        self.figures.clients = len(self._visits)
        if not self._visits:
            self._is_empty.set()


class _Door(Wire):
    """A wire that says when it is open."""

    __slots__ = ("_opened",)

    def __init__(self, loop: asyncio.AbstractEventLoop, opened: Callable[[Wire, asyncio.Transport], None]) -> None:
        super().__init__(loop)
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opened(self, self._wire)
