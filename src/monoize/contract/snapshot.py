"""What the gateway decides by: providers, channels, models and prices as they are at one moment.

Built above the wall, checked, and swapped in whole; nothing in it ever changes. Of several snapshots the one with
the greater generation is the newer.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from monoize.base.cost.sheet import PriceSheet

ChannelType = Literal["chat_completion", "responses", "messages", "gemini", "openai_image", "replicate", "echo"]
MULTIPLIER_ONE: Final = 10**9
"""Multipliers are whole numbers of billionths, so that they compare and multiply exactly."""


class Offer(msgspec.Struct, frozen=True):
    """A model as one channel serves it."""

    upstream_model: str
    multiplier: int = MULTIPLIER_ONE


class Breaker(msgspec.Struct, frozen=True):
    """When a channel is left alone, and for how long."""

    failures: int = 3
    window_s: int = 30
    cooldown_s: int = 60
    rate_limit_cooldown_s: int = 15


class Timeouts(msgspec.Struct, frozen=True):
    """Each limits something else: a slow connection, a slow start, silence, and an answer that never ends."""

    connect_ms: int = 10_000
    first_byte_ms: int = 300_000
    idle_ms: int = 120_000
    total_ms: int = 3_600_000


class Channel(msgspec.Struct, frozen=True):
    """One upstream endpoint with a credential."""

    id: str
    name: str
    type: ChannelType
    base_url: str
    weight: int
    offers: Mapping[str, Offer]
    # Whose prices in the book its models have.
    price_provider: str
    breaker: Breaker | None
    credential: str = ""

    def __repr__(self) -> str:
        return f"Channel({self.id!r}, {self.name!r})"


class TypeOverride(msgspec.Struct, frozen=True):
    """Models whose names match are spoken to in another protocol than the channel's."""

    pattern: str
    type: ChannelType


class Provider(msgspec.Struct, frozen=True):
    """Channels that are tried together, before those of providers with a greater priority number."""

    id: str
    name: str
    channels: Sequence[Channel]
    # Empty: for everybody who is not bound to groups.
    groups: frozenset[str] = frozenset()
    # None: as many as there are channels.
    tries_most: int | None = None
    tries_per_channel: int = 1
    retry_interval_ms: int = 0
    breaks_per_model: bool = False
    type_overrides: Sequence[TypeOverride] = ()
    timeouts: Timeouts = Timeouts()


class Redirect(msgspec.Struct, frozen=True):
    """A model name that matches `pattern`, a regular expression for all of it, means `model`."""

    pattern: str
    model: str


class Snapshot(msgspec.Struct, frozen=True):
    generation: int
    # By priority.
    providers: Sequence[Provider] = ()
    # By (price provider, model key).
    prices: Mapping[tuple[str, str], PriceSheet] = {}
    # How much a model can write at most, by (price provider, model key), where that is known.
    output_most: Mapping[tuple[str, str], int] = {}
    redirects: Sequence[Redirect] = ()
