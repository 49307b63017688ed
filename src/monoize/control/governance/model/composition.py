"""What is in force when a record meets the baselines around it: each can only tighten what the others say."""

from collections.abc import Callable, Sequence

import msgspec

from monoize.contract.policies.catalogue import NAMES, Policies, PolicyName, empty, read, tighten
from monoize.contract.policies.effective import EffectivePolicy, Source, Trial, strictest_auth
from monoize.contract.policies.modes import CEILINGS, Mode
from monoize.contract.policies.safety import strictest_level
from monoize.contract.policies.tightening import Document
from monoize.control.governance.model.records import AgentRecord, roles_of, scope_of


def compose(baselines: Sequence[AgentRecord], record: AgentRecord) -> EffectivePolicy:
    """Baselines outermost first. Mode, scope and roles are the record's own; whom a baseline blocks is blocked."""
    levels = [*baselines, record]
    blocked = {tenant for level in levels for tenant in level.blocked_tenants}
    return EffectivePolicy(
        name=record.name,
        role_name=record.role_name,
        status=record.status,
        mode=record.mode,
        safety_level=strictest_level(*(level.safety_level for level in levels)),
        scope=msgspec.structs.replace(scope_of(record), blocked=tuple(sorted(blocked))),
        auth_strategy=strictest_auth(*(level.auth_strategy for level in levels)),
        required_roles=roles_of(record.required_roles),
        requires_human_approval=any(level.requires_human_approval for level in levels),
        telemetry_enabled=all(level.telemetry_enabled for level in levels),
        policies=_below_the_ceiling(_policies(levels, _said), record.mode),
        sources=tuple(Source(level.id, level.config_version, level.config_hash) for level in levels),
        trial=_trial(levels, record.mode),
        user_email=record.user_email,
    )


def _trial(levels: Sequence[AgentRecord], mode: Mode) -> Trial | None:
    names = tuple(name for name in NAMES if any(name in level.shadow_policies for level in levels))
    if not names:
        return None
    silenced = tuple(name for name in names if not any(_said(level, name) for level in levels))
    whole = _policies(levels, lambda level, name: level.policies[name])
    return Trial(names=names, silenced=silenced, policies=_below_the_ceiling(whole, mode))


def _said(level: AgentRecord, name: PolicyName) -> Document:
    """What is in shadow says nothing."""
    return empty(name) if name in level.shadow_policies else level.policies[name]


def _policies(levels: Sequence[AgentRecord], said: Callable[[AgentRecord, PolicyName], Document]) -> Policies:
    merged = {name: tighten(name, *(said(level, name) for level in levels)) for name in NAMES}
    return Policies(**{name: read(name, document) for name, document in merged.items()})


def _below_the_ceiling(policies: Policies, mode: Mode) -> Policies:
    """The default of a policy can be above what a mode may."""
    if CEILINGS[mode].spawns:
        return policies
    security = msgspec.structs.replace(policies.security_policy_json, max_spawn_depth=0)
    return msgspec.structs.replace(policies, security_policy_json=security)
