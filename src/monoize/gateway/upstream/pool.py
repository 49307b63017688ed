"""Which connection a request gets: the one used last, a new one, or the next that comes free.

Never more than `connections_most` in all and `per_target_most` to one target. Who finds no room waits in line, and
no longer than its own limit. At the limit of all, the connection that has been idle longest makes room for another
target. A slot is a connection that is open or being opened; each that is taken is given back, on every way out.
"""

import asyncio
import contextlib
import ssl
from collections import OrderedDict, deque

from monoize.gateway.upstream.connection import READ_BYTES, Connection
from monoize.gateway.upstream.dial import Dialer, Until
from monoize.gateway.upstream.errors import UpstreamProblem
from monoize.gateway.upstream.target import Target
from monoize.infra.alarm import Alarm

Grant = Connection | UpstreamProblem | None
"""What who waited gets: a connection that is free, a problem, or, with None, a slot to open one in."""


class _Lane:
    """The connections to one target."""

    def __init__(self) -> None:
        self.slots = 0
        self.idle: deque[Connection] = deque()
        """The one used last is the last."""
        self.waiting: OrderedDict[asyncio.Future[Grant], int] = OrderedDict()
        """In the order of their numbers."""


class Pool:
    def __init__(
        self, *, connections_most: int, per_target_most: int, idle_s: float, ssl_context: ssl.SSLContext | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = connections_most
        self._per_target_most = per_target_most
        self._idle_s = idle_s
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._dialer = Dialer(self._loop, ssl_context, self._buffer)
        self._alarm = Alarm(self._loop)
        self._lanes: dict[str, _Lane] = {}
        self._members: set[Connection] = set()
        """Those that have a slot."""
        self._slots = 0
        self._waiting = 0
        self._came = 0
        self._sockets: set[Connection] = set()
        """Those that are not closed yet: the members, and some that are on their way out."""
        self._is_closed = False
        self._is_empty = asyncio.Event()

    def take_idle(self, target: Target) -> Connection | None:
        lane = self._lanes.get(target.origin)
        while lane and lane.idle:
            connection = lane.idle.pop()
            if connection.is_usable:
                return connection
            connection.abort()
        return None

    async def acquire(self, target: Target, until: Until, *, is_fresh: bool = False) -> tuple[Connection, bool]:
        """A connection, and whether it was used before; never such a one if it has to be fresh."""
        while True:
            if self._is_closed:
                raise UpstreamProblem("connect", "the client is closed", was_sent=False)
            connection = self.take_idle(target)
            if connection is None and not self._take_slot(target.origin):
                connection = await self._wait(target.origin, until)
            if connection and is_fresh:
                # A fresh one takes its place, and its slot. It is as old as the one that failed, or older.
                self._members.discard(connection)
                connection.abort()
                connection = None
            if connection is None:
                return await self._open(target, until), False
            if connection.is_usable:
                return connection, True
            connection.abort()

    async def close(self) -> None:
        """Closes all connections, tells all who wait, and returns when no socket is left."""
        self._is_closed = True
        self._dialer.close()
        for lane in tuple(self._lanes.values()):
            for future in lane.waiting:
                _refuse(future, UpstreamProblem("connect", "the client is closed", was_sent=False))
        for connection in tuple(self._sockets):
            connection.abort(UpstreamProblem("connect", "the client is closed", was_sent=True))
        self._note_if_empty()
        await self._is_empty.wait()

    # What connections say.

    def on_free(self, connection: Connection) -> None:
        lane = self._lanes[connection.origin]
        others = self._longest_waiting() if self._waiting else None
        if others and others is not lane and (not lane.waiting or _first(others) < _first(lane)):
            # They wait because there are too many connections, not because theirs are taken.
            connection.abort()
            return
        while lane.waiting:
            future = self._pop(lane)
            if not future.done():
                future.set_result(connection)
                return
        lane.idle.append(connection)

    def on_gone(self, connection: Connection) -> None:
        self._alarm.forget(connection)
        if connection in self._members:
            self._members.discard(connection)
            with contextlib.suppress(ValueError):
                self._lanes[connection.origin].idle.remove(connection)
            self._give_slot(connection.origin)

    def on_lost(self, connection: Connection) -> None:
        self._sockets.discard(connection)
        self._note_if_empty()

    # Slots.

    async def _open(self, target: Target, until: Until) -> Connection:
        """With a slot that is the caller's."""
        try:
            connection = await self._dialer.open(target, lambda: self._make(target), until)
            if self._is_closed or not connection.is_usable:
                connection.abort()
                detail = "the client is closed" if self._is_closed else "closed before a request was sent"
                raise UpstreamProblem("connect", detail, was_sent=False)
        except BaseException:
            self._give_slot(target.origin)
            raise
        self._members.add(connection)
        self._sockets.add(connection)
        self._alarm.watch(connection)
        return connection

    def _make(self, target: Target) -> Connection:
        return Connection(
            self, target.origin, alarm=self._alarm, loop=self._loop, buffer=self._buffer, idle_s=self._idle_s
        )

    def _take_slot(self, origin: str) -> bool:
        lane = self._lanes.setdefault(origin, _Lane())
        if lane.waiting or lane.slots >= self._per_target_most:
            return False
        if self._slots >= self._most:
            self._evict()
        if self._slots >= self._most:
            return False
        self._count(lane, 1)
        return True

    def _give_slot(self, origin: str) -> None:
        self._count(self._lanes[origin], -1)
        while self._waiting and self._slots < self._most and (lane := self._longest_waiting()):
            future = self._pop(lane)
            if not future.done():
                self._count(lane, 1)
                future.set_result(None)
        self._tidy(origin)
        self._note_if_empty()

    def _count(self, lane: _Lane, change: int) -> None:
        lane.slots += change
        self._slots += change

    def _evict(self) -> None:
        oldest = [lane.idle[0] for lane in self._lanes.values() if lane.idle]
        if oldest:
            min(oldest, key=lambda connection: connection.heard_at).abort()

    def _tidy(self, origin: str) -> None:
        lane = self._lanes.get(origin)
        if lane and not lane.slots and not lane.waiting:
            del self._lanes[origin]

    def _note_if_empty(self) -> None:
        if self._is_closed and not self._slots and not self._sockets:
            self._is_empty.set()

    # The line.

    async def _wait(self, origin: str, until: Until) -> Connection | None:
        future: asyncio.Future[Grant] = self._loop.create_future()
        lane = self._lanes[origin]
        lane.waiting[future] = self._came
        self._came += 1
        self._waiting += 1
        late = UpstreamProblem(until.kind, "no connection came free in time", was_sent=False)
        timer = self._loop.call_at(until.at, _refuse, future, late)
        try:
            grant = await future
        except asyncio.CancelledError:
            if not future.cancelled():
                self._give_back(origin, future.result())
            raise
        finally:
            timer.cancel()
            if lane.waiting.pop(future, None) is not None:
                self._waiting -= 1
            self._tidy(origin)
        if isinstance(grant, UpstreamProblem):
            raise grant
        return grant

    def _give_back(self, origin: str, grant: Grant) -> None:
        if grant is None:
            self._give_slot(origin)
        elif isinstance(grant, Connection):
            if grant.is_usable:
                self.on_free(grant)
            else:
                grant.abort()

    def _longest_waiting(self) -> _Lane | None:
        """Of those that may have one connection more."""
        lanes = [lane for lane in self._lanes.values() if lane.waiting and lane.slots < self._per_target_most]
        return min(lanes, key=_first, default=None)

    def _pop(self, lane: _Lane) -> asyncio.Future[Grant]:
        self._waiting -= 1
        return lane.waiting.popitem(last=False)[0]


def _first(lane: _Lane) -> int:
    return next(iter(lane.waiting.values()))


def _refuse(future: asyncio.Future[Grant], problem: UpstreamProblem) -> None:
    if not future.done():
        future.set_result(problem)
