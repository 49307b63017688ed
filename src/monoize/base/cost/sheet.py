"""The price sheet of one model: which rates a request pays, all decided when the sheet is made.

A sheet holds the rows of one book that hold at one moment. `rates_for` then only looks up: what is dear to decide
(base row, cache rates, multipliers) was decided once. Rows that cannot hold side by side raise ValueError.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from monoize.base.cost.price import BOOKS_BY_PRECEDENCE, NO_MULTIPLIER_BP, Book, Kind, Price
from monoize.base.cost.usage import Usage
from monoize.base.money import PICO_PER_NANO, round_half_up

CostBook = Literal[Book, "subscription", "unpriced"]
Flag = Literal["batch", "us_only", "fast", "long_context"]
CostWarning = Literal["geo_not_applicable", "ttl_split_assumed"]

BATCH_MULTIPLIER_BP: Final = 5_000

Rows = Mapping[Kind, Price]
Circumstances = tuple[bool, bool, bool, bool]
"""(fast, long, batch, us_only)"""


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one kind of request pays: the rates before multipliers, and the multipliers of its token lines."""

    kind: Kind | None = None
    price_id: str | None = None
    input_pico: int | None = None
    output_pico: int | None = None
    cache_write_5m_pico: int | None = None
    cache_write_1h_pico: int | None = None
    cache_read_pico: int | None = None
    web_search_pico: int | None = None
    neuron_pico: int | None = None
    input_milli_neurons_per_mtok: int | None = None
    output_milli_neurons_per_mtok: int | None = None
    multipliers_bp: tuple[int, ...] = ()
    # A token costs rate × multiplier ÷ divisor nano-USD.
    multiplier: int = 1
    divisor: int = PICO_PER_NANO
    flags: frozenset[Flag] = frozenset()
    warnings: tuple[CostWarning, ...] = ()

    @property
    def in_neurons(self) -> bool:
        """Neurons are counted from the tokens and sold instead of them."""
        return self.neuron_pico is not None


@dataclasses.dataclass(frozen=True, slots=True)
class UnitPrice:
    kind: Kind
    price_id: str
    unit_pico: int


@dataclasses.dataclass(frozen=True, slots=True)
class PriceSheet:
    """Made by `at` or `of`; its fields are what those worked out."""

    book: CostBook
    prices: tuple[Price, ...] = ()
    # The first second at which another sheet holds; None while nothing else is known.
    changes_at_s: int | None = None
    units: Mapping[str, UnitPrice] = dataclasses.field(default_factory=dict)
    threshold_tokens: int | None = None
    fast_threshold_tokens: int | None = None
    rates: Mapping[Circumstances, Rates] = dataclasses.field(default_factory=lambda: _all_rates({}))

    @classmethod
    def at(
        cls, prices: Iterable[Price], moment_s: int, books: Sequence[Book] = BOOKS_BY_PRECEDENCE
    ) -> "PriceSheet":
        """Of all rows of one model those that hold at `moment_s`, from the first of `books` that has any.

        `moment_s` is when the request happened, whenever it is priced. A corrected row gives way to its correction.
        Books are never mixed: an override names every kind of price that its model needs.
        """
        known = [price for price in prices if price.pricing_source in books]
        moments = itertools.chain(*((price.effective_from, price.effective_to) for price in known))
        changes_at_s = min((later for later in moments if later is not None and later > moment_s), default=None)
        holding = [price for price in known if price.holds_at(moment_s)]
        for book in books:
            latest: dict[tuple[Kind, str], Price] = {}
            for price in sorted(holding, key=lambda price: price.revision):
                if price.pricing_source == book:
                    latest[price.kind, price.variant] = price
            if latest:
                return cls.of(latest.values(), changes_at_s=changes_at_s)
        return dataclasses.replace(UNPRICED, changes_at_s=changes_at_s)

    @classmethod
    def of(cls, prices: Iterable[Price], *, changes_at_s: int | None = None) -> "PriceSheet":
        """From rows that hold side by side: one model, one book, one row for each kind and variant."""
        prices = tuple(prices)
        if not prices:
            return dataclasses.replace(UNPRICED, changes_at_s=changes_at_s)
        if len({(price.provider, price.model_key, price.pricing_source) for price in prices}) != 1:
            raise ValueError("a price sheet is about one model in one book")
        if len({(price.kind, price.variant) for price in prices}) != len(prices):
            raise ValueError("two prices of one kind and variant cannot hold at once")
        rows = {price.kind: price for price in prices if not price.variant}
        return cls(
            book=prices[0].pricing_source,
            prices=prices,
            changes_at_s=changes_at_s,
            units=_unit_prices(prices),
            threshold_tokens=_threshold(rows, "long_context"),
            fast_threshold_tokens=_threshold(rows, "fast_long_context"),
            rates=_all_rates(rows),
        )

    def rates_for(self, usage: Usage) -> Rates:
        threshold = self.fast_threshold_tokens if usage.fast else self.threshold_tokens
        long = threshold is not None and usage.total_input_tokens > threshold
        return self.rates[usage.fast, long, usage.batch, usage.us_only]

    def rates_when(self, *, fast: bool, long: bool, batch: bool, us_only: bool) -> Rates:
        return self.rates[fast, long, batch, us_only]

    def is_long(self, total_input_tokens: int, *, fast: bool) -> bool:
        """Strictly above the threshold. The output does not count, the cached part of the prompt does."""
        threshold = self.fast_threshold_tokens if fast else self.threshold_tokens
        return threshold is not None and total_input_tokens > threshold


