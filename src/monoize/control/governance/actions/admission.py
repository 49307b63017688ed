"""Whether a caller's tenant may use an agent at all: asked before anything is done in the agent's name."""

import dataclasses
from collections.abc import Mapping
from typing import Final

from monoize.base.errors import Refusal
from monoize.base.principal import Principal
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.scope import Admission, admission
from monoize.control.governance import errors
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.actions.stops import check_not_stopped
from monoize.infra.db import Tx

_REFUSALS: Final[Mapping[Admission, type[Refusal]]] = {
    "agent_not_active": errors.AgentNotActive,
    "tenant_unknown": errors.TenantNotAllowed,
    "tenant_blocked": errors.TenantBlocked,
    "platform_only": errors.PlatformOnly,
    "tenant_not_allowed": errors.TenantNotAllowed,
}


@dataclasses.dataclass(frozen=True, slots=True)
class AdmittedAgent:
    """An agent as one tenant uses it. An agent that others lend shares its configuration, not their limits."""

    id: str
    tenant_id: str
    policy: EffectivePolicy

    @property
    def role_name(self) -> str:
        return self.policy.role_name


async def admitted(tx: Tx, agent_id: str, caller: Principal) -> AdmittedAgent:
    tenant_id = caller.tenant_id or ""
    policy = await effective(tx, agent_id, for_tenant=tenant_id)
    outcome = admission(
        policy.scope,
        policy.status,
        tenant_id,
        # A suspended tenant's callers are not let in anywhere.
        tenant_is_active=bool(tenant_id),
        has_platform_role=caller.role == "super_admin",
    )
    if outcome == "hidden":
        raise errors.NoSuchAgentRecord
    await check_not_stopped(tx, (policy.scope.owner, tenant_id), agent_id)
    if outcome != "admitted":
        raise _REFUSALS[outcome]
    return AdmittedAgent(agent_id, tenant_id, policy)
