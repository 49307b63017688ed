"""The money of calls of tools: held, charged and written down as that of requests to models is."""

import fnmatch
from typing import Final

from monoize.contract.budgets import user_budget
from monoize.contract.events import Charged, RequestLog
from monoize.contract.gates.asked import Asked, Price
from monoize.contract.gates.costs import of_costs
from monoize.contract.gates.decision import denial
from monoize.contract.gates.windows import Account, Spender, accounts_of
from monoize.control.mcp.model.calls import Status
from monoize.control.mcp.model.sales import Sale
from monoize.gateway.govern.refusals import refusal_of
from monoize.gateway.meter import Meter
from monoize.infra.holds import Claim

KIND: Final = "mcp"
"""Of the request, in the log of requests, and of the provider, for budgets that name one."""


class MeteredTill:
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    async def hold(self, sale: Sale) -> None:
        """Whoever dies with a call under way has had it: the floor is the whole price."""
        _check_cap(sale)
        debts, nano = {user_budget(sale.user_id): sale.overdraft_nano}, sale.nano_usd
        budgets = _budgets(sale, binding=True)
        claims = [Claim(budget, nano, least=nano, overdraft=debts.get(budget, 0)) for budget in budgets]
        await self._meter.admit(_charged(sale, "started", None), claims)

    async def charge(self, sale: Sale, status: Status, latency_ms: int) -> None:
        await self._meter.finish(_charged(sale, status, latency_ms))

    async def release(self, sale: Sale) -> None:
        await self._meter.abandon(sale.call_id)


def _check_cap(sale: Sale) -> None:
    if sale.governed is None:
        return
    price = Price(sale.nano_usd, sale.nano_usd)
    denied = denial(of_costs(sale.governed.policy, Asked(model=sale.subject), price))
    if denied is not None:
        raise refusal_of(denied)


def _charged(sale: Sale, status: Status, latency_ms: int | None) -> Charged:
    return Charged(
        id=sale.call_id,
        request_id=sale.call_id,
        user_id=sale.user_id,
        at_ms=int(sale.at.timestamp() * 1000),
        charge_nano=sale.nano_usd,
        api_key_id=sale.api_key_id,
        agent_id=sale.agent_id,
        budgets=dict.fromkeys(_budgets(sale, binding=False), sale.nano_usd),
        log=RequestLog(
            model=sale.subject,
            status="success" if status == "ok" else "error",
            error_code=None if status == "ok" else f"mcp_{status}",
            duration_ms=latency_ms,
            request_ip=sale.ip,
            request_kind=KIND,
            agent_record_id=sale.governed.config_id if sale.governed else None,
        ),
    )


def _budgets(sale: Sale, *, binding: bool) -> list[str]:
    """`binding`: those that refuse, and not those that only notice."""
    own = [account.budget for account in _accounts(sale) if account.binds or not binding]
    return [*sale.budgets, *own]


def _accounts(sale: Sale) -> list[Account]:
    if sale.governed is None:
        return []
    policy, at_s = sale.governed.policy, int(sale.at.timestamp())
    spender = Spender(sale.user_id)
    found = accounts_of(
        policy.in_force("budgets_json"),
        policy.in_force("cost_policy_json"),
        sale.governed,
        spender,
        sale.subject,
        at_s,
    )
    return [each for each in found if each.provider is None or fnmatch.fnmatchcase(KIND, each.provider)]
