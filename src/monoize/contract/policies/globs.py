"""Globs of names: `*` stands for any characters, and nothing else is special."""

import fnmatch
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Final

GLOB_CHARS_MOST: Final = 128
COMMON_MOST: Final = 500
_STARS: Final = re.compile(r"\*+")
_OF_TWO_MOST: Final = 32
"""Two globs with many stars have very many globs in common; beyond these, less is allowed rather than more."""


def matches(globs: Iterable[str], name: str) -> bool:
    """Whether any of them does."""
    return _any_of(tuple(globs)).match(name) is not None


@functools.lru_cache(maxsize=4096)
def _any_of(globs: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, globs)) if globs else r"(?!)")


def covers(wide: str, narrow: str) -> bool:
    """Whether all that matches `narrow` matches `wide`: a star of `narrow` is matched by a star only."""
    return fnmatch.fnmatchcase(narrow, wide)


def common(these: Sequence[str], those: Sequence[str]) -> list[str]:
    """Globs of the names that match one of these and one of those."""
    both = {glob for one in these for other in those for glob in _common(one, other)}
    found = sorted(glob for glob in both if len(glob) <= GLOB_CHARS_MOST)[:COMMON_MOST]
    return [glob for glob in found if not any(glob != other and covers(other, glob) for other in found)]


@functools.lru_cache(maxsize=4096)
def _common(one: str, other: str) -> frozenset[str]:
    # Without double stars no two globs match the same names, so that of two one may be needless and never both.
    one, other = _STARS.sub("*", one), _STARS.sub("*", other)
    if covers(one, other):
        return frozenset((other,))
    if covers(other, one):
        return frozenset((one,))
    return frozenset(_product(one, other))


def _product(one: str, other: str) -> set[str]:
    """Both are read from the left at the same time, along all ways in which a star of one may eat of the other."""
    ways: dict[tuple[int, int], set[str]] = {(0, 0): {""}}
    for left in range(len(one) + 1):
        for right in range(len(other) + 1):
            begun = ways.pop((left, right), set())
            if (left, right) == (len(one), len(other)):
                return begun
            for step_left, step_right, eaten in _steps(one[left:][:1], other[right:][:1]):
                reached = ways.setdefault((left + step_left, right + step_right), set())
                room = _OF_TWO_MOST - len(reached)
                reached.update(sorted(_appended(glob, eaten) for glob in begun)[:room])
    return set()


def _steps(left: str, right: str) -> list[tuple[int, int, str]]:
    """(characters read of one, of the other, what that adds to a glob of both)."""
    match left, right:
        case "*", "*":
            return [(1, 0, "*"), (0, 1, "*")]
        case "*", _:
            return [(1, 0, ""), *([(0, 1, right)] if right else [])]
        case _, "*":
            return [(0, 1, ""), *([(1, 0, left)] if left else [])]
    return [(1, 1, left)] if left and left == right else []


def _appended(glob: str, eaten: str) -> str:
    return glob if eaten == "*" and glob.endswith("*") else glob + eaten
