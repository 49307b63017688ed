"""Money as whole nano-USD: text to numbers and back, the two roundings, and exact multipliers.

No float comes near it. Text that is no amount raises ValueError; an amount outside the signed 128-bit range,
which is what the tables can hold, raises MoneyOverflow.
"""

import dataclasses
import functools
import re
from typing import Final

NANO_PER_USD: Final = 1_000_000_000
PICO_PER_NANO: Final = 1_000
NANO_USD_BOUND: Final = 2**127

_DECIMALS: Final = 9
_TEXT_CHARS_MOST: Final = 64
_AMOUNT: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
_MULTIPLIER: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")


class MoneyOverflow(OverflowError):
    """An amount of money left the signed 128-bit range."""


def bounded(nano: int) -> int:
    """`nano` itself, if the tables can hold it."""
    if not -NANO_USD_BOUND <= nano < NANO_USD_BOUND:
        raise MoneyOverflow("an amount of money left the 128-bit range")
    return nano


def round_half_up(numerator: int, denominator: int) -> int:
    """The nearest whole number; of two equally near ones the greater, so 2.5 becomes 3 and -2.5 becomes -2."""
    if denominator <= 0:
        raise ValueError("a denominator is positive")
    return (2 * numerator + denominator) // (2 * denominator)


def round_up(numerator: int, denominator: int) -> int:
    """The least whole number that is not below the quotient: for bounds, never for what is booked."""
    if denominator <= 0:
        raise ValueError("a denominator is positive")
    return -(-numerator // denominator)


def truncate(numerator: int, denominator: int) -> int:
    """The whole part, towards zero: 2.9 becomes 2 and -2.9 becomes -2."""
    if denominator <= 0:
        raise ValueError("a denominator is positive")
    whole = abs(numerator) // denominator
    return whole if numerator >= 0 else -whole


def decimal_text(scaled: int, decimals: int) -> str:
    """`scaled` ÷ 10^decimals in plain digits, without trailing zeros: (-1500, 3) is "-1.5"."""
    whole, rest = divmod(abs(scaled), 10**decimals)
    sign = "-" if scaled < 0 else ""
    digits = f"{rest:0{decimals}d}".rstrip("0") if rest else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


@functools.lru_cache(maxsize=4_096)
def nano_of_usd(text: str) -> int:
    """An amount in USD such as "25", "-0.5" or "+1.234567891"; digits after the ninth decimal are cut off."""
    amount = _AMOUNT.fullmatch(text) if len(text) <= _TEXT_CHARS_MOST else None
    if amount is None:
        raise ValueError("an amount of USD is digits, with an optional sign and decimals")
    nano = _scaled(amount[2], amount[3])
    return bounded(-nano if amount[1] == "-" else nano)


def usd_of_nano(nano: int) -> str:
    """The shortest exact text of an amount in USD."""
    return decimal_text(nano, _DECIMALS)


@dataclasses.dataclass(frozen=True, slots=True)
class Multiplier:
    """An exact factor from 0 up to a billion, in steps of a billionth: what a charge adds to a cost."""

    billionths: int

    def __post_init__(self) -> None:
        if type(self.billionths) is not int or not 0 <= self.billionths < 10 ** (2 * _DECIMALS):
            raise ValueError("a multiplier is a count of billionths below 10^18")

    @classmethod
    def of_text(cls, text: str) -> "Multiplier":
        """From decimal text such as "1.25". A tenth decimal is refused: cutting it would change the charge."""
        factor = _MULTIPLIER.fullmatch(text)
        if factor is None:
            raise ValueError("a multiplier is digits, with at most nine decimals")
        return cls(_scaled(factor[1], factor[2]))

    def __str__(self) -> str:
        return decimal_text(self.billionths, _DECIMALS)


def charge_of(cost_nano: int, *multipliers: Multiplier) -> int:
    """cost × every multiplier, exactly, and cut towards zero once at the end."""
    numerator, denominator = cost_nano, 1
    for multiplier in multipliers:
        numerator *= multiplier.billionths
        denominator *= NANO_PER_USD
    return bounded(truncate(numerator, denominator))


def _scaled(whole: str, decimals: str | None) -> int:
    return int(whole) * 10**_DECIMALS + int((decimals or "")[:_DECIMALS].ljust(_DECIMALS, "0"))
