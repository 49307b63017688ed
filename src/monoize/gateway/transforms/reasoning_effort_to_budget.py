"""A request that says in tokens how much is to be thought."""

from collections.abc import Mapping

import msgspec

from monoize.contract.transforms.reasoning import ReasoningEffortToBudget
from monoize.gateway.protocol.urp import Effort, Request
from monoize.gateway.transforms.about import About


def request(request: Request, config: ReasoningEffortToBudget, about: About) -> Request:
    wish = request.reasoning
    budget = _budgets(config).get(wish.effort) if wish and wish.effort else None
    if wish is None or budget is None:
        return request
    # The budget takes the place of the effort: who understands both would have two answers.
    told = msgspec.structs.replace(wish, effort=None, budget_tokens=budget)
    return msgspec.structs.replace(request, reasoning=told)


def _budgets(config: ReasoningEffortToBudget) -> Mapping[Effort, int]:
    xhigh = config.high if config.xhigh is None else config.xhigh
    most = xhigh if config.max is None else config.max
    return {"low": config.low, "medium": config.medium, "high": config.high, "xhigh": xhigh, "max": most}
