"""The request log as it grows, for those who watch it.

What has ended is asked of the database, every second while anybody watches: there it is found whichever process
served it. Rows have ids that are made when requests end, so asking is reading on from the last; a little is read
again each time, since processes post at their own pace and have their own clocks. What is under way is known to the
process that serves it: of the others' requests nothing is told until they have ended.

Nothing waits for a watcher. Who does not keep up is told to read the list again, and so is everybody after what may
have been missed: more at once than anybody reads, or a database that was away.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog

from monoize.base.errors import Unavailable
from monoize.base.ids import id_text
from monoize.contract.under_way import UnderWay
from monoize.control.edge.audience import Audience
from monoize.control.ledger.model.requests import LoggedRequest
from monoize.control.ledger.store import request_logs
from monoize.infra.db import Database, Tx

log = structlog.get_logger(__name__)

POLL_EVERY_S: Final = 1.0
READ_AGAIN_MS: Final = 15_000
IDS_MOST: Final = 2_000
ROWS_MOST: Final = 200
UNDER_WAY_MOST: Final = 200
WAITING_MOST: Final = 16
"""Events that a watcher has not taken."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """What is under way: all of it, or the newest where it is much."""

    requests: Sequence[UnderWay]


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    requests: Sequence[LoggedRequest]


@dataclasses.dataclass(frozen=True, slots=True)
class Resync:
    """Something may have been missed."""


Event = Pending | Ended | Resync


class Watcher:
    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._told = asyncio.Event()

    def tell(self, event: Event) -> None:
        if len(self._events) >= WAITING_MOST:
            self._events.clear()
            self._events.append(Resync())
        self._events.append(event)
        self._told.set()

    def taken(self) -> Sequence[Event]:
        events = list(self._events)
        self._events.clear()
        self._told.clear()
        return events

    async def until_told(self, most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._told.wait()


class _View:
    """What the watchers of one user see, or those of everybody."""

    def __init__(self, user_id: str | None) -> None:
        self.user_id = user_id
        self.watchers: list[Watcher] = []
        self.pending = Pending(())
        self.has_missed = False
        self._since_ms = self._newest_ms = _now_ms()
        self._seen: set[str] = set()

    def tell(self, event: Event) -> None:
        for watcher in self.watchers:
            watcher.tell(event)

    def is_told_pending(self, every: Sequence[UnderWay]) -> None:
        theirs = [one for one in every if self.user_id in (None, one.user_id)]
        pending = Pending(tuple(theirs[-UNDER_WAY_MOST:]))
        if pending != self.pending:
            self.pending = pending
            self.tell(pending)

    async def is_told_ended(self, tx: Tx) -> None:
        from_ms = max(self._since_ms, self._newest_ms - READ_AGAIN_MS)
        ids = await request_logs.newest_ids(tx, user_id=self.user_id, after=_id_at(from_ms), most=IDS_MOST)
        news = [id for id in ids if id not in self._seen]
        if news:
            # A clock that is ahead of ours must not make us pass over what we write ourselves.
            self._newest_ms = max(self._newest_ms, min(_ms_of(news[0]), _now_ms()))
        self._seen = set(ids)
        shown = news[:ROWS_MOST]
        requests = await request_logs.with_ids(tx, shown)
        if self.has_missed or len(shown) < len(news):
            self.has_missed = False
            self.tell(Resync())
        if requests:
            self.tell(Ended(requests))


class LiveRequests:
    """`under_way` is what this process serves. `run` is called by the clock."""

    def __init__(self, database: Database, under_way: Callable[[], Sequence[UnderWay]]) -> None:
        self._database = database
        self._under_way = under_way
        self._views: dict[str | None, _View] = {}
        self.audience = Audience()

    @contextlib.contextmanager
    def watched(self, user_id: str | None) -> Iterator[Watcher]:
        """What is of this user, or of everybody."""
        view = self._views.get(user_id) or self._views.setdefault(user_id, _View(user_id))
        watcher = Watcher()
        view.is_told_pending(self._under_way())
        watcher.tell(view.pending)
        view.watchers.append(watcher)
        try:
            yield watcher
        finally:
            view.watchers.remove(watcher)
            if not view.watchers:
                del self._views[user_id]

    async def run(self) -> None:
        if not self._views:
            return
        under_way = self._under_way()
        views = list(self._views.values())
        for view in views:
            view.is_told_pending(under_way)
        try:
            async with self._database.read() as tx:
                for view in views:
                    await view.is_told_ended(tx)
        except Unavailable as problem:
            log.warning("watchers_wait", problem=problem.message)
            for view in views:
                view.has_missed = True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _id_at(ms: int) -> str:
    """Before every id that is made at this moment or later."""
    return id_text(ms << 80)


def _ms_of(id: str) -> int:
    return int(id[:8] + id[9:13], 16)
