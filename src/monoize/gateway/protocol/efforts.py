"""How hard a model is asked to think: in words, and in tokens for the protocols that count them."""

from collections.abc import Mapping
from typing import Final

from monoize.gateway.protocol.urp import Effort

_WORDS: Final[Mapping[str, Effort]] = {
    "none": "none",
    "minimal": "minimal",
    "minimum": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_BUDGETS: Final[Mapping[Effort, int]] = {
    "none": 0,
    "minimal": 1_024,
    "low": 1_024,
    "medium": 4_096,
    "high": 16_384,
    "xhigh": 32_000,
    "max": 32_000,
}
BUDGET_UNTOLD: Final = _BUDGETS["medium"]
"""What to think with where somebody has to say, and nobody did."""


def effort_named(word: str) -> Effort | None:
    return _WORDS.get(word)


def budget_of(effort: Effort) -> int:
    return _BUDGETS[effort]


def effort_of_budget(tokens: int) -> Effort | None:
    """None for less than nothing, with which some leave it to the model."""
    if tokens <= 0:
        return None if tokens else "none"
    efforts: tuple[Effort, ...] = ("low", "medium", "high")
    return next((effort for effort in efforts if tokens <= _BUDGETS[effort]), "xhigh")
