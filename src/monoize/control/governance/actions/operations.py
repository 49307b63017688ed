"""Whether an agent may do something now: judged by the limits of its role and counted in one step."""

import dataclasses
import datetime as dt
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from monoize.base.errors import Refusal, RequestTooLarge
from monoize.base.quotas import Quota
from monoize.contract import limits as contract
from monoize.contract.limits import Act, CostTier, Denied, Limits
from monoize.control.governance import errors
from monoize.control.governance.model.limits import CounterUse, is_nearly_used_up
from monoize.infra.quotas import Quotas, Reached

log = structlog.get_logger(__name__)

_REFUSALS: Final[Mapping[str, Callable[..., Refusal]]] = {
    "limits_corrupt": errors.LimitsCorrupt,
    "operation_not_allowed": errors.OperationNotAllowed,
    "tool_not_allowed": errors.ToolNotAllowed,
    "request_too_large": functools.partial(
        RequestTooLarge,
        "This agent may not use so many tokens in one request.",
        hint="Send less, or ask for a shorter answer: input and the most that may be answered count together.",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    """The act may be done. `at_ms` is when it was counted."""

    at_ms: int
    cost_tier: CostTier
    used: Sequence[CounterUse]


async def check(quotas: Quotas, tenant_id: str, role: str, limits: Limits, act: Act) -> Counted:
    """Count the act, or refuse it and count nothing."""
    judged = contract.judge(limits, act)
    if isinstance(judged, Denied):
        raise _refusal(limits, judged, tenant_id, role)
    answer = await quotas.take(quota_key(tenant_id, role), judged)
    if isinstance(answer, Reached):
        raise _reached(limits, answer, tenant_id, role)
    return Counted(answer.at_ms, limits.cost_tier, _uses(judged, answer.used))


async def use(quotas: Quotas, tenant_id: str, role: str, limits: Limits) -> Sequence[CounterUse]:
    """How much is used of everything that is limited."""
    counted = contract.every_quota(limits)
    return _uses(counted, (await quotas.used(quota_key(tenant_id, role), counted)).used)


def quota_key(tenant_id: str, role: str) -> str:
    """All agents of a role in a tenant share what there is."""
    return f"{tenant_id}:{role}"


def _uses(quotas: Sequence[Quota], used: Mapping[str, int]) -> list[CounterUse]:
    return [
        CounterUse(
            counter=quota.counter,
            window=quota.window,
            limit=quota.most,
            used=used[quota.counter],
            is_nearly_used_up=is_nearly_used_up(used[quota.counter], quota.most),
        )
        for quota in quotas
    ]


def _refusal(limits: Limits, denied: Denied, tenant_id: str, role: str) -> Refusal:
    if denied.code == "limits_corrupt":
        log.error("limits_corrupt", tenant_id=tenant_id, role=role)
    return _REFUSALS[denied.code](**_allowed(limits, denied))


def _allowed(limits: Limits, denied: Denied) -> dict[str, Any]:
    """What the caller could do instead."""
    match denied.code:
        case "operation_not_allowed":
            return {"allowed": limits.allowed_operations, "blocked": limits.blocked_operations}
        case "tool_not_allowed":
            return {"allowed": limits.allowed_tools}
        case "request_too_large":
            return {
                "counter": "max_tokens_per_request",
                "tier": limits.cost_tier,
                "limit": denied.limit,
                "used": denied.used,
            }
    return {}


def _reached(limits: Limits, answer: Reached, tenant_id: str, role: str) -> errors.LimitReached:
    quota = answer.quota
    log.info("limit_reached", tenant_id=tenant_id, role=role, counter=quota.counter, used=answer.used)
    return errors.LimitReached(
        hint="It wants more at once than a whole window holds: split it." if quota.wanted > quota.most else None,
        retry_after_s=max(1, math.ceil((answer.resets_at_ms - answer.at_ms) / 1000)),
        counter=quota.counter,
        tier=limits.cost_tier,
        limit=quota.most,
        used=answer.used,
        window=quota.window,
        resets_at=dt.datetime.fromtimestamp(answer.resets_at_ms / 1000, dt.UTC).isoformat(),
    )
