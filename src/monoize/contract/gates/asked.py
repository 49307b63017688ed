"""What the gates know of a request: nothing of what it says, only what it asks for."""

from typing import Literal

import msgspec

from monoize.contract.policies.effective import AuthStrategy

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`model` is the name after redirects. `input_tokens` are at most; `output_tokens` None: nobody said."""

    model: str
    input_tokens: int = 0
    output_tokens: int | None = None
    effort: Effort | None = None
    fast: bool = False
    us_only: bool = False
    web_searches: int = 0
    # Dearer by the token since it is so long.
    is_long_context: bool = False
    auth: AuthStrategy = "api_key"


class Price(msgspec.Struct, frozen=True):
    """What the request may cost in nano-USD: at most, and when its answer is cut as short as is of use."""

    most: int
    least: int
