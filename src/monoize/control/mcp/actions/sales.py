"""Who pays for a call of a tool, and from which budgets."""

import datetime as dt

from monoize.base.clock import utc_now
from monoize.base.principal import Call, Principal
from monoize.contract.budgets import key_budget, key_day_budget, key_month_budget, user_budget
from monoize.contract.governed import Governed
from monoize.control.compute.actions import agents
from monoize.control.governance.actions.operations import quota_key
from monoize.control.identity.actions import balances
from monoize.control.mcp.actions.callers import Caller
from monoize.control.mcp.errors import McpAccountRequired
from monoize.control.mcp.model.sales import Sale
from monoize.infra.db import Tx


async def sale_of(tx: Tx, call: Call, caller: Caller, *, call_id: str, subject: str, nano_usd: int) -> Sale:
    """McpAccountRequired where nobody would pay."""
    principal, now = call.principal, utc_now()
    if principal.user_id is None:
        raise McpAccountRequired
    return Sale(
        call_id=call_id,
        subject=subject,
        nano_usd=nano_usd,
        at=now,
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
        api_key_id=principal.id if principal.kind == "api_key" else None,
        agent_id=await agents.shown_by(tx, principal),
        budgets=await _budgets(tx, principal, principal.user_id, now),
        overdraft_nano=(await balances.get_user_balance(tx, principal.user_id)).overdraft_nano_usd,
        governed=_governed(caller),
        ip=call.ip,
    )


async def _budgets(tx: Tx, principal: Principal, user_id: str, now: dt.datetime) -> list[str]:
    if principal.kind != "api_key":
        return [user_budget(user_id)]
    sub_account = await balances.find_sub_account(tx, principal.id)
    limits = await balances.get_key_limits(tx, principal.id)
    has_own = sub_account is not None and sub_account.enabled
    found = [key_budget(principal.id) if has_own else user_budget(user_id)]
    today = now.astimezone(dt.UTC).date()
    if limits.daily_nano_usd is not None:
        found.append(key_day_budget(principal.id, today))
    if limits.monthly_nano_usd is not None:
        found.append(key_month_budget(principal.id, today))
    return found


def _governed(caller: Caller) -> Governed | None:
    agent, limits = caller.agent, caller.limits
    if agent is None or limits is None:
        return None
    return Governed(
        config_id=agent.policy.config_id,
        config_version=agent.policy.config_version,
        tenant_id=agent.tenant_id,
        roles=(caller.principal.role,),
        policy=agent.policy,
        limits=limits,
        limits_key=quota_key(agent.tenant_id, agent.role_name),
    )
