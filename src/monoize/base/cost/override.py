"""Prices for tokens that somebody set in place of those of the book, for a sheet as it holds at this moment."""

import dataclasses
import functools
from typing import Final

from monoize.base.cost.price import RATE_MOST, Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.money import round_half_up


@dataclasses.dataclass(frozen=True, slots=True)
class TokenPrices:
    """`id` says who set them, where a bill names its price."""

    id: str
    input_pico: int
    output_pico: int


def overridden(sheet: PriceSheet, prices: TokenPrices) -> PriceSheet:
    """Every kind of request pays these; what is sold by the piece keeps its price. Unknown stays unknown."""
    if sheet.book == "unpriced":
        return sheet
    return _overridden(sheet.prices or _BY_THE_MONTH, sheet.changes_at_s, prices)


@functools.lru_cache(maxsize=4_096)
def _overridden(rows: tuple[Price, ...], changes_at_s: int | None, prices: TokenPrices) -> PriceSheet:
    return PriceSheet.of([_row(row, prices) for row in rows], changes_at_s=changes_at_s)


def _row(row: Price, prices: TokenPrices) -> Price:
    if row.variant or _is_sold_by_the_piece(row):
        return dataclasses.replace(row, pricing_source="override")
    return dataclasses.replace(
        row,
        id=prices.id,
        pricing_source="override",
        input_pico=prices.input_pico,
        output_pico=prices.output_pico,
        cache_write_5m_pico=_cached(row, row.cache_write_5m_pico, prices),
        cache_write_1h_pico=_cached(row, row.cache_write_1h_pico, prices),
        cache_read_pico=_cached(row, row.cache_read_pico, prices),
        neuron_pico=None,
    )


def _is_sold_by_the_piece(row: Price) -> bool:
    return row.unit_pico is not None and row.input_pico is row.output_pico is row.neuron_pico is None


def _cached(row: Price, rate_pico: int | None, prices: TokenPrices) -> int | None:
    """The same part of an uncached token; all of it, where the book has no price of one to compare with."""
    if row.neuron_pico is not None:
        return prices.input_pico
    if rate_pico is None:
        return None
    if not row.input_pico:
        return prices.input_pico
    return min(RATE_MOST, round_half_up(prices.input_pico * rate_pico, row.input_pico))


_BY_THE_MONTH: Final = (
    Price(id="", provider="", model_key="", cache_write_5m_pico=0, cache_write_1h_pico=0, cache_read_pico=0),
)
"""A sheet of what is paid by the month has no rows; a token has the price that was set, cached or not."""
