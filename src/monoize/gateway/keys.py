"""Whose key it is that a request shows. Fails closed.

Grants are remembered for a second, unknown keys too, so that a revocation reaches every process within that time;
this process hears of it at once. Of many who show the same key one asks again, half a second before the others
would have to wait for the answer. However many keys there are, only those in use are remembered.
"""

import asyncio
import hashlib
import ipaddress
import time
from collections import OrderedDict
from typing import Final, Protocol

from monoize.contract.grant import Grant
from monoize.gateway.errors import InvalidKey, KeyBoundElsewhere, KeyMissing
from monoize.gateway.exchange import Exchange

REMEMBERED_S: Final = 1.0
FRESH_S: Final = 0.5
REMEMBERED_MOST: Final = 20_000
_KEY_CHARS: Final = (12, 512)
_HEADERS: Final = (b"x-api-key", b"api-key", b"x-goog-api-key")


class Grants(Protocol):
    """Where keys are known: on the other side of the wall."""

    async def grant(self, digest: str) -> Grant | None:
        """By the SHA-256 of a key; None if nobody may use it now."""
        ...


class Keys:
    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self._known: OrderedDict[str, tuple[Grant | None, float]] = OrderedDict()
        self._generation = 0
        self._asked: dict[str, asyncio.Lock] = {}

    async def grant(self, exchange: Exchange) -> Grant:
        found = await self.granted(_digest(exchange))
        if found is None or (
            found.expires_at_ms is not None and found.expires_at_ms <= time.time_ns() // 1_000_000
        ):
            raise InvalidKey
        if found.networks and not _within(exchange.ip, found.networks):
            raise KeyBoundElsewhere
        return found

    def forget(self) -> None:
        """Something has changed that grants rest on."""
        self._generation += 1
        self._known.clear()

    async def granted(self, digest: str) -> Grant | None:
        """What the key of this digest may do; None if nobody may use it now."""
        known = self._known.get(digest)
        good_for_s = REMEMBERED_S if digest in self._asked else FRESH_S
        if known and time.monotonic() - known[1] < good_for_s:
            return known[0]
        async with self._asked.setdefault(digest, asyncio.Lock()):
            known = self._known.get(digest)
            if known and time.monotonic() - known[1] < FRESH_S:
                return known[0]
            try:
                return await self._ask(digest)
            finally:
                self._asked.pop(digest, None)

    async def _ask(self, digest: str) -> Grant | None:
        generation, asked_s = self._generation, time.monotonic()
        found = await self._grants.grant(digest)
        known = self._known.get(digest)
        if known and known[0] == found:
            # What was found out for it once stays known.
            found = known[0]
        # A revocation that came while we asked must not be undone by the answer.
        if generation == self._generation:
            self._known[digest] = found, asked_s
            self._known.move_to_end(digest)
            if len(self._known) > REMEMBERED_MOST:
                self._known.popitem(last=False)
        return found


def _digest(exchange: Exchange) -> str:
    if exchange.insider is not None:
        return exchange.insider.key_digest
    key = shown_key(exchange)
    if key is None:
        raise KeyMissing
    least, most = _KEY_CHARS
    if not (least <= len(key) <= most and key.isascii() and key.isprintable()):
        raise InvalidKey
    return hashlib.sha256(key.encode()).hexdigest()


def shown_key(exchange: Exchange) -> str | None:
    """As any client may send it. It is for us alone: nothing of it goes upstream."""
    authorization = exchange.header(b"authorization") or ""
    scheme, _, bearer = authorization.partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    for name in _HEADERS:
        if key := exchange.header(name):
            return key.strip()
    return exchange.query.get("key")


def _within(ip: str | None, networks: tuple[str, ...]) -> bool:
    if ip is None:
        return False
    address = ipaddress.ip_address(ip)
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
