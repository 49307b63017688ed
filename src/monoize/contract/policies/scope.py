"""May a tenant use this agent at all? Asked before roles, and before any policy."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

Status = Literal["draft", "active", "paused", "disabled", "archived"]
Reach = Literal["single_tenant", "multi_tenant", "platform"]
Admission = Literal[
    "admitted",
    "agent_not_active",
    "tenant_unknown",
    "tenant_blocked",
    "hidden",
    "platform_only",
    "tenant_not_allowed",
]
"""Whoever is told `hidden` must not learn that there is such an agent."""

EVERYBODY: Final = "*"


class TenantScope(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    is_global: bool
    reach: Reach
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def admission(
    scope: TenantScope, status: Status, tenant_id: str, *, tenant_is_active: bool, has_platform_role: bool
) -> Admission:
    """The first of these that holds; being blocked wins over everything but these two."""
    if status != "active":
        return "agent_not_active"
    if not tenant_is_active:
        return "tenant_unknown"
    if tenant_id in scope.blocked:
        return "tenant_blocked"
    if tenant_id == scope.owner:
        return "admitted"
    if not scope.is_global or scope.reach == "single_tenant":
        return "hidden"
    if scope.reach == "platform":
        return "admitted" if has_platform_role else "platform_only"
    is_allowed = not scope.allowed or EVERYBODY in scope.allowed or tenant_id in scope.allowed
    return "admitted" if is_allowed else "tenant_not_allowed"


class RequiredRoles(msgspec.Struct, frozen=True):
    """Any of these, or all of them; none means that every member of the tenant may."""

    roles: tuple[str, ...] = ()
    every: bool = False

    def are_met_by(self, held: Sequence[str]) -> bool:
        if not self.roles:
            return True
        met = [role in held for role in self.roles]
        return all(met) if self.every else any(met)
