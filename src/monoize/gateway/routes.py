"""What is the same for all requests of a key for a model: which one is meant, and who offers it at which price.

It is found out once and rests on one grant and one snapshot: with another of either it is found out again.
"""

import functools
from collections.abc import Callable
from typing import Final, NamedTuple

from monoize.contract.grant import Grant
from monoize.contract.snapshot import Effort, Snapshot
from monoize.gateway.dialects import Dialect, can_serve
from monoize.gateway.redirects import asked_for, meant
from monoize.gateway.selection import Offers, offers_of

KNOWN_MOST: Final = 4_096


class Route(NamedTuple):
    grant: Grant
    snapshot: Snapshot
    # The name after redirects: what channels offer.
    model: str
    # How hard the name says that it is to think.
    effort: Effort | None
    offers: Offers

    def others(self, model: str, dialect: Dialect) -> Offers:
        """Who offers another model to the same key."""
        return _offers(self.snapshot, self.grant, model, dialect)


class Routes:
    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._current = snapshot
        self._snapshot: Snapshot | None = None
        self._known: dict[tuple[str, str, str], Route] = {}

    def of(self, grant: Grant, name: str, dialect: Dialect) -> Route:
        """For whoever asks by this name in this protocol; ModelNotAllowed for who may not."""
        snapshot = self._current()
        if snapshot is not self._snapshot or len(self._known) >= KNOWN_MOST:
            self._known.clear()
            self._snapshot = snapshot
        at = grant.key_id, name, dialect.name
        known = self._known.get(at)
        if known is not None and known.grant is grant:
            return known
        model, effort = meant(asked_for(name, grant), grant, snapshot)
        route = Route(grant, snapshot, model, effort, _offers(snapshot, grant, model, dialect))
        if route.offers.is_offered:
            self._known[at] = route
        return route


def _offers(snapshot: Snapshot, grant: Grant, model: str, dialect: Dialect) -> Offers:
    return offers_of(snapshot, grant, model, serves=functools.partial(can_serve, dialect))