def base_row(rows: Rows, *, fast: bool, long: bool, batch: bool) -> Price | None:
    """Which row a request pays, or None: a missing price is unknown, the standard one does not stand in for it."""
    if fast:
        return rows.get("fast_long_context" if long else "fast")
    if long:
        return rows.get("long_context")
    if batch and "batch" in rows:
        return rows["batch"]
    return _ordinary(rows)


def _ordinary(rows: Rows) -> Price | None:
    return rows.get("standard") or rows.get("embedding") or rows.get("image")


def _threshold(rows: Rows, kind: Kind) -> int | None:
    return rows[kind].threshold_tokens if kind in rows else None


def _unit_prices(prices: Sequence[Price]) -> dict[str, UnitPrice]:
    """By variant: of the image row, or of the standard row where other things than images are sold."""
    return {
        price.variant: UnitPrice(kind, price.id, price.unit_pico)
        for kind in ("standard", "image")
        for price in prices
        if price.kind == kind and price.unit_pico is not None
    }


def _all_rates(rows: Rows) -> dict[Circumstances, Rates]:
    """For whatever a usage can be; fast and batch exclude each other."""
    return {
        (fast, long, batch, us_only): _rates(rows, fast=fast, long=long, batch=batch, us_only=us_only)
        for fast, long, batch, us_only in itertools.product((False, True), repeat=4)
        if not (fast and batch)
    }


def _rates(rows: Rows, *, fast: bool, long: bool, batch: bool, us_only: bool) -> Rates:
    circumstances: dict[Flag, bool] = {"batch": batch, "us_only": us_only, "fast": fast, "long_context": long}
    flags = frozenset(flag for flag, holds in circumstances.items() if holds)
    ordinary = _ordinary(rows)
    search_pico = ordinary.web_search_pico if ordinary else None
    row = base_row(rows, fast=fast, long=long, batch=batch)
    if row is None:
        return Rates(web_search_pico=search_pico, flags=flags)
    multipliers_bp = []
    if batch and row.kind != "batch":
        multipliers_bp.append(BATCH_MULTIPLIER_BP)
    geo_applies = row.geo_multiplier_bp != NO_MULTIPLIER_BP
    if us_only and geo_applies:
        multipliers_bp.append(row.geo_multiplier_bp)
    return Rates(
        kind=row.kind,
        price_id=row.id,
        input_pico=row.input_pico,
        output_pico=row.output_pico,
        cache_write_5m_pico=_cache_rate(row, ordinary, "cache_write_5m_pico"),
        cache_write_1h_pico=_cache_rate(row, ordinary, "cache_write_1h_pico"),
        cache_read_pico=_cache_rate(row, ordinary, "cache_read_pico"),
        web_search_pico=search_pico if row.web_search_pico is None else row.web_search_pico,
        neuron_pico=row.neuron_pico,
        input_milli_neurons_per_mtok=row.input_milli_neurons_per_mtok,
        output_milli_neurons_per_mtok=row.output_milli_neurons_per_mtok,
        multipliers_bp=tuple(multipliers_bp),
        multiplier=math.prod(multipliers_bp),
        divisor=PICO_PER_NANO * NO_MULTIPLIER_BP ** len(multipliers_bp),
        flags=flags,
        warnings=("geo_not_applicable",) if us_only and not geo_applies else (),
    )


def _cache_rate(
    row: Price,
    ordinary: Price | None,
    name: Literal["cache_write_5m_pico", "cache_write_1h_pico", "cache_read_pico"],
) -> int | None:
    """The row's own rate, or else as many times its input as the ordinary row's is of that row's input."""
    own: int | None = getattr(row, name)
    if own is not None or ordinary is None or row is ordinary:
        return own
    ordinary_rate: int | None = getattr(ordinary, name)
    if ordinary_rate is None or not ordinary.input_pico or row.input_pico is None:
        return None
    return round_half_up(row.input_pico * ordinary_rate, ordinary.input_pico)


UNPRICED: Final = PriceSheet("unpriced")
"""Of a model that no book knows."""

SUBSCRIPTION: Final = PriceSheet("subscription")
"""Of a model that is paid by the month: one more request costs nothing."""
