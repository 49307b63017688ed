"""Which models callers may ask for, who serves them, and what they cost: put together from providers. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from monoize.base.cost.price import Price
from monoize.base.cost.sheet import PriceSheet
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.catalog.model.providers import (
    ChannelRecord,
    ProviderRecord,
    multiplier_text,
    offers,
    price_provider_of,
    type_of,
)
from monoize.control.catalog.model.records import ModelKey


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """One channel that serves a model; `price_keys` are the names of its price, the one that counts first."""

    provider: ProviderRecord
    channel: ChannelRecord
    protocol: str
    upstream_model: str
    multiplier: str
    price_keys: tuple[ModelKey, ...]

    @property
    def is_open(self) -> bool:
        return self.provider.enabled and self.channel.enabled


@dataclasses.dataclass(frozen=True, slots=True)
class Offered:
    """A model by the name that callers know; its offers stand in the order in which they are tried."""

    name: str
    offers: Sequence[Offer]
    is_unpriced: bool

    @property
    def providers(self) -> Sequence[str]:
        return list(dict.fromkeys(offer.provider.name for offer in self.offers))

    @property
    def price_keys(self) -> Sequence[ModelKey]:
        return list(dict.fromkeys(key for offer in self.offers for key in offer.price_keys))


def offered(views: Iterable[ProviderView]) -> Mapping[str, Offered]:
    """By name, in alphabetical order."""
    found: dict[str, list[Offer]] = {}
    unpriced: set[str] = set()
    for view in views:
        unpriced.update(view.unpriced_models)
        for channel in view.record.channels:
            for name, offer in _of_channel(view.record, channel):
                found.setdefault(name, []).append(offer)
    return {name: Offered(name, found[name], name in unpriced) for name in sorted(found)}


def _of_channel(provider: ProviderRecord, channel: ChannelRecord) -> Iterable[tuple[str, Offer]]:
    book = price_provider_of(provider, channel)
    for entry in offers(provider, channel).values():
        keys = dict.fromkeys((ModelKey(book, entry.upstream_model), ModelKey(book, entry.name)))
        yield (
            entry.name,
            Offer(
                provider,
                channel,
                protocol=type_of(provider, channel),
                upstream_model=entry.upstream_model,
                multiplier=multiplier_text(entry.multiplier),
                price_keys=tuple(keys),
            ),
        )


def ordinary_price(model: Offered, sheets: Mapping[ModelKey, PriceSheet]) -> Price | None:
    """What a request without any particulars costs at the first channel whose price is known."""
    for key in model.price_keys:
        sheet = sheets.get(key)
        if sheet is None:
            continue
        paid = sheet.rates_when(fast=False, long=False, batch=False, us_only=False).price_id
        for price in sheet.prices:
            if price.id == paid:
                return price
    return None
