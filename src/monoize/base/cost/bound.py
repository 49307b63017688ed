"""The most that a request can cost, before it is sent: what is held until its usage is known.

For any usage within the allowance whose cost is known, cost ≤ bound. None while a needed rate is unknown.
Neurons are bounded as their tokens count them; a provider that reports its own count may exceed that.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from monoize.base.cost.costing import (
    CODE_EXECUTION_PICO_PER_HOUR,
    Item,
    code_seconds_billed,
    line_of,
    nano_neurons_of,
)
from monoize.base.cost.sheet import PriceSheet, Rates
from monoize.base.cost.usage import (
    QUANTITY_MOST,
    VARIANT_CHARS_MOST,
    IncompatibleFlags,
    InvalidUsage,
    check_quantities,
)
from monoize.base.money import round_up

_QUANTITIES: Final = ("input_tokens", "output_tokens", "web_searches", "code_seconds", "units")
_NEITHER: Final = (False,)
_EITHER: Final = (False, True)


class PerToken(NamedTuple):
    """The bound of a request that uses nothing but tokens, whose prompt has no more than `input_most` of them."""

    input_nano: int
    output_nano: int
    input_most: int


def per_token(sheet: PriceSheet) -> PerToken | None:
    """None where tokens are not what is sold, or their price is unknown."""
    if sheet.book == "subscription":
        return PerToken(0, 0, QUANTITY_MOST)
    rates = sheet.rates_when(fast=False, long=False, batch=False, us_only=False)
    if rates.in_neurons:
        return None
    input_nano = _most_for_tokens(rates, Allowance(input_tokens=1))
    output_nano = _most_for_tokens(rates, Allowance(output_tokens=1))
    if input_nano is None or output_nano is None:
        return None
    return PerToken(input_nano, output_nano, sheet.threshold_tokens or QUANTITY_MOST)


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may consume at most. Its flags are what was asked for; the response may grant less."""

    input_tokens: int = 0  # the whole prompt, as counted: nobody promises a cache hit
    output_tokens: int = 0
    writes_cache_5m: bool = False
    writes_cache_1h: bool = False
    web_searches: int = 0
    code_seconds: int = 0
    units: int = 0
    variant: str = ""
    batch: bool = False  # a fact of the job rather than a wish: its usage is that of a batch, too
    us_only: bool = False
    fast: bool = False

    def __post_init__(self) -> None:
        check_quantities(
            _QUANTITIES, (self.input_tokens, self.output_tokens, self.web_searches, self.code_seconds, self.units)
        )
        if len(self.variant) > VARIANT_CHARS_MOST:
            raise InvalidUsage(field="variant")
        if self.fast and self.batch:
            raise IncompatibleFlags


def upper_bound(allowance: Allowance, sheet: PriceSheet) -> int | None:
    if sheet.book == "subscription":
        return 0
    dearest_nano = 0
    for rates in _rates_that_could_apply(allowance, sheet):
        nano = _most_by(rates, allowance, sheet)
        if nano is None:
            return None
        dearest_nano = max(dearest_nano, nano)
    return dearest_nano


def _rates_that_could_apply(allowance: Allowance, sheet: PriceSheet) -> Iterator[Rates]:
    """What was asked for may be granted or not; a prompt may turn out shorter than it was counted."""
    for fast in _EITHER if allowance.fast else _NEITHER:
        for us_only in _EITHER if allowance.us_only else _NEITHER:
            for long in _EITHER if sheet.is_long(allowance.input_tokens, fast=fast) else _NEITHER:
                yield sheet.rates_when(fast=fast, long=long, batch=allowance.batch, us_only=us_only)


def _most_by(rates: Rates, allowance: Allowance, sheet: PriceSheet) -> int | None:
    if rates.in_neurons:
        nano_neurons = nano_neurons_of(allowance.input_tokens, allowance.output_tokens, rates)
        if nano_neurons is None:
            return None
        total_nano = _nano("neurons", nano_neurons, rates.neuron_pico)
    else:
        total_nano = _most_for_tokens(rates, allowance)
    if not (allowance.web_searches or allowance.code_seconds or allowance.units):
        return total_nano
    sold = sheet.units.get(allowance.variant)
    parts = (
        total_nano,
        _nano("web_search", allowance.web_searches, rates.web_search_pico),
        _nano("code_execution", code_seconds_billed(allowance.code_seconds), CODE_EXECUTION_PICO_PER_HOUR),
        _nano("unit", allowance.units, sold.unit_pico if sold else None),
    )
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _most_for_tokens(rates: Rates, allowance: Allowance) -> int | None:
    input_picos = [rates.input_pico]
    if allowance.writes_cache_5m:
        input_picos.append(rates.cache_write_5m_pico)
    if allowance.writes_cache_1h:
        input_picos.append(rates.cache_write_1h_pico)
    # A read is not asked for. If its price is unknown, so will be the cost, which no bound can cover.
    input_picos.append(rates.cache_read_pico or 0)
    total_nano = 0
    for tokens, picos in ((allowance.input_tokens, input_picos), (allowance.output_tokens, [rates.output_pico])):
        if tokens:
            known = [pico for pico in picos if pico is not None]
            if len(known) < len(picos):
                return None
            # A whole nano for each token: then rounding the lines, however many they become, cannot pass it.
            total_nano += tokens * round_up(max(known) * rates.multiplier, rates.divisor)
    return total_nano


def _nano(item: Item, quantity: int, rate_pico: int | None) -> int | None:
    return line_of(item, quantity, rate_pico).nano if quantity else 0
