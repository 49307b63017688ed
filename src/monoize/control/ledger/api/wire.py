"""The values that enter through the room's routes, with their bounds."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from monoize.base.money import NANO_USD_BOUND
from monoize.control.edge.wire import STORABLE
from monoize.control.ledger.model.entries import REQUEST_ID_CHARS_MOST

_DIGITS_MOST: Final = 39
_AMOUNT: Final = re.compile(rf"^[1-9][0-9]{{0,{_DIGITS_MOST - 1}}}$")
_BALANCE: Final = re.compile(rf"^(0|[1-9][0-9]{{0,{_DIGITS_MOST - 1}}})$")
_DELTA: Final = re.compile(rf"^-?[1-9][0-9]{{0,{_DIGITS_MOST - 1}}}$")


def _nano(pattern: re.Pattern[str], example: str) -> Any:
    """Decimal text of nano-USD in one spelling, inside the 128-bit range."""

    def read(value: Any) -> int:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"must be a whole number of nano-USD as text, such as {example}")
        if not -NANO_USD_BOUND <= int(value) < NANO_USD_BOUND:
            raise ValueError("must be a signed number of 128 bits")
        return int(value)

    return read


def _checked(pattern: re.Pattern[str], example: str) -> tuple[BeforeValidator, WithJsonSchema]:
    return (
        BeforeValidator(_nano(pattern, example)),
        WithJsonSchema({"type": "string", "pattern": pattern.pattern, "maxLength": _DIGITS_MOST}),
    )


PositiveNano = Annotated[int, *_checked(_AMOUNT, "5000000000")]
BalanceNano = Annotated[int, *_checked(_BALANCE, "0")]
DeltaNano = Annotated[int, *_checked(_DELTA, "-5000000000")]
Reference = Annotated[str, Field(min_length=1, max_length=REQUEST_ID_CHARS_MOST), STORABLE]
Reason = Annotated[str, Field(min_length=1, max_length=500), STORABLE]
