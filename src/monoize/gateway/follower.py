"""What has changed above the wall, for a data plane in a process of its own: asked for a few times a second.

While nobody answers, the last snapshot stays in force, and what may have moved meanwhile is doubted afterwards.
"""

from collections.abc import Callable
from typing import Final

import structlog

from monoize.base.errors import Unavailable
from monoize.contract.snapshot import Snapshot
from monoize.contract.wall import NewsAsked, heard
from monoize.gateway.keys import Keys
from monoize.gateway.refresher import Refresher
from monoize.gateway.wall import Wall

log = structlog.get_logger(__name__)

EVERY_S: Final = 0.25


class Follower:
    def __init__(self, wall: Wall, unseal: Callable[[str, str], str]) -> None:
        self._wall = wall
        self._unseal = unseal
        self._known = NewsAsked()
        self._is_cut_off = False
        self.current = Snapshot(generation=0)

    async def begin(self) -> None:
        """The first snapshot, or Unavailable."""
        await self._hear()

    async def follow(self, keys: Keys, refresher: Refresher) -> None:
        """What the clock calls."""
        try:
            moved, grants_changed = await self._hear()
        except Unavailable as problem:
            if not self._is_cut_off:
                log.warning("control_unreachable", problem=problem.message)
            self._is_cut_off = True
            return
        if self._is_cut_off:
            log.info("control_reachable")
        self._is_cut_off = False
        if grants_changed:
            keys.forget()
        if moved is None:
            await refresher.doubt_all()
        else:
            await refresher.moved(moved)

    async def _hear(self) -> tuple[tuple[str, ...] | None, bool]:
        news = await self._wall.news(self._known)
        edition = self._known.edition
        if news.told is not None:
            self.current = heard(news.told, self.current.generation + 1, self._unseal)
            edition = news.told.edition
        self._known = NewsAsked(edition, news.mark)
        return news.moved, news.grants_changed
