"""How well the prompt cache did, exactly: for one request, and for many from their sums.

Never average ratios of rows: add the rows up and take the ratio of the sums.
"""

import dataclasses
from fractions import Fraction
from typing import Final

from monoize.base.cost.sheet import CostBook, Rates
from monoize.base.cost.usage import Usage
from monoize.base.money import decimal_text, round_half_up

_SHOWN_DIGITS: Final = 6
_NOTHING: Final = Fraction(0)
_ALL: Final = Fraction(1)


@dataclasses.dataclass(frozen=True, slots=True)
class CacheUse:
    """Of any number of requests. `savings` and `most_savings` leave out those whose rates are unknown."""

    total_input_tokens: int = 0
    cache_read_tokens: int = 0
    savings: Fraction = _NOTHING  # nano-USD; negative where more was written than read again
    most_savings: Fraction = _NOTHING  # had the whole prompt been read from the cache
    unpriced_calls: int = 0

    def __add__(self, other: "CacheUse") -> "CacheUse":
        return CacheUse(
            self.total_input_tokens + other.total_input_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.savings + other.savings,
            self.most_savings + other.most_savings,
            self.unpriced_calls + other.unpriced_calls,
        )

    @property
    def hit_rate(self) -> Fraction:
        """Which part of the prompts came from the cache; writes count as misses."""
        return Fraction(self.cache_read_tokens, self.total_input_tokens) if self.total_input_tokens else _NOTHING

    @property
    def efficiency(self) -> Fraction:
        """From 0, no benefit or a loss, to 1, everything was a hit."""
        if self.most_savings <= 0:
            return _NOTHING
        return min(max(self.savings / self.most_savings, _NOTHING), _ALL)

    @property
    def savings_nano(self) -> int:
        return round_half_up(self.savings.numerator, self.savings.denominator)

    @property
    def most_savings_nano(self) -> int:
        return round_half_up(self.most_savings.numerator, self.most_savings.denominator)


def cache_use(usage: Usage, rates: Rates, book: CostBook) -> CacheUse:
    """At the rates that this request really paid, multipliers included."""
    total, read = usage.total_input_tokens, usage.cache_read_tokens
    if rates.in_neurons or book == "subscription":
        return CacheUse(total, read)
    saved_pico = _saved_pico(usage, rates)
    if saved_pico is None:
        return CacheUse(total, read, unpriced_calls=1)
    most_pico = 0
    if rates.input_pico is not None and rates.cache_read_pico is not None:
        most_pico = total * (rates.input_pico - rates.cache_read_pico)
    return CacheUse(
        total,
        read,
        Fraction(saved_pico * rates.multiplier, rates.divisor),
        Fraction(most_pico * rates.multiplier, rates.divisor),
    )


def _saved_pico(usage: Usage, rates: Rates) -> int | None:
    """Before multipliers; None if a rate is unknown that is needed for it."""
    saved_pico = 0
    for tokens, rate_pico in (
        (usage.cache_read_tokens, rates.cache_read_pico),
        (usage.cache_write_5m_tokens, rates.cache_write_5m_pico),
        (usage.cache_write_1h_tokens, rates.cache_write_1h_pico),
    ):
        if tokens:
            if rate_pico is None or rates.input_pico is None:
                return None
            saved_pico += tokens * (rates.input_pico - rate_pico)
    return saved_pico


def shown(ratio: Fraction) -> str:
    """A ratio as people see it: "0.727273", rounded half up to six digits."""
    return decimal_text(round_half_up(ratio.numerator * 10**_SHOWN_DIGITS, ratio.denominator), _SHOWN_DIGITS)
