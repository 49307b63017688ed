"""The values that enter and leave through the routes of providers and channels; an API key only enters."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monoize.base.urls import URL_CHARS_MOST, canonical_base
from monoize.contract.snapshot import MULTIPLIER_ONE, ChannelType, FailbackMode
from monoize.contract.upstreams import Condition
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.catalog.api.wire import ModelName, Provider
from monoize.control.catalog.model.providers import (
    CHANNELS_MOST,
    KEPT,
    MODELS_MOST,
    PROVIDERS_MOST,
    AffinityOverrides,
    BreakerOverrides,
    ChannelDraft,
    ModelEntry,
    ProbeOverrides,
    ProviderDraft,
    TimeoutOverrides,
    TypeOverride,
    billionths,
    multiplier_text,
    price_provider_of,
    type_of,
)
from monoize.control.edge.transforms import RULES_MOST, RuleGiven, TransformRule
from monoize.control.edge.wire import STORABLE, Uuid, Wire

LIST_MOST: Final = 200
MULTIPLIER_SHAPE: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"


def _multiplier(value: Any) -> int:
    if isinstance(value, str):
        return billionths(value)
    raise ValueError("must be decimal text, such as 1 or 1.25")


Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$"), STORABLE]
Group = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$"), STORABLE, AfterValidator(str.lower)]
ModelGlob = Annotated[str, Field(min_length=1, max_length=191, pattern=r"^\S+$"), STORABLE]
BaseUrl = Annotated[
    str,
    Field(max_length=URL_CHARS_MOST, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"),
    AfterValidator(canonical_base),
]
ApiKey = Annotated[str, Field(max_length=4096, pattern=r"^[!-~]+$")]
ModelMultiplier = Annotated[
    int, BeforeValidator(_multiplier), WithJsonSchema({"type": "string", "pattern": MULTIPLIER_SHAPE})
]
Retries = Annotated[int, Field(ge=0, le=100)]
Pause = Annotated[int, Field(ge=0, le=60_000)]
Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Successes = Annotated[int, Field(ge=1, le=100)]
Failures = Annotated[int, Field(ge=1, le=1_024)]
Weight = Annotated[int, Field(ge=0, le=1_000_000)]


class Part(Wire):
    """What stands in a body, and is a value of the room."""

    def value(self) -> Any:
        raise NotImplementedError

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """The fields of these names, each as a value of the room."""
        return {name: _value(getattr(self, name)) for name in names}


def _value(given: Any) -> Any:
    if isinstance(given, list):
        return tuple(map(_value, given))
    return given.value() if isinstance(given, Part) else given


class ModelOffered(Part):
    """`redirect` is the model that upstream is asked for, if it has another name there."""

    name: ModelName
    redirect: ModelName | None = None
    multiplier: ModelMultiplier | None = None

    def value(self) -> ModelEntry:
        return ModelEntry(self.name, self.redirect, self.multiplier or MULTIPLIER_ONE)


class TypeOverridden(Part):
    pattern: ModelGlob
    type: ChannelType

    def value(self) -> TypeOverride:
        return TypeOverride(self.pattern, self.type)


class Timeouts(Part):
    """What is left away is as in the whole house."""

    connect_ms: Milliseconds | None = None
    first_byte_ms: Milliseconds | None = None
    idle_ms: Milliseconds | None = None
    total_ms: Milliseconds | None = None

    def value(self) -> TimeoutOverrides:
        return TimeoutOverrides(**self.model_dump())


class Breaker(Part):
    """When a channel is left alone, and how long; what is left away is as in the whole house."""

    failures: Failures | None = None
    window_s: Seconds | None = None
    cooldown_s: Seconds | None = None
    rate_limit_cooldown_s: Seconds | None = None

    def value(self) -> BreakerOverrides:
        return BreakerOverrides(**self.model_dump())


class Probe(Part):
    """Whether and how a channel that rests is asked if it works again; null is the provider's, or the house's."""

    enabled: bool | None = None
    interval_s: Seconds | None = None
    successes: Successes | None = None
    model: ModelName | None = None

    def value(self) -> ProbeOverrides:
        return ProbeOverrides(**self.model_dump())


class Affinity(Part):
    """How long conversations stay at a channel; what is left away is as in the whole house."""

    enabled: bool | None = None
    idle_s: Seconds | None = None
    mode: FailbackMode | None = None
    failback_s: Annotated[int, Field(ge=0, le=86_400)] | None = None

    def value(self) -> AffinityOverrides:
        return AffinityOverrides(**self.model_dump())


class Transformed(RuleGiven, Part):
    """Done to requests that go to this provider, and to its answers."""


Models = Annotated[list[ModelOffered], Field(max_length=MODELS_MOST)]


class ChannelOptions(Part):
    """What is null is the provider's. Without `api_key` a stored one is kept; null is for upstreams without one."""

    type: ChannelType | None = None
    api_key: Annotated[ApiKey | None, Field(repr=False)] = None
    weight: Weight = 1
    enabled: bool = True
    price_provider: Provider | None = None
    breaker: Breaker = Breaker()
    probe: Probe = Probe()
    affinity: Affinity = Affinity()
    models: Models = []

    def fields(self, names: Iterable[str]) -> dict[str, Any]:
        """Of a `ChannelDraft`."""
        values = self.values(set(names) - {"api_key"})
        return {**values, "credential": self.api_key if "api_key" in self.model_fields_set else KEPT}


