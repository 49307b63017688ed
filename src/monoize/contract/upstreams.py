"""What administrators ask of the data plane about upstreams: whether one works, what it serves, how it is doing."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from monoize.contract.snapshot import Channel, ChannelType, Provider

Condition = Literal["healthy", "probing", "unhealthy"]
"""An unhealthy channel is left alone after failures; the next request to one that is probing finds out."""


class Trial(msgspec.Struct, frozen=True):
    """How a tiny request went. `error` says what is wrong in words of ours."""

    latency_ms: int
    error: str | None = None


class Upstreams(Protocol):
    async def test(self, provider: Provider, channel: Channel, model: str) -> Trial:
        """A real request, which nobody is charged for; a channel that answers is healthy again."""
        ...

    async def models(self, type: ChannelType, base_url: str, credential: str) -> Sequence[str]:
        """By name; a Refusal if they cannot be found out."""
        ...

    def conditions(self) -> Mapping[str, Condition]:
        """Of the channels that callers may be sent to, by id."""
        ...
