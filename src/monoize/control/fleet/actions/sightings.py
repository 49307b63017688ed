"""Hosts that called and had nothing new: counted in memory, and written down together each second.

A commit for each of them would be most of what a sync costs. Nothing is decided by these counts, so a process that
is killed may forget its last second of them.
"""

import datetime as dt

import structlog

from monoize.base.errors import Unavailable
from monoize.control.fleet.model.hosts import Sighting
from monoize.control.fleet.store import hosts
from monoize.infra.db import Database, Tx

log = structlog.get_logger(__name__)


class Sightings:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[int, Sighting] = {}

    @property
    def any_waiting(self) -> bool:
        return bool(self._waiting)

    def note(self, host_id: int, at: dt.datetime) -> None:
        self._add(host_id, Sighting(1, at))

    def calls_of(self, host_id: int) -> int:
        """Those that are not written down yet."""
        return self._waiting[host_id].calls if host_id in self._waiting else 0

    async def write_down(self) -> None:
        """What cannot be written now waits for the next time."""
        seen, self._waiting = self._waiting, {}

        async def written(tx: Tx) -> None:
            await hosts.seen_together(tx, seen)

        try:
            await self._database.transact(written)
        except Unavailable:
            log.warning("fleet_sightings_wait", hosts=len(seen))
            for host_id, sighting in seen.items():
                self._add(host_id, sighting)

    def _add(self, host_id: int, sighting: Sighting) -> None:
        self._waiting[host_id] = sighting.after(self._waiting.get(host_id))
