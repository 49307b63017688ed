"""A long text in stretches that can be looked through one by one, with the same findings as in the whole.

A stretch that may be cut nowhere, such as a long line without a plain word, is so long only; then it is cut behind
the last mark of it, or the last word.
"""

from collections.abc import Iterator
from typing import Final

from monoize.base.personal_data.cuts import last_cut

STRETCH: Final = 8_192
STRETCH_MOST: Final = 65_536
_NEAR_THE_END: Final = 512
_MARKS: Final = ",;\"'<>"


def stretches(text: str) -> Iterator[tuple[int, str]]:
    """Where each begins, and what it is."""
    start = 0
    while start < len(text):
        stretch = text[start : start + _length(text, start)]
        yield start, stretch
        start += len(stretch)


def _length(text: str, start: int) -> int:
    length = STRETCH
    while start + length < len(text):
        stretch = text[start : start + length]
        if cut := last_cut(stretch, length - _NEAR_THE_END) or last_cut(stretch):
            return cut
        if length >= STRETCH_MOST:
            return max(map(stretch.rfind, _MARKS)) + 1 or stretch.rfind(" ") + 1 or length
        length *= 2
    return len(text) - start
