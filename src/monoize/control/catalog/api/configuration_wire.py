"""The configuration as a document: what enters with an API key here and there, and leaves without any.

The same members as in the requests about one provider or one price. What a document leaves away is as in a new one.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from monoize.base.cost.price import Book, Kind
from monoize.contract.snapshot import ChannelType
from monoize.control.catalog.actions.configuration import Configuration, Version
from monoize.control.catalog.api.names import SuffixGiven
from monoize.control.catalog.api.provider_wire import ChannelCreate, ModelOffered, Name, ProviderFields
from monoize.control.catalog.api.wire import ModelName, Provider, Rates, Variant, price_shown
from monoize.control.catalog.model.configuration import Difference, Wanted
from monoize.control.catalog.model.names import REDIRECTS_MOST, SUFFIXES_MOST, Suffix
from monoize.control.catalog.model.providers import (
    CHANNELS_MOST,
    MODELS_MOST,
    PROVIDERS_MOST,
    ModelEntry,
    ProviderDraft,
    ProviderRecord,
    multiplier_text,
)
from monoize.control.catalog.model.rates import BY_SHOWN_NAME
from monoize.control.catalog.model.records import PriceKey, PriceRecord, Proposal
from monoize.control.edge.redirects import RedirectRule
from monoize.control.edge.transforms import RULES_MOST, RuleGiven
from monoize.control.edge.wire import Wire

Given = TypeVar("Given")
Value = TypeVar("Value")

PRICES_MOST: Final = 5_000
VERSION_SHAPE: Final = r"^[0-9]{1,18}-[0-9]{1,18}$"
_DECIMALS: Final = (*BY_SHOWN_NAME, "geo_multiplier", "multiplier")


def _with_texts(value: Any) -> Any:
    """People write `input_usd_per_mtok: 3` without quotes, and a whole number loses nothing on its way."""
    if not isinstance(value, dict):
        return value
    return {name: str(each) if name in _DECIMALS and type(each) is int else each for name, each in value.items()}


def _model(value: Any) -> Any:
    """A name alone is a model that is called the same upstream and costs what it costs."""
    return {"name": value} if isinstance(value, str) else _with_texts(value)


Model = Annotated[ModelOffered, BeforeValidator(_model)]
Models = Annotated[list[Model], Field(max_length=MODELS_MOST)]


class ChannelDescribed(ChannelCreate):
    """Without `api_key` a stored one is kept; null is for upstreams without one."""

    models: Models = []


class ProviderDescribed(ProviderFields):
    name: Name
    type: ChannelType
    models: Models = []
    channels: Annotated[list[ChannelDescribed], Field(max_length=CHANNELS_MOST)] = []

    def value(self) -> ProviderDraft:
        return ProviderDraft(**self.values(type(self).model_fields))


class PriceDescribed(Rates):
    """A price that holds from now on, until somebody says otherwise."""

    provider: Provider
    model_key: ModelName
    kind: Kind = "standard"
    variant: Variant | None = None
    book: Book = "list"

    def proposal(self, now: dt.datetime) -> Proposal:
        key = PriceKey(self.provider, self.model_key, self.kind, self.variant or "", self.book)
        price = self.price(key, effective_from_s=int(now.timestamp()))
        return Proposal(price=price, source=self.source(now), from_now=True)


class Document(Wire):
    """A section that is left away stays as it is. Providers are tried in the order of the document.

    `redirects`, `suffixes` and `transforms` take the place of all that there are for all requests.
    """

    providers: Annotated[list[ProviderDescribed], Field(max_length=PROVIDERS_MOST)] | None = None
    redirects: Annotated[list[RedirectRule], Field(max_length=REDIRECTS_MOST)] | None = None
    suffixes: Annotated[list[SuffixGiven], Field(max_length=SUFFIXES_MOST)] | None = None
    transforms: Annotated[list[RuleGiven], Field(max_length=RULES_MOST)] | None = None
    prices: (
        Annotated[list[Annotated[PriceDescribed, BeforeValidator(_with_texts)]], Field(max_length=PRICES_MOST)]
        | None
    ) = None


class ConfigurationPreview(Wire):
    """With `prune`, what the sections of the document do not name is removed."""

    document: Document
    prune: bool = False

    def wanted(self, now: dt.datetime) -> Wanted:
        document = self.document
        return Wanted(
            providers=_each(document.providers, ProviderDescribed.value),
            redirects=_each(document.redirects, RedirectRule.value),
            suffixes=_each(document.suffixes, lambda given: Suffix(given.suffix, given.effort)),
            transforms=_each(document.transforms, RuleGiven.value),
            prices=_each(document.prices, lambda given: given.proposal(now)),
            prune=self.prune,
        )


class ConfigurationApply(ConfigurationPreview):
    """`version` is what a preview or an export has told; without it nothing is compared."""

    version: Annotated[str, Field(pattern=VERSION_SHAPE)] | None = None

    @property
    def expected(self) -> Version | None:
        return Version.of_text(self.version) if self.version else None


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigurationShown:
    """`document` can be applied again; the API keys that are missing in it are kept then."""

    version: str
    document: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class ComparedShown:
    """`version` goes with an application of what was compared."""

    version: str
    differences: Sequence[Difference]


def _each(section: Sequence[Given] | None, value: Callable[[Given], Value]) -> tuple[Value, ...] | None:
    return None if section is None else tuple(value(given) for given in section)


def configuration_shown(configuration: Configuration) -> ConfigurationShown:
    document = {
        "providers": [_provider(record) for record in configuration.providers],
        "redirects": [dataclasses.asdict(rule) for rule in configuration.redirects],
        "suffixes": [dataclasses.asdict(suffix) for suffix in configuration.suffixes],
        "transforms": [_plain(rule) for rule in configuration.transforms],
        "prices": [_price(record) for record in configuration.prices],
    }
    return ConfigurationShown(str(configuration.version), document)


def _provider(record: ProviderRecord) -> dict[str, Any]:
    channels = [_described(ChannelDescribed, channel) for channel in record.channels]
    return {**_described(ProviderDescribed, record), "channels": channels}


def _described(kind: type[BaseModel], record: object) -> dict[str, Any]:
    """The members of this kind as the record has them, without those that are as in a new one."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if name in ("channels", "api_key"):
            continue
        value = _plain(getattr(record, name))
        if field.is_required() or value not in (None, [], {}, field.default):
            found[name] = value
    return dict(sorted(found.items(), key=lambda item: item[0] not in ("name", "type", "base_url")))


def _plain(value: Any) -> Any:
    match value:
        case ModelEntry():
            return _entry(value)
        case tuple():
            return [_plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return {name: each for name, each in inner.items() if each is not None}
        case _:
            return value


def _entry(entry: ModelEntry) -> Any:
    particulars = {"redirect": entry.redirect, "multiplier": multiplier_text(entry.multiplier)}
    told = {name: value for name, value in particulars.items() if value not in (None, "1")}
    return {"name": entry.name, **told} if told else entry.name


def _price(record: PriceRecord) -> dict[str, Any]:
    shown = dataclasses.asdict(price_shown(record))
    usual = {"kind": "standard", "variant": "", "book": "list", "geo_multiplier": "1"}
    names = ("provider", "model_key", *PriceDescribed.model_fields)
    told = {name: shown[name] for name in names if name != "checked_at"}
    return {name: value for name, value in told.items() if value is not None and value != usual.get(name)}
