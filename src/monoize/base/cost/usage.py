"""What one provider request consumed, as facts of its response: the quantities that a price applies to.

A quantity that cannot be one (negative, not whole, absurdly large) is refused with `invalid_usage`.
"""

from typing import Final

import msgspec

from monoize.base.errors import BadRequest, Invalid

QUANTITY_MOST: Final = 10**9
"""More tokens, seconds, images or characters than any one request can have."""
MILLI_NEURONS_MOST: Final = 10**12
VARIANT_CHARS_MOST: Final = 64


class InvalidUsage(Invalid):
    """The reported usage contradicts itself or cannot be true."""

    code = "invalid_usage"
    hint = "`field` names the quantity. A usage like this is set aside and never priced."


class IncompatibleFlags(BadRequest):
    """Fast mode and batch exclude each other."""

    code = "incompatible_flags"


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One provider request. Its five kinds of tokens are disjoint: `input_tokens` are those at full price."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0  # a part of output_tokens, for information
    web_searches: int = 0  # those that succeeded
    code_seconds: int = 0
    code_is_free: bool = False  # newer web tools in the same request pay for its code execution
    milli_neurons: int | None = None  # as the provider counted them, if it did
    units: int = 0  # images, seconds or characters, for models sold by those
    variant: str = ""  # which of the prices per unit, such as the quality of an image
    batch: bool = False
    us_only: bool = False
    fast: bool = False
    ttl_split_assumed: bool = False  # cache writes came without their lifetime and count as 5 minutes

    def __post_init__(self) -> None:
        check_quantities(
            _QUANTITIES,
            (
                self.input_tokens,
                self.output_tokens,
                self.cache_write_5m_tokens,
                self.cache_write_1h_tokens,
                self.cache_read_tokens,
                self.reasoning_tokens,
                self.web_searches,
                self.code_seconds,
                self.units,
            ),
        )
        if self.milli_neurons is not None and (
            type(self.milli_neurons) is not int or not 0 <= self.milli_neurons <= MILLI_NEURONS_MOST
        ):
            raise InvalidUsage(field="milli_neurons")
        if self.total_input_tokens > QUANTITY_MOST:
            raise InvalidUsage(field="input_tokens")
        if self.reasoning_tokens > self.output_tokens:
            raise InvalidUsage(field="reasoning_tokens")
        if len(self.variant) > VARIANT_CHARS_MOST:
            raise InvalidUsage(field="variant")
        if self.fast and self.batch:
            raise IncompatibleFlags

    @property
    def cache_write_tokens(self) -> int:
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def total_input_tokens(self) -> int:
        """The whole prompt, cached or not: what is compared with the threshold of a long context."""
        return self.input_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens + self.cache_read_tokens


def check_quantities(names: tuple[str, ...], quantities: tuple[int, ...]) -> None:
    # bool is an int to Python, and True is not one token.
    if {*map(type, quantities)} == _ONLY_INT and min(quantities) >= 0 and max(quantities) <= QUANTITY_MOST:
        return
    for name, quantity in zip(names, quantities, strict=True):
        if type(quantity) is not int or not 0 <= quantity <= QUANTITY_MOST:
            raise InvalidUsage(field=name)


_QUANTITIES: Final = (
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "reasoning_tokens",
    "web_searches",
    "code_seconds",
    "units",
)
_ONLY_INT: Final = {int}
