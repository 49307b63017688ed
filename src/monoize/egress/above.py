"""What the proxy needs of the control plane, wherever that is. Whatever cannot be asked is GrantsUnavailable."""

from typing import Protocol

from monoize.contract.egress import EgressAsked, EgressGrant, EgressNews, Flush, FlushTaken


class Above(Protocol):
    async def grant(self, asked: EgressAsked) -> EgressGrant | None:
        """None: there is no such agent, or this is not its token."""
        ...

    async def take(self, flush: Flush) -> FlushTaken:
        """May be asked again with the same flush; it counts once."""
        ...

    async def news(self, mark: str) -> EgressNews:
        """Whether grants may have changed since that mark, for which it may wait; an empty one: since ever."""
        ...
