"""Which model is meant by a name: by redirects, and by an effort that its end asks for. Pure, for both planes.

A model that really is called as its name ends comes first.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from monoize.base.patterns import pattern
from monoize.contract.snapshot import Effort, Redirect

KNOWN: Final[Mapping[str, Effort]] = {
    "-none": "none",
    "-minimal": "minimal",
    "-minimum": "minimal",
    "-low": "low",
    "-medium": "medium",
    "-high": "high",
    "-xhigh": "xhigh",
    "-max": "max",
    "-thinking": "high",
    "-reasoning": "high",
    "-nothinking": "none",
}


def resolved(
    name: str, suffixes: Mapping[str, Effort], is_offered: Callable[[str], bool]
) -> tuple[str, Effort | None]:
    """The model that is offered, and the effort that was asked for by its name."""
    if is_offered(name):
        return name, None
    for suffix, effort in _longest_first(suffixes):
        base = name.removesuffix(suffix)
        if base != name and is_offered(base):
            return base, effort
    return name, None


def _longest_first(suffixes: Mapping[str, Effort]) -> Iterator[tuple[str, Effort]]:
    """An operator's own before those that everybody knows."""
    yield from sorted(suffixes.items(), key=lambda pair: -len(pair[0]))
    yield from KNOWN.items()


def redirected(model: str, *rules: Sequence[Redirect]) -> str:
    """By the first rule that matches all of the name; what it says is not redirected again."""
    for redirect in (each for some in rules for each in some):
        if _matches(redirect.pattern, model):
            return redirect.model
    return model


@functools.lru_cache(maxsize=8_192)
def _matches(text: str, name: str) -> bool:
    return pattern(text).matches(name)
