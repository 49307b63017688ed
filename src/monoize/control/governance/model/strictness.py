"""Does a change allow an agent more than before? Then another administrator has to stand behind it."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from monoize.contract.policies.catalogue import CATALOGUE, NAMES, PolicyName, read
from monoize.contract.policies.cost import CostPolicy
from monoize.contract.policies.effective import strictest_auth
from monoize.contract.policies.modes import CEILINGS, Mode
from monoize.contract.policies.safety import strictest_level
from monoize.contract.policies.tightening import tighten
from monoize.contract.policies.tool_permissions import ToolPermissions, ToolRule
from monoize.control.governance.model.records import Governed, roles_of

_REACHES: Final = ("single_tenant", "platform", "multi_tenant")
_TOOL_REACHES: Final = ("none", "read_only", "all")
_DEFAULTS: Final = ("allow", None, "deny")


def loosened(before: Governed, after: Governed) -> list[str]:
    """Where `after` allows more than `before`, as pointers into a record."""
    fields = [f"/{name}" for name in _loosened_fields(before, after)]
    policies = [f"/policies/{name}" for name in NAMES if _is_loosened(name, before, after)]
    return [*fields, *policies]


def _is_loosened(name: PolicyName, before: Governed, after: Governed) -> bool:
    """A document is as strict as an earlier one when both together say nothing that it does not say by itself.

    They are compared with defaults, since saying nothing can be stricter than what is said.
    """
    earlier, later = (read(name, governed.policies[name]) for governed in (before, after))
    if name == "tool_permissions_json":
        return _are_tools_loosened(earlier, later)
    if name == "cost_policy_json" and _are_prices_loosened(earlier, later):
        return True
    then, now = msgspec.to_builtins(earlier), msgspec.to_builtins(later)
    return bool(tighten(CATALOGUE[name], then, now) != tighten(CATALOGUE[name], now, now))


def _are_prices_loosened(before: CostPolicy, after: CostPolicy) -> bool:
    """Nobody knows here what the book says: prices that take its place may be lower, and buy more."""
    return after.rate_override is not None and after.rate_override != before.rate_override


def _are_tools_loosened(before: ToolPermissions, after: ToolPermissions) -> bool:
    """What asks for less than a refusal opens what would be refused without it; only a refusal never does."""
    if any(level not in after.outer for level in before.outer) or _is_default_loosened(before, after):
        return True
    added = [rule for rule in after.rules if rule not in before.rules]
    removed = [rule for rule in before.rules if rule not in after.rules]
    opens = any(rule.effect == "allow" or (rule.effect != "deny" and before.default != "allow") for rule in added)
    return opens or any(_restricts(rule) for rule in removed)


def _is_default_loosened(before: ToolPermissions, after: ToolPermissions) -> bool:
    return _DEFAULTS.index(after.default) < _DEFAULTS.index(before.default)


def _restricts(rule: ToolRule) -> bool:
    return rule.effect != "allow"


def _loosened_fields(before: Governed, after: Governed) -> Iterator[str]:
    if strictest_level(before.safety_level, after.safety_level) != after.safety_level:
        yield "safety_level"
    if _may_more(before.mode, after.mode):
        yield "mode"
    if after.is_global and not before.is_global:
        yield "is_global"
    if _REACHES.index(after.tenant_scope) > _REACHES.index(before.tenant_scope):
        yield "tenant_scope"
    if _admits_more(before.allowed_tenants, after.allowed_tenants):
        yield "allowed_tenants"
    if set(before.blocked_tenants) - set(after.blocked_tenants):
        yield "blocked_tenants"
    if strictest_auth(before.auth_strategy, after.auth_strategy) != after.auth_strategy:
        yield "auth_strategy"
    if _asks_for_less(before, after):
        yield "required_roles"
    if before.requires_human_approval and not after.requires_human_approval:
        yield "requires_human_approval"
    if set(after.shadow_policies) - set(before.shadow_policies):
        yield "shadow_policies"


def _may_more(before: Mode, after: Mode) -> bool:
    earlier, later = CEILINGS[before], CEILINGS[after]
    powers = ("spawns", "hands_over", "files_findings", "approves")
    return _TOOL_REACHES.index(later.tools) > _TOOL_REACHES.index(earlier.tools) or any(
        getattr(later, power) and not getattr(earlier, power) for power in powers
    )


def _admits_more(before: Sequence[str], after: Sequence[str]) -> bool:
    """Without a list, every tenant is admitted."""
    if not before or "*" in before:
        return False
    return not after or not set(after) <= set(before)


def _asks_for_less(before: Governed, after: Governed) -> bool:
    """Whether somebody without what was asked for could meet what is."""
    earlier, later = roles_of(before.required_roles), roles_of(after.required_roles)
    if not earlier.roles:
        return False
    if not later.roles:
        return True
    alternatives = [later.roles] if later.every else [(role,) for role in later.roles]
    return not all(earlier.are_met_by(held) for held in alternatives)
