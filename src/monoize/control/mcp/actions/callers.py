"""Which agent record governs a caller: that of the agent whose key it shows, or one that a program names.

A program that runs agents (a token that may check operations) says with each request for whom it speaks, as it
does everywhere else. Anybody else is who they are; nobody can shake off a record by naming another one.
"""

import dataclasses
import math
from typing import Final

from monoize.base.clock import utc_now
from monoize.base.principal import Principal
from monoize.base.quotas import Quota
from monoize.contract.limits import REQUEST, Act, Limits
from monoize.contract.policies.effective import EffectivePolicy
from monoize.control.compute.actions.agents import record_of_key
from monoize.control.governance.actions import operations
from monoize.control.governance.actions.admission import AdmittedAgent, admitted
from monoize.control.governance.actions.limits import limits_in_force
from monoize.control.governance.errors import LimitReached
from monoize.control.governance.model.approvals import requester_of
from monoize.control.mcp.errors import McpServiceNotAllowed
from monoize.infra.db import Tx
from monoize.infra.quotas import Quotas, Reached

UNGOVERNED_COUNTER: Final = "mcp_calls_per_minute"
UNGOVERNED_PER_MINUTE: Final = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the agent in whose name; `limits` are those of the agent's role."""

    principal: Principal
    agent: AdmittedAgent | None
    limits: Limits | None

    @property
    def policy(self) -> EffectivePolicy | None:
        return None if self.agent is None else self.agent.policy

    @property
    def agent_id(self) -> str | None:
        return None if self.agent is None else self.agent.id


async def caller_of(tx: Tx, principal: Principal, named: str | None) -> Caller:
    """`named`: the record that the request names. Refuses as `admission` does, closed."""
    record_id = await _record_of(tx, principal, named)
    if record_id is None:
        return Caller(principal, None, None)
    agent = await admitted(tx, record_id, principal)
    return Caller(principal, agent, await limits_in_force(tx, agent.tenant_id, agent.role_name, utc_now()))


async def count(quotas: Quotas, caller: Caller, subject: str) -> None:
    """A call of a tool is a request of the agent, and is counted with all its others."""
    if caller.agent is None or caller.limits is None:
        await _count_ungoverned(quotas, caller.principal)
        return
    act = Act(operation=REQUEST, tool=subject)
    await operations.check(quotas, caller.agent.tenant_id, caller.agent.role_name, caller.limits, act)


async def _count_ungoverned(quotas: Quotas, principal: Principal) -> None:
    quota = Quota(UNGOVERNED_COUNTER, "minute", UNGOVERNED_PER_MINUTE, 1)
    answer = await quotas.take(f"mcp:{requester_of(principal)}", (quota,))
    if isinstance(answer, Reached):
        raise LimitReached(
            retry_after_s=max(1, math.ceil((answer.resets_at_ms - answer.at_ms) / 1000)),
            counter=quota.counter,
            limit=quota.most,
            used=answer.used,
            window=quota.window,
        )


async def _record_of(tx: Tx, principal: Principal, named: str | None) -> str | None:
    own = await record_of_key(tx, principal.id) if principal.kind == "api_key" else None
    if named is None or named == own:
        return own
    if own is not None or not principal.may("operations.check"):
        raise McpServiceNotAllowed("You cannot speak for this agent.")
    return named
