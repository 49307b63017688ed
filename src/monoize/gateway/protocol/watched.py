"""What was seen of an answer that came whole, in the form in which all protocols tell it."""

from typing import Final

import msgspec

from monoize.gateway.protocol.urp import Failed, Json

INVALID: Final = "upstream_invalid"


class Watched(msgspec.Struct, kw_only=True):
    report: Json | None = None
    """What the answer used, in the words of its own protocol."""
    is_semantic: bool = False
    is_complete: bool = False
    error: Failed | None = None
    model: str | None = None
    output_chars: int = 0


def invalid(message: str) -> Watched:
    return Watched(error=Failed(message=message, code=INVALID))
