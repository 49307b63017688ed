"""Sums that stay within what a column of whole numbers takes. Pure."""

from collections.abc import Iterable
from typing import Final

BIG_INTEGER_MOST: Final = 2**63 - 1


class SumTooLarge(ValueError):
    """Whatever would be added is kept apart, for a person to look at."""

    def __init__(self) -> None:
        super().__init__("a sum of a day would become too large to keep")


def added(sums: Iterable[tuple[int, ...]], most: int = BIG_INTEGER_MOST) -> tuple[int, ...]:
    """Number by number. `SumTooLarge`: one of them could not be kept."""
    found = tuple(map(sum, zip(*sums, strict=True)))
    if found and (max(found) > most or min(found) < -most):
        raise SumTooLarge
    return found
