"""When an action waits for people's yes, and what it takes to get it. Pure, so that every gateway agrees."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from monoize.base.money import NANO_PER_USD
from monoize.contract.policies.approvals import AutoApproval, Match
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.globs import matches
from monoize.contract.policies.safety import RISK_UNKNOWN, Deed, floor
from monoize.contract.policies.words import SEVERITIES, Severity

Kind = Literal["tool", "command", "deploy", "budget", "config", "spawn"]

PRODUCTION: Final = re.compile(r"(?i)prod(uction)?([-_.].*)?")
AFFECTED_MANY: Final = 20
_DRASTIC: Final[frozenset[Kind]] = frozenset({"command", "deploy", "budget", "spawn"})


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done. `subject` is the tool or the name of the operation; None is what nobody has said."""

    kind: Kind
    subject: str
    environment: str | None = None
    risk: Severity | None = None
    is_irreversible: bool = False
    is_read_only: bool = False
    est_cost_nano: int | None = None
    affected_count: int = 0


class Approvers(msgspec.Struct, frozen=True):
    """Whoever has one of the roles or is one of the users."""

    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """So many people have to say yes, each of them among all of these approvers; without any, administrators."""

    risk: Severity
    needed: int
    approvers: tuple[Approvers, ...]
    ttl_s: int
    needs_second_factor: bool


def risk_of(action: Action) -> Severity:
    """What nobody has judged is dangerous; production and a wide reach make it worse, no way back worst of all."""
    if action.is_irreversible:
        return "critical"
    steps = _is_production(action.environment) + (action.affected_count > AFFECTED_MANY)
    rank = SEVERITIES.index(action.risk or RISK_UNKNOWN) + steps
    return SEVERITIES[min(rank, len(SEVERITIES) - 1)]


def is_needed(action: Action, policy: EffectivePolicy, *, now_s: int) -> bool:
    """Nothing that is critical goes without; short of that, what was approved beforehand does."""
    risk, approvals = risk_of(action), policy.policies.approvals_policy_json
    demanded = (
        floor(policy.safety_level, _deed(action), risk).approvers > 0
        or (policy.requires_human_approval and not action.is_read_only)
        or any(_matches(rule.match, action, risk) for rule in approvals.rules)
    )
    if not demanded or risk == "critical":
        return demanded
    return not any(_is_approved_beforehand(rule, action, risk, now_s) for rule in approvals.auto_approve)


def terms_of(
    action: Action,
    policy: EffectivePolicy,
    *,
    risk: Severity | None = None,
    needed: int = 1,
    ttls_s: Sequence[int] = (),
) -> Terms:
    """The strictest of what the requester, the safety level and every rule that matches ask for.

    `risk` is given where it was found before.
    """
    approvals, risk = policy.policies.approvals_policy_json, risk or risk_of(action)
    rules = [rule for rule in approvals.rules if _matches(rule.match, action, risk)]
    demanded = floor(policy.safety_level, _deed(action), risk).approvers
    lifetimes = (approvals.default_ttl, *ttls_s, *(rule.ttl for rule in rules if rule.ttl is not None))
    named = (Approvers(rule.approvers.roles, rule.approvers.users) for rule in rules)
    return Terms(
        risk=risk,
        needed=max(1, needed, demanded, *(rule.approvers.min for rule in rules)),
        approvers=tuple(group for group in named if group.roles or group.users),
        ttl_s=min(lifetimes),
        needs_second_factor=any(rule.second_factor for rule in rules),
    )


def _is_production(environment: str | None) -> bool:
    return environment is not None and PRODUCTION.fullmatch(environment) is not None


def _deed(action: Action) -> Deed:
    if action.is_read_only:
        return "read"
    if action.kind in _DRASTIC or action.is_irreversible:
        return "drastic"
    return "write_production" if _is_production(action.environment) else "write_sandbox"


def _matches(match: Match, action: Action, risk: Severity) -> bool:
    """A rule that speaks of what was not said holds: leaving something out must not avoid it."""
    cost, over, where = action.est_cost_nano, match.cost_over_usd, action.environment
    return (
        _is_among(match, action, risk)
        and (over is None or cost is None or cost > _nano(over))
        and (match.environments is None or where is None or matches(match.environments, where))
    )


def _is_approved_beforehand(rule: AutoApproval, action: Action, risk: Severity, now_s: int) -> bool:
    """The other way round: whoever leaves something out is not approved beforehand."""
    match, most, over = rule.match, rule.max_cost_usd, rule.match.cost_over_usd
    cost, where = action.est_cost_nano, action.environment
    return (
        _is_among(match, action, risk)
        and (over is None or (cost is not None and cost > _nano(over)))
        and (most is None or (cost is not None and cost <= _nano(most)))
        and (match.environments is None or (where is not None and matches(match.environments, where)))
        and (rule.until is None or now_s < rule.until)
    )


def _is_among(match: Match, action: Action, risk: Severity) -> bool:
    return (
        (match.tools is None or (action.kind == "tool" and matches(match.tools, action.subject)))
        and (match.operations is None or matches(match.operations, action.subject))
        and SEVERITIES.index(risk) >= SEVERITIES.index(match.risk_at_least)
    )


def _nano(usd: str) -> Decimal:
    return Decimal(usd) * NANO_PER_USD
