"""The values that enter through the room's routes, with their bounds."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from monoize.base.money import NANO_USD_BOUND
from monoize.control.edge.wire import STORABLE
from monoize.control.ledger.model.entries import REQUEST_ID_CHARS_MOST
from monoize.infra.holds import AMOUNT_MOST_NANO

_DIGITS_MOST: Final = 39
_AMOUNT: Final = re.compile(rf"^[1-9][0-9]{{0,{_DIGITS_MOST - 1}}}$")
_BALANCE: Final = re.compile(rf"^(0|[1-9][0-9]{{0,{_DIGITS_MOST - 1}}})$")
_DELTA: Final = re.compile(rf"^-?[1-9][0-9]{{0,{_DIGITS_MOST - 1}}}$")


def _nano(pattern: re.Pattern[str], example: str, bound: int) -> Any:
    """Decimal text of nano-USD in one spelling, inside the range: up to 128 bits."""

    def read(value: Any) -> int:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"must be a whole number of nano-USD as text, such as {example}")
        if not -bound <= int(value) < bound:
            raise ValueError(f"must be below {bound}")
        return int(value)

    return read


def _checked(
    pattern: re.Pattern[str], example: str, bound: int = NANO_USD_BOUND
) -> tuple[BeforeValidator, WithJsonSchema]:
    return (
        BeforeValidator(_nano(pattern, example, bound)),
        WithJsonSchema({"type": "string", "pattern": pattern.pattern, "maxLength": _DIGITS_MOST}),
    )


PositiveNano = Annotated[int, *_checked(_AMOUNT, "5000000000")]
OverdraftNano = Annotated[int, *_checked(_AMOUNT, "5000000000", AMOUNT_MOST_NANO)]
"""As much as a request may claim beyond what there is."""
BalanceNano = Annotated[int, *_checked(_BALANCE, "0")]
DeltaNano = Annotated[int, *_checked(_DELTA, "-5000000000")]
Reference = Annotated[str, Field(min_length=1, max_length=REQUEST_ID_CHARS_MOST), STORABLE]
Reason = Annotated[str, Field(min_length=1, max_length=500), STORABLE]
