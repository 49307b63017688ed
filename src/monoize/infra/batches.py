"""Many rows in few statements of SQLite, of few sizes: it keeps a statement it has read, and reading takes longest.

A statement for each row would hand the interpreter over, and wait for it while the event loop is busy, each time.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

SIZES: Final = (500, 100, 32, 16, 8, 4, 2, 1)

Row = TypeVar("Row")


def in_batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """All of them in order; every batch has one of the `SIZES`, the largest first."""
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def values_of(rows: Sequence[Sequence[object]]) -> tuple[object, ...]:
    return tuple(itertools.chain.from_iterable(rows))


def marks(columns: int, rows: int) -> str:
    """What stands behind VALUES: `(?, ?), (?, ?)`."""
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)
