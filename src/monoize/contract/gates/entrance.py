"""Who may use the agent now at all: stops, status, tenant, how callers showed who they are, roles."""

import functools
from collections.abc import Iterator
from typing import Final

from monoize.contract.gates.decision import Decision, Gate
from monoize.contract.governed import Governed
from monoize.contract.policies.effective import AUTH_STRATEGIES, AuthStrategy
from monoize.contract.policies.scope import admission
from monoize.contract.stops import Stop, Stops

PLATFORM_ROLE: Final = "super_admin"

_TENANT: Final = Decision(gate="tenant", rule_id="tenant_scope")
_AUTH: Final = Decision(gate="auth", rule_id="auth_strategy")
_ROLES: Final = Decision(gate="roles", rule_id="required_roles")
_NOT_STOPPED: Final = Decision(gate="kill_switch", rule_id="stops")


def at_the_entrance(governed: Governed, stops: Stops, auth: AuthStrategy = "api_key") -> Iterator[Decision]:
    """Up to the first denial."""
    stopped = _NOT_STOPPED if stops.is_empty else _stopped(governed, stops)
    yield stopped
    if stopped.verdict == "deny":
        return
    for ask in (_admitted, functools.partial(_signed_in, auth=auth), _roles):
        decision = ask(governed)
        yield decision
        if decision.verdict == "deny":
            return


def stop_of(governed: Governed, stops: Stops) -> Stop | None:
    """Of who uses it, and of whose record it is: agents of a tenant that is stopped work for nobody."""
    return stops.of(governed.tenant_id, governed.config_id) or stops.of(governed.policy.scope.owner)


def stopped_by(stop: Stop) -> Decision:
    return Decision(gate="kill_switch", rule_id=f"stops/{stop.scope}", verdict="deny", code="stopped")


def barred() -> Decision:
    """The record is not what was written, or is gone."""
    return Decision(gate="status", rule_id="config_hash", verdict="deny", code="config_tampered")


def _stopped(governed: Governed, stops: Stops) -> Decision:
    stop = stop_of(governed, stops)
    return _NOT_STOPPED if stop is None else stopped_by(stop)


def _admitted(governed: Governed) -> Decision:
    scope = governed.policy.scope
    outcome = admission(
        scope,
        governed.policy.status,
        governed.tenant_id,
        # Keys of a suspended tenant are nobody's.
        tenant_is_active=True,
        has_platform_role=PLATFORM_ROLE in governed.roles,
    )
    match outcome:
        case "admitted":
            return _TENANT
        case "agent_not_active":
            return _denied("status", "status", outcome, "active")
        case "tenant_blocked":
            return _denied("tenant", "blocked_tenants", outcome)
        case "tenant_not_allowed":
            # Which other tenants may is not theirs to know.
            return _denied("tenant", "allowed_tenants", outcome)
        case "hidden":
            return _denied("tenant", "tenant_scope", "agent_record_not_found")
        case _:
            return _denied("tenant", "tenant_scope", outcome)


def _signed_in(governed: Governed, auth: AuthStrategy) -> Decision:
    wanted = governed.policy.auth_strategy
    if AUTH_STRATEGIES.index(auth) >= AUTH_STRATEGIES.index(wanted):
        return _AUTH
    return _denied("auth", "auth_strategy", "auth_strategy_required", *_at_least(wanted))


def _at_least(wanted: AuthStrategy) -> tuple[AuthStrategy, ...]:
    return tuple(AUTH_STRATEGIES[AUTH_STRATEGIES.index(wanted) :])


def _roles(governed: Governed) -> Decision:
    wanted = governed.policy.required_roles
    if wanted.are_met_by(governed.roles):
        return _ROLES
    return _denied("roles", "required_roles", "role_required", *wanted.roles)


def _denied(gate: Gate, rule_id: str, code: str, *allowed: str) -> Decision:
    return Decision(gate=gate, rule_id=rule_id, verdict="deny", code=code, allowed=allowed)
