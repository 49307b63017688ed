"""The rates that a price can have: how people write each of them, and between which bounds it is believable.

Exact both ways: text with more decimals than a rate can hold is refused, never rounded.
"""

import dataclasses
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from monoize.base.cost.price import Price
from monoize.base.money import decimal_text, round_half_up
from monoize.control.catalog.errors import RateOutOfRange

TEXT_CHARS_MOST: Final = 40
TEXT_SHAPE: Final = r"^[0-9]{1,18}(\.[0-9]{1,18})?$"
BP_DECIMALS: Final = 4
_TEXT: Final = re.compile(TEXT_SHAPE)
_EXPONENT_MOST: Final = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """One column of a price: people write it as `shown`, with `decimals` digits to spare below one of its units.

    A rate of 0 means free of charge. Any other lies from `least` to `most`, or somebody mistook the unit.
    """

    column: str
    shown: str
    decimals: int
    least: int
    most: int

    def text(self, rate: int) -> str:
        return decimal_text(rate, self.decimals)


def _per_mtok(name: str) -> Rate:
    return Rate(f"{name}_pico", f"{name}_usd_per_mtok", 6, 100, 1_000_000_000)


def _neurons(name: str) -> Rate:
    return Rate(f"{name}_milli_neurons_per_mtok", f"{name}_neurons_per_mtok", 3, 1, 1_000_000_000_000)


RATES: Final = (
    _per_mtok("input"),
    _per_mtok("output"),
    _per_mtok("cache_write_5m"),
    _per_mtok("cache_write_1h"),
    _per_mtok("cache_read"),
    Rate("web_search_pico", "web_search_usd_per_1k", 9, 1, 1_000_000_000_000),
    Rate("neuron_pico", "neuron_usd_per_1k", 9, 1, 10_000_000_000),
    Rate("unit_pico", "unit_usd", 12, 1, 100_000_000_000_000),
    _neurons("input"),
    _neurons("output"),
)
CACHE_COLUMNS: Final = ("cache_write_5m_pico", "cache_write_1h_pico", "cache_read_pico")
BY_SHOWN_NAME: Final[Mapping[str, Rate]] = {rate.shown: rate for rate in RATES}
BY_COLUMN: Final[Mapping[str, Rate]] = {rate.column: rate for rate in RATES}

Rates = Mapping[str, int | None]
"""By column."""


def rates_of(price: Price) -> dict[str, int | None]:
    return {rate.column: getattr(price, rate.column) for rate in RATES}


def shown(rates: Rates) -> dict[str, str | None]:
    """As people read them, by the names they know."""
    texts: dict[str, str | None] = {}
    for rate in RATES:
        value = rates[rate.column]
        texts[rate.shown] = None if value is None else rate.text(value)
    return texts


def scaled(number: Decimal, decimals: int) -> int:
    """`number` × 10^decimals, if that is whole and not absurd; ValueError otherwise."""
    if not number.is_finite() or abs(number.adjusted()) > _EXPONENT_MOST:
        raise ValueError("is not a number that a rate can be")
    numerator, denominator = number.as_integer_ratio()
    smallest: int = 10**decimals
    whole, rest = divmod(numerator * smallest, denominator)
    if rest:
        raise ValueError(f"has more than {decimals} decimals")
    return whole


def read(text: str, decimals: int) -> int:
    """Digits with an optional point, exactly; ValueError if it is anything else."""
    if len(text) > TEXT_CHARS_MOST or not _TEXT.fullmatch(text):
        raise ValueError("must be digits such as 3 or 0.25")
    return scaled(Decimal(text), decimals)


def shown_multiplier(basis_points: int) -> str:
    return decimal_text(basis_points, BP_DECIMALS)


def problem_with(rates: Rates) -> str | None:
    """The name of the first rate that nobody charges, if there is one."""
    for rate in RATES:
        value = rates[rate.column]
        if value and not rate.least <= value <= rate.most:
            return rate.shown
    return None


def check_believable(rates: Rates) -> None:
    wrong = problem_with(rates)
    if wrong:
        raise RateOutOfRange(field=wrong)


def multiplied(price: Price, column: str, input_pico: int | None) -> int | None:
    """What the cache rate in `column` becomes when the input rate changes and the multiple of it stays."""
    rate: int | None = getattr(price, column)
    if rate is None or not price.input_pico or input_pico is None:
        return None
    return round_half_up(rate * input_pico, price.input_pico)
