"""What is known of a model by its name. Names that say nothing are taken for the newest there are."""

import re
from collections.abc import Sequence
from typing import Final

from monoize.gateway.protocol.urp import Effort

_VERSION: Final = re.compile(r"gem(?:ini|ma)-(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
_FIRST_THAT_THINKS: Final = (2, 5)
_FIRST_GEMMA_THAT_THINKS: Final = (4, 0)
_FIRST_WITH_LEVELS: Final = (3, 0)

# What the service accepts as a thinking level, by model; the first that fits counts.
_LEVELS: Final[Sequence[tuple[re.Pattern[str], Sequence[Effort]]]] = (
    (re.compile(r"gemma|flash(-lite)?-image"), ("minimal", "high")),
    (re.compile(r"pro-image|gemini-3-pro"), ("low", "high")),
    (re.compile(r"flash-lite|gemini-3(\.[0-6])?-flash"), ("minimal", "low", "medium", "high")),
)
_LEVELS_ELSEWHERE: Final[Sequence[Effort]] = ("low", "medium", "high")
# Budgets that are not 0, least and most, and whether 0 is accepted, which switches thinking off.
_BUDGETS: Final[Sequence[tuple[re.Pattern[str], tuple[int, int, bool]]]] = (
    (re.compile(r"flash-lite"), (512, 24_576, True)),
    (re.compile(r"flash"), (1, 24_576, True)),
)
_BUDGETS_ELSEWHERE: Final = (128, 32_768, False)


def thinks(model: str) -> bool:
    """Whether it may be asked how much to think at all; others refuse to be asked."""
    version = _version(model)
    first = _FIRST_GEMMA_THAT_THINKS if "gemma" in model.lower() else _FIRST_THAT_THINKS
    return version is None or version >= first


def thinks_in_levels(model: str) -> bool:
    version = _version(model)
    return version is None or version >= _FIRST_WITH_LEVELS


def level_near(model: str, effort: Effort) -> Effort:
    """The least level of the model that is as much as was asked for, or else its highest."""
    name = model.lower()
    levels = next((levels for pattern, levels in _LEVELS if pattern.search(name)), _LEVELS_ELSEWHERE)
    order: Sequence[Effort] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    enough = [level for level in levels if order.index(level) >= order.index(effort)]
    return enough[0] if enough else levels[-1]


def budget_near(model: str, tokens: int) -> int:
    name = model.lower()
    limits = next((limits for pattern, limits in _BUDGETS if pattern.search(name)), _BUDGETS_ELSEWHERE)
    least, most, may_be_off = limits
    return 0 if tokens <= 0 and may_be_off else min(max(tokens, least), most)


def is_third_generation(model: str) -> bool:
    """Gemini 3 and later: refuse a call without its signature, and take images in the result of a function."""
    version = _version(model)
    return "gemini" in model.lower() and (version is None or version >= _FIRST_WITH_LEVELS)


def _version(model: str) -> tuple[int, int] | None:
    found = _VERSION.search(model.lower())
    return (int(found[1]), int(found[2] or 0)) if found else None
