"""How much an agent of a role may do, and the judgement of one act by it. Pure: who counts is `infra/quotas`.

An act is judged from the cheapest question to the dearest: operation, tool, tokens. Whatever passes is left to
quotas, those of a minute before those of a day, which admit all of it or nothing.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from monoize.base.quotas import Quota, Window
from monoize.contract.policies import globs

CostTier = Literal["free", "low", "standard", "unlimited"]
LimitName = Literal[
    "max_ai_calls_per_day",
    "max_tokens_per_request",
    "max_d1_queries_per_minute",
    "max_r2_operations_per_day",
    "rate_limit_per_minute",
    "max_concurrent",
]
Denial = Literal["limits_corrupt", "operation_not_allowed", "tool_not_allowed", "request_too_large"]

AI_CALL: Final = "ai_call"
"""One attempt at a provider: repeated attempts count, answers from the cache do not."""
REQUEST: Final = "request"
"""One request at the entry of the gateway, whatever it is for."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """None is without limit. Operations and tools are globs; `allowed_tools` None leaves tools to others."""

    cost_tier: CostTier
    max_ai_calls_per_day: int | None
    max_tokens_per_request: int | None
    max_d1_queries_per_minute: int | None
    max_r2_operations_per_day: int | None
    rate_limit_per_minute: int | None
    max_concurrent: int | None = None
    allowed_operations: tuple[str, ...]
    blocked_operations: tuple[str, ...] = ()
    allowed_tools: tuple[str, ...] | None = None
    # What is stored of them cannot be read: nothing is allowed.
    is_corrupt: bool = False


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is about to do: `count` statements or objects; `tokens` are of its input and its answer."""

    operation: str
    tool: str | None = None
    count: int = 1
    tokens: int = 0


class Denied(NamedTuple):
    """What waiting does not cure. `limit` and `used` are of tokens."""

    code: Denial
    limit: int | None = None
    used: int | None = None


_READ: Final = ("d1_query", "r2_get", "r2_list", "cms_read")
_WRITE: Final = (*_READ, "r2_put", "cms_write")
_EXECUTE: Final = (*_WRITE, "d1_execute", "realtime_edit", "client_onboarding")

PRESETS: Final[Mapping[CostTier, Limits]] = {
    "free": Limits(
        cost_tier="free",
        max_ai_calls_per_day=50,
        max_tokens_per_request=1_000,
        max_d1_queries_per_minute=10,
        max_r2_operations_per_day=20,
        rate_limit_per_minute=5,
        allowed_operations=_READ,
    ),
    "low": Limits(
        cost_tier="low",
        max_ai_calls_per_day=200,
        max_tokens_per_request=4_000,
        max_d1_queries_per_minute=30,
        max_r2_operations_per_day=100,
        rate_limit_per_minute=15,
        allowed_operations=_WRITE,
    ),
    "standard": Limits(
        cost_tier="standard",
        max_ai_calls_per_day=1_000,
        max_tokens_per_request=16_000,
        max_d1_queries_per_minute=60,
        max_r2_operations_per_day=500,
        rate_limit_per_minute=60,
        allowed_operations=_EXECUTE,
    ),
    "unlimited": Limits(
        cost_tier="unlimited",
        max_ai_calls_per_day=None,
        max_tokens_per_request=None,
        max_d1_queries_per_minute=None,
        max_r2_operations_per_day=None,
        rate_limit_per_minute=None,
        allowed_operations=("*",),
    ),
}
WITHOUT_A_ROW: Final = PRESETS["free"]
"""What holds for a role for which nobody said anything."""

_WINDOWS: Final[Mapping[LimitName, Window]] = {
    "rate_limit_per_minute": "minute",
    "max_d1_queries_per_minute": "minute",
    "max_ai_calls_per_day": "day",
    "max_r2_operations_per_day": "day",
}


def judge(limits: Limits, act: Act) -> Denied | tuple[Quota, ...]:
    """Why the act may not be done, or what has to be counted for it."""
    if limits.is_corrupt:
        return Denied("limits_corrupt")
    if not _operation_allowed(limits, act.operation):
        return Denied("operation_not_allowed")
    if not _tool_allowed(limits, act.tool):
        return Denied("tool_not_allowed")
    tokens_most = limits.max_tokens_per_request
    if tokens_most is not None and act.tokens > tokens_most:
        return Denied("request_too_large", tokens_most, act.tokens)
    return _quotas(limits, _counter_of(act.operation), act.count)


def every_quota(limits: Limits) -> tuple[Quota, ...]:
    """All that is counted under these limits, for those who want to see how much is used."""
    return tuple(quota for name in _WINDOWS for quota in _quotas(limits, name, 0))


def _operation_allowed(limits: Limits, operation: str) -> bool:
    if operation in (AI_CALL, REQUEST):
        return True
    allowed = globs.matches(limits.allowed_operations, operation)
    return allowed and not globs.matches(limits.blocked_operations, operation)


def _tool_allowed(limits: Limits, tool: str | None) -> bool:
    return tool is None or limits.allowed_tools is None or globs.matches(limits.allowed_tools, tool)


def _counter_of(operation: str) -> LimitName:
    if operation == AI_CALL:
        return "max_ai_calls_per_day"
    if operation.startswith("d1_"):
        return "max_d1_queries_per_minute"
    if operation.startswith("r2_"):
        return "max_r2_operations_per_day"
    return "rate_limit_per_minute"


def _quotas(limits: Limits, name: LimitName, wanted: int) -> tuple[Quota, ...]:
    most: int | None = getattr(limits, name)
    return () if most is None else (Quota(name, _WINDOWS[name], most, wanted),)
