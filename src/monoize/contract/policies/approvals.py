"""Which actions wait for people, and for which people."""

from typing import Annotated, Literal

import msgspec

from monoize.contract.policies.tightening import ALLOWED, DENIED, LEAST, PERMITS, PROTECTS, Policy, Rule
from monoize.contract.policies.words import Count, Globs, Names, Severity, Usd

Ttl = Annotated[int, msgspec.Meta(ge=60, le=604_800)]

_ONLY_DENY = Rule(lambda kind, outer, inner: "deny")


class Match(Policy, frozen=True, kw_only=True):
    """All that is said has to hold; a list that is not said holds for everything."""

    tools: Globs | None = None
    operations: Globs | None = None
    risk_at_least: Severity = "none"
    cost_over_usd: Usd | None = None
    environments: Globs | None = None


class Approvers(Policy, frozen=True, kw_only=True):
    """How many have to say yes, and who may: anybody with one of the roles, and the users that are named."""

    min: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    roles: Globs = ()
    users: Names = ()


class ApprovalRule(Policy, frozen=True, kw_only=True):
    match: Match
    approvers: Approvers
    ttl: Ttl | None = None
    second_factor: bool = False


class AutoApproval(Policy, frozen=True, kw_only=True):
    """What needs nobody's yes, up to a cost and until a moment (seconds since 1970)."""

    match: Match
    max_cost_usd: Usd | None = None
    until: Count | None = None


class Approvals(Policy, frozen=True, kw_only=True):
    """Which actions wait for people, for which, and for how long."""

    rules: Annotated[tuple[ApprovalRule, ...], DENIED] = ()
    auto_approve: Annotated[tuple[AutoApproval, ...], ALLOWED] = ()
    allow_self: Annotated[bool, PERMITS] = False
    default_ttl: Annotated[Ttl, LEAST] = 3600
    bind_arguments: Annotated[bool, PROTECTS] = True
    on_expiry: Annotated[Literal["deny"], _ONLY_DENY] = "deny"
