"""What the gateway decides by, built out of the tables and swapped in whole.

A change made in this process is in force before whoever made it is answered; one made in another within a second.
A snapshot that cannot be built leaves the one before it in force.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from monoize.base.errors import Unavailable
from monoize.contract.snapshot import Provider, Snapshot
from monoize.contract.stops import Stops
from monoize.control.catalog.actions import routing, sheets
from monoize.control.governance.actions import stops
from monoize.infra.audit_log import Entry
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)

_RESTS_ON: Final = frozenset(
    {"provider", "channel", "routing", "price", "price_list", "pending_price", "configuration"}
)


class Snapshots:
    def __init__(self, database: Database, seal: Seal, stops_moved: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._seal = seal
        # Told when something else is stopped than before, whichever process it was stopped in.
        self._stops_moved = stops_moved
        self._read: tuple[int, int] | None = None
        self._changes_at_s: int | None = None
        self.current = Snapshot(generation=0)

    async def changed(self, entry: Entry) -> None:
        if entry.target_type in _RESTS_ON:
            await self._refresh(even_if_known=True)
        elif entry.target_type == "stop":
            await self._refresh(even_if_known=False)

    async def run(self) -> None:
        """What the clock calls."""
        await self._refresh(even_if_known=False)

    async def _refresh(self, *, even_if_known: bool) -> None:
        try:
            async with self._database.read() as tx:
                # First: what cannot be built must not keep anything running that was stopped.
                self._stop(await stops.load(tx))
                known = await routing.generation(tx), await sheets.generation(tx)
                if even_if_known or known != self._read or self._is_outdated():
                    self.current = await self._build(tx)
                    self._read = known
        except Unavailable as problem:
            log.warning("snapshot_not_refreshed", problem=problem.message)
        except Exception:  # The last rung: a row that somebody broke by hand must not take down what works.
            log.exception("snapshot_not_built")

    def _stop(self, stopped: Stops) -> None:
        """They count nothing that grows, and reading the few there are is as cheap as asking for such a number."""
        if stopped != self.current.stopped:
            generation = self.current.generation + 1
            self.current = msgspec.structs.replace(self.current, generation=generation, stopped=stopped)
            self._stops_moved()

    def _is_outdated(self) -> bool:
        """Prices begin and end by the clock, too."""
        return self._changes_at_s is not None and time.time() >= self._changes_at_s

    async def _build(self, tx: Tx) -> Snapshot:
        providers = await routing.load(tx, self._seal)
        wanted = _models(providers)
        prices = await routing.prices(tx, int(time.time()), wanted)
        changes = [sheet.changes_at_s for sheet in prices.values() if sheet.changes_at_s is not None]
        self._changes_at_s = min(changes, default=None)
        return Snapshot(
            generation=self.current.generation + 1,
            providers=providers,
            prices=prices,
            output_most=await routing.output_most(tx, wanted),
            capabilities=await routing.capabilities(tx, wanted),
            redirects=await routing.redirects(tx),
            suffixes=await routing.suffixes(tx),
            stopped=self.current.stopped,
        )


def _models(providers: Sequence[Provider]) -> set[tuple[str, str]]:
    """By the name that is sent, and by the one that was asked for, which is priced where the other is not."""
    return {
        (channel.price_provider, name)
        for provider in providers
        for channel in provider.channels
        for asked, offer in channel.offers.items()
        for name in (offer.upstream_model, asked)
    }
