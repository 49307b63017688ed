"""How fast a key may ask: requests and tokens a minute, and how many at once; and what its caller is told of it."""

import math
from collections.abc import Mapping

from monoize.contract.grant import Grant
from monoize.gateway.errors import KeyTooFast
from monoize.gateway.job import Job
from monoize.infra.paces import MINUTE_S, MemoryPaces, Paces, Share, TooFast, TooMany

Header = tuple[bytes, bytes]


class Limits:
    def __init__(self, paces: Paces | None = None) -> None:
        self._paces = paces or MemoryPaces()

    async def admits(self, job: Job) -> list[Header]:
        """Counts it until it is `over`; the headers that tell what is left."""
        shares, at_once = _shares(job.grant, job.facts.input_tokens), job.grant.concurrent_most
        if not shares and at_once is None:
            return []
        match await self._paces.take(job.grant.key_id, job.exchange.request_id, shares, at_once=at_once):
            case TooMany():
                raise KeyTooFast("This API key has as many requests under way as it may.", retry_after_s=1)
            case TooFast(wait_s):
                raise KeyTooFast(retry_after_s=math.ceil(wait_s))
            case taken:
                return [header for name in shares for header in _told(name, shares[name], taken.left[name])]

    async def over(self, job: Job) -> None:
        if job.grant.concurrent_most is not None:
            await self._paces.give_back(job.grant.key_id, job.exchange.request_id)


def _shares(grant: Grant, tokens: int) -> Mapping[str, Share]:
    shares: dict[str, Share] = {}
    if grant.requests_per_minute is not None:
        shares["requests"] = Share(grant.requests_per_minute, 1)
    if grant.tokens_per_minute is not None:
        shares["tokens"] = Share(grant.tokens_per_minute, tokens)
    return shares


def _told(name: str, share: Share, left: float) -> list[Header]:
    reset_s = math.ceil((share.per_minute - left) * MINUTE_S / share.per_minute)
    return [
        (b"x-ratelimit-limit-%s" % name.encode(), b"%d" % share.per_minute),
        (b"x-ratelimit-remaining-%s" % name.encode(), b"%d" % max(0, math.floor(left))),
        (b"x-ratelimit-reset-%s" % name.encode(), b"%ds" % reset_s),
    ]
