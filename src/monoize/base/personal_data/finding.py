"""What was found where, and how sure one may be."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

Kind = Literal["email", "phone", "card", "iban", "national_id", "ip", "secret", "name", "address"]
KINDS: Final[Sequence[Kind]] = get_args(Kind)


class Finding(NamedTuple):
    """Of `text[start:end]`."""

    kind: Kind
    start: int
    end: int
    confidence: float
