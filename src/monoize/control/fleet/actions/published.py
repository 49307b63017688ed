"""What holds for all hosts at once: the switch that stops serving them, and the version of the tool they run."""

import time
from collections.abc import Mapping
from typing import Final

from monoize.base.ids import new_id
from monoize.control.fleet.model.versions import Published
from monoize.control.fleet.store import published
from monoize.infra.audit_log import Change, Entry
from monoize.infra.db import Database, Tx

REMEMBERED_S: Final = 1.0
_TARGET: Final = "fleet"
_NAME_OF: Final = {"client_available": published.CLIENT_AVAILABLE, "client_lock": published.CLIENT_LOCK}


async def read(tx: Tx) -> Published:
    return await published.read(tx)


async def switch_api(change: Change, *, disabled: bool) -> Published:
    await published.switch_api(change.tx, disabled=disabled)
    change.record("fleet.disable" if disabled else "fleet.enable", _TARGET, published.API_DISABLED)
    return await published.read(change.tx)


async def publish(change: Change, versions: Mapping[str, str | None]) -> Published:
    """Only what is named changes; None takes it back."""
    for name, version in versions.items():
        await published.publish(change.tx, _NAME_OF[name], version)
    change.record("fleet.publish", _TARGET, "versions", versions=dict(versions))
    return await published.read(change.tx)


async def open_published(database: Database) -> "PublishedFacts":
    """Also gives the installation its id, the first time."""
    await published.leave_installation_id(database, new_id())
    return PublishedFacts(database)


class PublishedFacts:
    """The same for every call of a host: read once a second, and at once when this process changes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._facts: Published | None = None
        self._read_s = 0.0
        self._generation = 0

    async def current(self) -> Published:
        if self._facts is None or time.monotonic() - self._read_s >= REMEMBERED_S:
            await self._refresh()
        assert self._facts is not None
        return self._facts

    async def changed(self, entry: Entry) -> None:
        if entry.target_type == _TARGET:
            await self._refresh()

    async def _refresh(self) -> None:
        asked_s = time.monotonic()
        async with self._database.read() as tx:
            facts = await published.read(tx)
        # Of several that read at once, the one that began last knows the most.
        if asked_s >= self._read_s:
            self._facts, self._read_s = facts, asked_s
