"""What may be wrong with the price book: pure checks, each finding with the model that it is about."""

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final, Literal

from monoize.base.cost.price import Book, Price
from monoize.control.catalog.model.records import ModelKey, PriceRecord

Problem = Literal[
    "rate_unknown", "key_at_two_providers", "not_checked_lately", "cache_multiple_unusual", "fast_price_missing"
]

CHECKED_WITHIN: Final = dt.timedelta(days=30)
_COUNTED_BOOKS: Final[tuple[Book, ...]] = ("override", "contract", "list")
_WRITE_5M: Final = (Fraction(5, 4),)
_WRITE_1H: Final = (Fraction(2),)
# Newer models read cheaper.
_READ: Final = (Fraction(1, 10), Fraction(1, 20), Fraction(1, 40))
EXPECTED_MULTIPLES: Final[Mapping[str, Mapping[str, tuple[Fraction, ...]]]] = {
    "anthropic": {"cache_write_5m_pico": _WRITE_5M, "cache_write_1h_pico": _WRITE_1H, "cache_read_pico": _READ}
}
"""Of the input rate, by provider, where the provider says that there is one."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Finding:
    problem: Problem
    provider: str
    model_key: str
    detail: str


def findings(
    records: Sequence[PriceRecord],
    now: dt.datetime,
    *,
    active_without_rates: Collection[ModelKey],
    active_with_fast_mode: Collection[ModelKey],
) -> list[Finding]:
    """`records` are the prices that hold now."""
    counted = [record for record in records if record.price.pricing_source in _COUNTED_BOOKS]
    found = [
        *(Finding("rate_unknown", *model, "active, and shows no rate") for model in active_without_rates),
        *_at_two_providers(counted),
        *_old(counted, now),
        *_unusual([record.price for record in counted]),
        *_without_fast_price(counted, active_with_fast_mode),
    ]
    return sorted(set(found))


def _at_two_providers(records: Sequence[PriceRecord]) -> Iterator[Finding]:
    providers: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        providers[record.price.model_key].add(record.price.provider)
    for model_key, names in providers.items():
        if len(names) > 1:
            for provider in names:
                others = ", ".join(sorted(names - {provider}))
                yield Finding("key_at_two_providers", provider, model_key, f"also at {others}")


def _old(records: Sequence[PriceRecord], now: dt.datetime) -> Iterator[Finding]:
    for record in records:
        if record.source.checked_at < now - CHECKED_WITHIN:
            day = record.source.checked_at.date().isoformat()
            yield Finding("not_checked_lately", *record.key.model, f"{_which(record.price)} checked on {day}")


def _unusual(prices: Sequence[Price]) -> Iterator[Finding]:
    for price in prices:
        if not price.input_pico:
            continue
        for column, multiples in EXPECTED_MULTIPLES.get(price.provider, {}).items():
            rate = getattr(price, column)
            if rate is not None and Fraction(rate, price.input_pico) not in multiples:
                name = column.removesuffix("_pico")
                yield Finding(
                    "cache_multiple_unusual",
                    price.provider,
                    price.model_key,
                    f"{_which(price)} {name} is {Fraction(rate, price.input_pico)} of the input",
                )


def _without_fast_price(records: Sequence[PriceRecord], models: Collection[ModelKey]) -> Iterator[Finding]:
    priced = {record.key.model for record in records if record.price.kind == "fast"}
    for model in models:
        if model not in priced:
            yield Finding("fast_price_missing", *model, "knows the fast mode, and has no price for it")


def _which(price: Price) -> str:
    return " ".join(part for part in (price.pricing_source, price.kind, price.variant) if part)
