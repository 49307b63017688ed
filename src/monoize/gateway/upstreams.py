"""What administrators ask about upstreams, answered by what serves callers: same addresses, headers and bodies.

Nobody is charged for it and nothing of it is in the request log. What a provider says of an error may hold a part
of a key, so only its status is told.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, get_args

from monoize.contract.snapshot import Channel, ChannelType, Provider, Snapshot
from monoize.contract.upstreams import Condition, Trial
from monoize.gateway import discovery
from monoize.gateway.attempts import AttemptFailed, CallerAtFault
from monoize.gateway.errors import NothingToAsk
from monoize.gateway.health import Health
from monoize.gateway.http_channel import GATEWAY_TIMEOUT, HttpChannels
from monoize.gateway.probes import probe_of
from monoize.gateway.protocol.urp import Failed
from monoize.gateway.selection import Attempt, attempt_of
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import Kind

PATIENCE_S: Final = 30.0
_TOO_SLOW: Final = f"The provider did not answer within {PATIENCE_S:.0f} seconds."
_TALKING: Final = frozenset({"chat_completion", "responses", "messages", "gemini"})
# That it did not answer, or with what is no answer, is said by ourselves.
_OURS: Final = frozenset({"upstream_invalid", *(f"upstream_{kind}" for kind in get_args(Kind))})
_WORDS: Final[Mapping[int, str]] = {
    400: "it refuses the request, or does not know the model",
    401: "it does not accept the API key",
    402: "it wants to be paid first",
    403: "it does not accept the API key, or not for this model",
    404: "it knows no such address or model",
    429: "it takes no more requests for now",
}


class Upstreams:
    def __init__(
        self, client: Client, channels: HttpChannels, health: Health, snapshot: Callable[[], Snapshot]
    ) -> None:
        self._client = client
        self._channels = channels
        self._health = health
        self._snapshot = snapshot

    async def test(self, provider: Provider, channel: Channel, model: str) -> Trial:
        attempt = attempt_of(self._snapshot(), provider, channel, model, channel.offers[model])
        if attempt.type == "echo":
            return Trial(latency_ms=0)
        if attempt.type not in _TALKING:
            # It would make a picture, which is neither tiny nor cheap.
            raise NothingToAsk
        began_s = time.monotonic()
        error = await self._error(attempt)
        if error is None:
            self._health.recovered(channel.id)
        return Trial(latency_ms=round((time.monotonic() - began_s) * 1000), error=error)

    async def models(self, type: ChannelType, base_url: str, credential: str) -> Sequence[str]:
        return await discovery.models(self._client, type, base_url, credential)

    def conditions(self) -> Mapping[str, Condition]:
        now_s = time.monotonic()
        resting = {(place.channel_id, place.revision) for place in self._health.resting(now_s)}
        rested = {(place.channel_id, place.revision) for place in self._health.to_probe(now_s)}

        def condition(place: tuple[str, int]) -> Condition:
            if place in resting:
                return "unhealthy"
            return "probing" if place in rested else "healthy"

        return {
            channel.id: condition((channel.id, provider.revision))
            for provider in self._snapshot().providers
            for channel in provider.channels
        }

    async def _error(self, attempt: Attempt) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._channels.whole(probe_of(attempt), attempt)
        except TimeoutError:
            return _TOO_SLOW
        except CallerAtFault as fault:
            return _told(fault.failed)
        except AttemptFailed as failed:
            return _told(failed.failed)
        return None


def _told(failed: Failed) -> str:
    if failed.code in _OURS and failed.status in (None, GATEWAY_TIMEOUT):
        return failed.message
    if failed.status is None:
        return "The provider answers with an error."
    reason = _WORDS.get(failed.status)
    return f"The provider answers with {failed.status}" + (f": {reason}." if reason else ".")
