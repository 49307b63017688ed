"""Upstreams as administrators describe them: providers, their channels, and the models that they serve."""

import dataclasses
import datetime as dt
import enum
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from monoize.base.money import Multiplier
from monoize.base.urls import origin
from monoize.contract.snapshot import MULTIPLIER_ONE, ChannelType, FailbackMode
from monoize.control.catalog.errors import CredentialNeeded, InvalidProvider, NoSuchChannel
from monoize.control.catalog.model.records import ModelKey
from monoize.control.edge.transforms import TransformRule

PROVIDERS_MOST: Final = 500
CHANNELS_MOST: Final = 50
MODELS_MOST: Final = 1_000
HINT_CHARS: Final = 4
_CREDENTIAL_CHARS_HINTED: Final = 16

PRICE_PROVIDERS: Final[Mapping[ChannelType, str]] = {
    "responses": "openai",
    "chat_completion": "openai",
    "openai_image": "openai",
    "messages": "anthropic",
    "gemini": "google",
    "replicate": "replicate",
    "echo": "echo",
}
"""Whose prices the models of a channel have if nobody says otherwise."""


class Kept(enum.Enum):
    KEPT = "kept"


KEPT: Final = Kept.KEPT
"""In place of a credential: the one that is stored."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model by the name that callers know. `multiplier` counts billionths."""

    name: str
    redirect: str | None = None
    multiplier: int = MULTIPLIER_ONE

    @property
    def upstream_model(self) -> str:
        return self.redirect or self.name


@dataclasses.dataclass(frozen=True, slots=True)
class TypeOverride:
    """Models whose name matches the glob are spoken to in this protocol."""

    pattern: str
    type: ChannelType