class ChannelCreate(ChannelOptions):
    name: Name
    base_url: BaseUrl

    def value(self) -> ChannelDraft:
        return ChannelDraft(**self.fields(type(self).model_fields))


class ChannelListed(ChannelCreate):
    """One with an `id` stays the channel that it is; one without is new."""

    id: Uuid | None = None


class ChannelUpdate(ChannelOptions):
    """Only what is sent changes."""

    name: Name | None = None
    base_url: BaseUrl | None = None

    def changes(self) -> dict[str, Any]:
        self.sent(clearable={"type", "api_key", "price_provider"})
        return self.fields(self.model_fields_set)


class ProviderFields(Part):
    """All but its channels. `max_retries` null is as many as there are channels."""

    enabled: bool = True
    groups: Annotated[list[Group], Field(max_length=LIST_MOST)] = []
    max_retries: Retries | None = None
    channel_max_retries: Retries = 0
    channel_retry_interval_ms: Pause = 0
    circuit_breaker_enabled: bool = True
    per_model_circuit_break: bool = False
    type_overrides: Annotated[list[TypeOverridden], Field(max_length=LIST_MOST)] = []
    price_provider: Provider | None = None
    timeouts: Timeouts = Timeouts()
    probe: Probe = Probe()
    transforms: Annotated[list[Transformed], Field(max_length=RULES_MOST)] = []
    models: Models = []


class ProviderOptions(ProviderFields):
    """A list takes the place of the whole list."""

    channels: Annotated[list[ChannelListed], Field(max_length=CHANNELS_MOST)] = []


class ProviderCreate(ProviderOptions):
    name: Name
    type: ChannelType

    def value(self) -> ProviderDraft:
        return ProviderDraft(**self.changes())

    def changes(self) -> dict[str, Any]:
        return self.values(type(self).model_fields)


class ProviderUpdate(ProviderOptions):
    """Only what is sent changes."""

    name: Name | None = None
    type: ChannelType | None = None

    def changes(self) -> dict[str, Any]:
        self.sent(clearable={"max_retries", "price_provider"})
        return self.values(self.model_fields_set)


class ProviderOrder(Wire):
    provider_ids: Annotated[list[Uuid], Field(min_length=1, max_length=PROVIDERS_MOST)]


@dataclasses.dataclass(frozen=True, slots=True)
class ModelShown:
    name: str
    redirect: str | None
    multiplier: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChannelShown:
    """`effective_type` and `effective_price_provider` are its own, or else those of its provider.

    `health` is null where nobody is sent there, where no gateway runs in this process, and right after a change.
    """

    id: str
    name: str
    type: ChannelType | None
    effective_type: ChannelType
    base_url: str
    has_api_key: bool
    api_key_hint: str | None
    weight: int
    enabled: bool
    price_provider: str | None
    effective_price_provider: str
    breaker: BreakerOverrides
    probe: ProbeOverrides
    affinity: AffinityOverrides
    health: Condition | None
    models: Sequence[ModelShown]
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderShown:
    """`unpriced_models` have no price now at one of the channels or more."""

    id: str
    name: str
    type: ChannelType
    enabled: bool
    priority: int
    groups: Sequence[str]
    max_retries: int | None
    channel_max_retries: int
    channel_retry_interval_ms: int
    circuit_breaker_enabled: bool
    per_model_circuit_break: bool
    type_overrides: Sequence[TypeOverride]
    price_provider: str | None
    timeouts: TimeoutOverrides
    probe: ProbeOverrides
    transforms: Sequence[TransformRule]
    models: Sequence[ModelShown]
    channels: Sequence[ChannelShown]
    unpriced_models: Sequence[str]
    created_at: dt.datetime
    updated_at: dt.datetime


def provider_shown(view: ProviderView, conditions: Mapping[str, Condition] = MappingProxyType({})) -> ProviderShown:
    record = view.record
    shown: Mapping[str, Any] = {
        field.name: getattr(record, field.name)
        for field in dataclasses.fields(ProviderShown)
        if field.name not in ("models", "channels", "unpriced_models")
    }
    return ProviderShown(
        **shown,
        models=_models(record.models),
        unpriced_models=view.unpriced_models,
        channels=[
            ChannelShown(
                id=channel.id,
                name=channel.name,
                type=channel.type,
                effective_type=type_of(record, channel),
                base_url=channel.base_url,
                has_api_key=bool(channel.sealed_credential),
                api_key_hint=view.hints[channel.id],
                weight=channel.weight,
                enabled=channel.enabled,
                price_provider=channel.price_provider,
                effective_price_provider=price_provider_of(record, channel),
                breaker=channel.breaker,
                probe=channel.probe,
                affinity=channel.affinity,
                health=conditions.get(channel.id),
                models=_models(channel.models),
                created_at=channel.created_at,
                updated_at=channel.updated_at,
            )
            for channel in record.channels
        ],
    )


def _models(entries: Sequence[ModelEntry]) -> list[ModelShown]:
    return [ModelShown(entry.name, entry.redirect, multiplier_text(entry.multiplier)) for entry in entries]
