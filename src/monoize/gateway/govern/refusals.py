"""A denial as its caller hears it: the code of the gate, and what would be allowed instead. Pure."""

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import Final

from monoize.base.errors import Refusal, RequestTooLarge
from monoize.base.money import usd_of_nano
from monoize.contract import refusals
from monoize.contract.gates.decision import Decision
from monoize.gateway import errors
from monoize.gateway.meter import BudgetExceeded

_KINDS: Final[Mapping[str, Callable[..., Refusal]]] = {
    kind.code: kind
    for kind in (
        refusals.Stopped,
        refusals.AgentNotActive,
        refusals.ConfigTampered,
        refusals.NoSuchAgentRecord,
        refusals.TenantBlocked,
        refusals.TenantNotAllowed,
        refusals.PlatformOnly,
        refusals.AuthStrategyRequired,
        refusals.RoleRequired,
        refusals.RateLimited,
        refusals.LimitReached,
        refusals.LimitsCorrupt,
        errors.FastNotAllowed,
        errors.InferenceGeoRequired,
        errors.EffortNotAllowed,
        errors.ModelCapabilityMissing,
        errors.ToolLoopLimit,
        errors.LongContextNotAllowed,
        errors.WebSearchesNotAllowed,
        errors.CallCostCap,
        BudgetExceeded,
    )
} | {
    "model_not_allowed": functools.partial(errors.ModelNotAllowed, "This agent may not use this model."),
    "request_too_large": functools.partial(RequestTooLarge, "This agent may not send or ask for so much at once."),
}


def refusal_of(decision: Decision, *, reason: str | None = None) -> Refusal:
    """`reason` is what whoever stopped it has written for its callers."""
    assert decision.code is not None
    kind, hint = _KINDS[decision.code], _hint(decision, reason)
    if "retry_after_s" in decision.numbers:
        return kind(retry_after_s=decision.numbers["retry_after_s"], hint=hint)
    return kind(hint=hint)


def _hint(decision: Decision, reason: str | None) -> str | None:
    numbers, said = decision.numbers, []
    if reason:
        said.append(f"Stopped: {reason}")
    if "limit" in numbers:
        said.append(_counts(decision))
    if "limit_nano_usd" in numbers:
        said.append(_amounts(numbers))
    if decision.allowed:
        said.append(f"Allowed: {', '.join(decision.allowed)}.")
    if "resets_at_s" in numbers:
        moment = dt.datetime.fromtimestamp(numbers["resets_at_s"], dt.UTC)
        said.append(f"There is more at {moment:%Y-%m-%dT%H:%M:%SZ}.")
    return " ".join([*said, f"The rule is {decision.rule_id}."]) if said else None


def _counts(decision: Decision) -> str:
    numbers = decision.numbers
    used = f", {numbers['used']} are used" if "used" in numbers else ""
    asked = f", {numbers['asked']} were asked for" if "asked" in numbers else ""
    return f"At most {numbers['limit']}{used}{asked}."


def _amounts(numbers: Mapping[str, int]) -> str:
    told = f"At most {usd_of_nano(numbers['limit_nano_usd'])} USD"
    if "used_nano_usd" in numbers:
        told += f", of which {usd_of_nano(numbers['used_nano_usd'])} are spent or held"
    return f"{told}; this could cost {usd_of_nano(numbers['asked_nano_usd'])}."