@dataclasses.dataclass(frozen=True, slots=True)
class TimeoutOverrides:
    """None is what holds for the whole house."""

    connect_ms: int | None = None
    first_byte_ms: int | None = None
    idle_ms: int | None = None
    total_ms: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class BreakerOverrides:
    """None is what holds for the whole house."""

    failures: int | None = None
    window_s: int | None = None
    cooldown_s: int | None = None
    rate_limit_cooldown_s: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ProbeOverrides:
    """Whether and how a channel that rests is asked if it works again. None is the provider's, or the house's."""

    enabled: bool | None = None
    interval_s: int | None = None
    successes: int | None = None
    model: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AffinityOverrides:
    """How long conversations stay at a channel. None is what holds for the whole house."""

    enabled: bool | None = None
    idle_s: int | None = None
    mode: FailbackMode | None = None
    failback_s: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One upstream endpoint. What is None is the provider's; its models come on top of the provider's."""

    name: str
    base_url: str
    type: ChannelType | None = None
    weight: int = 1
    enabled: bool = True
    price_provider: str | None = None
    breaker: BreakerOverrides = BreakerOverrides()
    probe: ProbeOverrides = ProbeOverrides()
    affinity: AffinityOverrides = AffinityOverrides()
    models: tuple[ModelEntry, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDraft(ChannelSettings):
    """A channel as it is to be; one without an id is new. A credential that is None is not needed."""

    id: str | None = None
    credential: str | Kept | None = dataclasses.field(default=KEPT, repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord(ChannelSettings):
    id: str
    sealed_credential: str = dataclasses.field(repr=False)
    created_at: dt.datetime
    updated_at: dt.datetime

    def draft(self) -> ChannelDraft:
        """Itself, as it would be written again."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(ChannelSettings)}
        return ChannelDraft(id=self.id, **settings)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Channels that are tried together. `max_retries` None is as many as there are channels."""

    name: str
    type: ChannelType
    enabled: bool = True
    groups: tuple[str, ...] = ()
    max_retries: int | None = None
    channel_max_retries: int = 0
    channel_retry_interval_ms: int = 0
    circuit_breaker_enabled: bool = True
    per_model_circuit_break: bool = False
    type_overrides: tuple[TypeOverride, ...] = ()
    price_provider: str | None = None
    timeouts: TimeoutOverrides = TimeoutOverrides()
    probe: ProbeOverrides = ProbeOverrides()
    transforms: tuple[TransformRule, ...] = ()
    models: tuple[ModelEntry, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDraft(ProviderSettings):
    channels: tuple[ChannelDraft, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRecord(ProviderSettings):
    """Of two providers the one with the lower priority number is tried first."""

    id: str
    priority: int
    channels: tuple[ChannelRecord, ...]
    created_at: dt.datetime
    updated_at: dt.datetime

    def draft(self) -> ProviderDraft:
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(ProviderSettings)}
        return ProviderDraft(**settings, channels=tuple(channel.draft() for channel in self.channels))

    def channel(self, channel_id: str) -> ChannelRecord:
        for channel in self.channels:
            if channel.id == channel_id:
                return channel
        raise NoSuchChannel


class Rank(NamedTuple):
    """A place in the order in which providers are tried."""

    priority: int
    id: str


def type_of(provider: ProviderSettings, channel: ChannelSettings) -> ChannelType:
    return channel.type or provider.type


def price_provider_of(provider: ProviderSettings, channel: ChannelSettings) -> str:
    return channel.price_provider or provider.price_provider or PRICE_PROVIDERS[type_of(provider, channel)]


def offers(provider: ProviderSettings, channel: ChannelSettings) -> dict[str, ModelEntry]:
    """By name; what a channel says of a model itself wins over what its provider says."""
    return {entry.name: entry for entry in (*provider.models, *channel.models)}


def price_names(provider: ProviderRecord) -> Iterator[tuple[str, tuple[ModelKey, ...]]]:
    """Each model with the names under which the price book may know it, by channel, as the gateway looks them up.

    That is the name that is sent, or else the one that was asked for. What echoes needs no price.
    """
    for channel in provider.channels or (ChannelSettings(name="", base_url=""),):
        book = price_provider_of(provider, channel)
        for entry in offers(provider, channel).values():
            if _spoken(provider, channel, entry.name) != "echo":
                yield entry.name, (ModelKey(book, entry.upstream_model), ModelKey(book, entry.name))


def _spoken(provider: ProviderSettings, channel: ChannelSettings, model: str) -> ChannelType:
    wanted = (each.type for each in provider.type_overrides if fnmatch.fnmatchcase(model, each.pattern))
    return next(wanted, type_of(provider, channel))


def billionths(text: str) -> int:
    """A multiplier from its text, exactly; ValueError unless it is above 0."""
    multiplier = Multiplier.of_text(text).billionths
    if not multiplier:
        raise ValueError("must be greater than 0")
    return multiplier


def multiplier_text(billionths: int) -> str:
    return str(Multiplier(billionths))


def hint_of(credential: str) -> str | None:
    """Enough to tell one's credentials apart; of a short one nothing."""
    return credential[-HINT_CHARS:] if len(credential) >= _CREDENTIAL_CHARS_HINTED else None


def check(draft: ProviderDraft) -> None:
    """Names are told apart, and there are not too many of them."""
    _check_models(draft.models)
    _check_distinct("names of channels", [channel.name for channel in draft.channels], CHANNELS_MOST)
    _check_distinct("ids of channels", [channel.id for channel in draft.channels if channel.id], CHANNELS_MOST)
    for channel in draft.channels:
        _check_models(channel.models)


def _check_models(models: Sequence[ModelEntry]) -> None:
    _check_distinct("names of models", [entry.name for entry in models], MODELS_MOST)


def _check_distinct(what: str, names: Sequence[str], most: int) -> None:
    if len(names) > most:
        raise InvalidProvider(f"There are more than {most} {what}.")
    if len(set(names)) < len(names):
        raise InvalidProvider(f"Two of the {what} are the same.")


def check_credential_stays(before: ChannelRecord, after: ChannelDraft) -> None:
    """A stored credential goes only where it was meant to go; otherwise whoever edits could send it anywhere."""
    if after.credential is KEPT and before.sealed_credential and origin(before.base_url) != origin(after.base_url):
        raise CredentialNeeded(channel=before.name)


def credential_place(channel_id: str) -> tuple[str, str, str]:
    """What the sealed credential of a channel is bound to."""
    return "monoize_channels", channel_id, "api_key"
