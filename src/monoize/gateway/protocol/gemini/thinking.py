"""How much a model is to think: the common wish, and Gemini's `thinkingConfig`."""

from collections.abc import Mapping
from typing import Final

from monoize.gateway.protocol import efforts, fields, urp
from monoize.gateway.protocol.gemini import models
from monoize.gateway.protocol.gemini.wire import spelled
from monoize.gateway.protocol.urp import Effort, Json

_AT: Final = "generationConfig.thinkingConfig"
_KNOWN: Final = ("thinkingBudget", "thinkingLevel", "includeThoughts")
_LEVELS: Final[Mapping[str, Effort]] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
_UNSPECIFIED: Final = "THINKING_LEVEL_UNSPECIFIED"
_AUTOMATIC: Final = -1
"""The budget with which the model decides; the common wish says that by not saying anything."""


def read_thinking(config: Json) -> tuple[urp.ReasoningWish | None, Json]:
    """The wish, and what it cannot say."""
    config = spelled(config)
    left = fields.rest(config, _KNOWN)
    effort, budget = _level(config), fields.integer(config, "thinkingBudget", _AT)
    if effort is not None and budget is not None:
        fields.refuse(_AT, "either a thinkingLevel or a thinkingBudget")
    if budget == _AUTOMATIC:
        left["thinkingBudget"], budget = budget, None
    elif budget is not None and budget < 0:
        fields.refuse(f"{_AT}.thinkingBudget", "0 or more, or -1")
    elif budget == 0:
        effort, budget = "none", None
    summary = "auto" if fields.flag(config, "includeThoughts", _AT) else None
    wish = urp.ReasoningWish(effort=effort, budget_tokens=budget, summary=summary)
    return (None if wish == urp.ReasoningWish() else wish), left


def write_thinking(wish: urp.ReasoningWish | None, model: str, *, own: bool) -> Json:
    """For this very model, as each takes other words. `own`: the caller speaks this protocol and chose them."""
    if wish is None or not models.thinks(model):
        return {}
    config: Json = {}
    if models.thinks_in_levels(model):
        effort = wish.effort or (efforts.effort_of_budget(wish.budget_tokens) if wish.budget_tokens else None)
        if effort is not None:
            chosen = own and wish.effort in _LEVELS.values()
            config["thinkingLevel"] = (effort if chosen else models.level_near(model, effort)).upper()
    else:
        budget = wish.budget_tokens
        if budget is None and wish.effort is not None:
            budget = efforts.budget_of(wish.effort)
        if budget is not None:
            config["thinkingBudget"] = models.budget_near(model, budget)
    if wish.summary is not None:
        config["includeThoughts"] = True
    return config


def _level(config: Json) -> Effort | None:
    word = fields.text(config, "thinkingLevel", _AT)
    if word is None or word.upper() == _UNSPECIFIED:
        return None
    effort = _LEVELS.get(word.upper())
    if effort is None:
        fields.refuse(f"{_AT}.thinkingLevel", f"one of {', '.join(_LEVELS)}")
    return effort
