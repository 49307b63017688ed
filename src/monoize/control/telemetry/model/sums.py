"""Sums that stay within what a column of whole numbers takes. Pure."""

from collections.abc import Iterable
from typing import Final

BIG_INTEGER_MOST: Final = 2**63 - 1


def added(sums: Iterable[tuple[int, ...]], most: int = BIG_INTEGER_MOST) -> tuple[int, ...]:
    """Number by number. ValueError: one of them would be too large to keep."""
    found = tuple(map(sum, zip(*sums, strict=True)))
    if max(found, default=0) > most:
        raise ValueError("a sum of a day would become too large to keep")
    return found
