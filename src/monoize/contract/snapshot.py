"""What the gateway decides by: providers, channels, models and prices as they are at one moment.

Built above the wall, checked, and swapped in whole; nothing in it ever changes. Of several snapshots the one with
the greater generation is the newer.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from monoize.base.cost.sheet import PriceSheet
from monoize.contract.policies.model_policy import Capability
from monoize.contract.stops import NOTHING_STOPPED, Stops
from monoize.contract.transforms.rule import Rule

ChannelType = Literal["chat_completion", "responses", "messages", "gemini", "openai_image", "replicate", "echo"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How hard a model is to think."""
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


class Probing(msgspec.Struct, frozen=True):
    """How a channel that rests is asked whether it works again, before callers are sent there."""

    interval_s: int = 30
    # So many in a row make it healthy.
    successes: int = 1
    # None: the first of its models by name.
    model: str | None = None


FailbackMode = Literal["sticky", "prefer_higher_priority"]


class Affinity(msgspec.Struct, frozen=True):
    """How long a conversation stays at the channel that answered it, which has read most of it already."""

    idle_s: int = 1_800
    mode: FailbackMode = "sticky"
    # After which `prefer_higher_priority` goes back to a provider that comes before.
    failback_s: int = 300


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
    # None: callers find out.
    probing: Probing | None = None
    # None: each request goes where chance sends it.
    affinity: Affinity | None = None
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
    # Its own, and behind them those for everything.
    transforms: Sequence[Rule] = ()
    # Another whenever it or one of its channels was changed: what was learned before is of no use then.
    revision: int = 0


class Redirect(msgspec.Struct, frozen=True):
    """A model name that matches `pattern`, one of `base.patterns`, means `model`."""

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
    # What the catalogue says that a model can do, where it knows the model.
    capabilities: Mapping[tuple[str, str], frozenset[Capability]] = {}
    redirects: Sequence[Redirect] = ()
    # What the end of a model's name asks for beside those that everybody knows.
    suffixes: Mapping[str, Effort] = {}
    stopped: Stops = NOTHING_STOPPED
