"""How a model of Anthropic's is told how much to think, from what a caller of any protocol wished.

From 4.6 on a model decides itself and is told an effort; before that, and elsewhere, it is given a budget.
What we choose fits the request; what a caller chose is passed on, for `checks` to judge.
"""

from typing import Final, NamedTuple

from monoize.gateway.protocol import efforts
from monoize.gateway.protocol.messages.models import Claude
from monoize.gateway.protocol.urp import Effort, Json, ReasoningWish

BUDGET_LEAST: Final = 1_024
EFFORT_LEAST: Final[Effort] = "low"


class Thinking(NamedTuple):
    """The members `thinking` and `output_config.effort`; None is not to be sent."""

    config: Json | None = None
    effort: Effort | None = None


def thinking_for(wish: ReasoningWish, claude: Claude | None, max_tokens: int) -> Thinking:
    effort = wish.effort
    if effort is None and wish.budget_tokens is not None:
        effort = efforts.effort_of_budget(wish.budget_tokens)
    if effort == "none":
        return _switched_off(claude)
    if claude and claude.thinks_adaptively:
        return _adaptive(wish, effort, claude)
    return Thinking(_budgeted(wish, effort, max_tokens))


def _switched_off(claude: Claude | None) -> Thinking:
    if claude and claude.always_thinks:
        return Thinking(effort=EFFORT_LEAST)
    return Thinking({"type": "between_tools" if claude and claude.pauses_thinking else "disabled"})


def _adaptive(wish: ReasoningWish, effort: Effort | None, claude: Claude) -> Thinking:
    config: Json = {"type": "adaptive"}
    if wish.summary and claude.is_new:
        # The others show it anyway.
        config["display"] = "summarized"
    return Thinking(config, EFFORT_LEAST if effort == "minimal" else effort)


def _budgeted(wish: ReasoningWish, effort: Effort | None, max_tokens: int) -> Json | None:
    if wish.budget_tokens is not None and wish.budget_tokens > 0:
        return {"type": "enabled", "budget_tokens": wish.budget_tokens}
    wanted = efforts.budget_of(effort) if effort else efforts.BUDGET_UNTOLD
    budget = min(wanted, max_tokens - 1)
    # Where there is no room to think, there is an answer without.
    return {"type": "enabled", "budget_tokens": budget} if budget >= BUDGET_LEAST else None
