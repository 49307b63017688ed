"""What has changed above the wall: grants are forgotten, and whoever may not go on is cut off under way."""

from typing import Final

import structlog

from monoize.base.errors import Refusal
from monoize.egress.above import Above
from monoize.egress.admission import Admission
from monoize.egress.figures import Figures
from monoize.egress.presence import Connection, Presence

log = structlog.get_logger(__name__)

EVERY_S: Final = 0.5
"""Between two questions, of which each is answered when there is something to tell, or after a few seconds."""


class Follower:
    def __init__(self, above: Above, admission: Admission, presence: Presence, figures: Figures) -> None:
        self._above = above
        self._admission = admission
        self._presence = presence
        self._figures = figures
        self._mark = ""
        self._is_away = False

    async def begin(self) -> None:
        """The first mark; Refusal when there is nobody to follow."""
        self._mark = (await self._above.news("")).mark

    async def run(self) -> None:
        """What the clock calls."""
        try:
            news = await self._above.news(self._mark)
        except Refusal as problem:
            if not self._is_away:
                log.warning("control_unreachable", problem=problem.message)
            self._is_away = True
            return
        if self._is_away:
            log.info("control_reachable")
        self._is_away = False
        self._mark = news.mark
        if news.changed:
            self._admission.forget()
            await self._doubt(self._presence.connections())

    async def _doubt(self, connections: list[tuple[str, Connection]]) -> None:
        for agent_id, connection in connections:
            if connection.asked is None:
                continue
            try:
                grant = await self._admission.grant(connection.asked)
            except Refusal:
                # Nobody knows; the next flush tells, or is not taken.
                return
            if grant is None or grant.cut_off is not None:
                connection.cut()
                self._figures.cut_off += 1
                log.info("egress_cut_off", agent=agent_id, why=grant.cut_off if grant else "token_refused")
