"""What one request may cost: `cost_policy_json`, and windows of `budgets_json` that are for a single call."""

from collections.abc import Iterator, Sequence
from typing import Final

from monoize.base.money import nano_of_usd
from monoize.contract.gates.asked import Asked, Price
from monoize.contract.gates.decision import Decision
from monoize.contract.gates.trials import tried
from monoize.contract.policies import globs
from monoize.contract.policies.budgets import Budgets, Window
from monoize.contract.policies.cost import CostPolicy
from monoize.contract.policies.effective import EffectivePolicy

_COST: Final = "cost_policy_json"
_BUDGETS: Final = "budgets_json"
_ALLOWED: Final = Decision(gate="cost", rule_id=_COST)


def of_costs(policy: EffectivePolicy, asked: Asked, price: Price) -> Sequence[Decision]:
    said = tried(policy, _COST, lambda document: list(_denials(document, asked, price)) or (_ALLOWED,))
    return [*said, *tried(policy, _BUDGETS, lambda document: list(_for_calls(document, asked, price)))]


def call_most(policy: EffectivePolicy, model: str) -> int | None:
    """What one call may cost in nano-USD: an answer that could cost more is cut to it."""
    cost, budgets = policy.in_force(_COST), policy.in_force(_BUDGETS)
    caps = [] if budgets is None else [nano_of_usd(window.limit_usd) for window in _windows(budgets, model)]
    if cost is not None and cost.max_cost_per_call_usd is not None:
        caps.append(nano_of_usd(cost.max_cost_per_call_usd))
    return min(caps, default=None)


def _denials(document: CostPolicy, asked: Asked, price: Price) -> Iterator[Decision]:
    if asked.fast and not document.allow_fast:
        yield _denied(f"{_COST}/allow_fast", "fast_not_allowed", allowed=("standard",))
    if asked.is_long_context and not document.allow_long_context:
        yield _denied(f"{_COST}/allow_long_context", "long_context_not_allowed", asked=asked.input_tokens)
    most = document.max_web_searches_per_call
    if most is not None and asked.web_searches > most:
        yield _denied(
            f"{_COST}/max_web_searches_per_call",
            "web_searches_not_allowed",
            limit=most,
            asked=asked.web_searches,
        )
    if document.max_cost_per_call_usd is not None:
        yield from _dearer(f"{_COST}/max_cost_per_call_usd", document.max_cost_per_call_usd, price)


def _for_calls(document: Budgets, asked: Asked, price: Price) -> Iterator[Decision]:
    for window in _windows(document, asked.model):
        yield from _dearer(f"{_BUDGETS}/windows/{window.id}", window.limit_usd, price)


def _windows(document: Budgets, model: str) -> Iterator[Window]:
    for window in document.windows:
        glob = window.scope.model
        if window.period == "call" and window.action != "warn" and (glob is None or globs.matches((glob,), model)):
            yield window


def _dearer(rule_id: str, limit_usd: str, price: Price) -> Iterator[Decision]:
    limit = nano_of_usd(limit_usd)
    if price.least > limit:
        yield _denied(rule_id, "call_cost_cap", limit_nano_usd=limit, asked_nano_usd=price.least)


def _denied(rule_id: str, code: str, *, allowed: tuple[str, ...] = (), **numbers: int) -> Decision:
    return Decision(gate="cost", rule_id=rule_id, verdict="deny", code=code, numbers=numbers, allowed=allowed)
