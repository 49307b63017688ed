"""What tests of the books of machines work with: people on plans, their machines and agents, what those used."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from control.compute.plans import MONTH, NOW
from control.ledger.bench import Bench, caller
from sqlalchemy import insert, select, update

from monoize.base.ids import new_id
from monoize.base.principal import Call
from monoize.contract.egress import Counted, Flush, FlushTaken
from monoize.control.compute.actions import accounting, agents, egress, plans, requests, usage
from monoize.control.compute.actions.agents import AgentToken
from monoize.control.compute.actions.requests import Requested
from monoize.control.compute.actions.standings import standings_of
from monoize.control.compute.model.answers import OverageBudget
from monoize.control.compute.model.machines import ALL_METRICS, Metric, Reading
from monoize.control.compute.model.overage import NANO_PER_CENT, Standing, Usage
from monoize.control.compute.tables import agents as agents_table
from monoize.control.compute.tables import overage_budgets, plan_vps_configs, usage_notices, vps_configs, vpses
from monoize.control.compute.tables import plans as plans_table
from monoize.control.identity.tables import users

METERED: Mapping[str, frozenset[Metric]] = {"process": ALL_METRICS, "fly": frozenset({"bandwidth"})}
ONE_GB_AND_THEN_TEN_CENTS = {
    "max_bandwidth_bytes": 2**30,
    "max_cpu_ms": 3_600_000,
    "overage_bandwidth_cost_per_gb_cents": 10,
    "overage_cpu_cost_per_hour_cents": 100,
}


class ComputeBench(Bench):
    async def plan(self, **terms: Any) -> str:
        id = new_id()
        values = {"max_agents": 5, "max_vpses": 5, **ONE_GB_AND_THEN_TEN_CENTS, **terms}
        async with self.database.write() as tx:
            await tx.execute(insert(plans_table).values(id=id, name=id, **values))
        return id

    async def preset(self, plan_id: str | None = None, provider: str = "process") -> str:
        id = new_id()
        made = {"image": "sleep 60", "cpu_millicores": 500, "memory_mb": 256, "disk_gb": 1}
        async with self.database.write() as tx:
            await tx.execute(insert(vps_configs).values(id=id, name=id, provider=provider, **made))
            if plan_id:
                await tx.execute(insert(plan_vps_configs).values(plan_id=plan_id, vps_config_id=id))
        return id

    async def person(self, plan_id: str | None = None, *, cents: int = 1000, budget: int = 0) -> str:
        """On a plan, with money, and with a budget for overage."""
        id = await self.user()
        plan_id = plan_id or await self.plan()
        async with self.database.write() as tx:
            await tx.execute(update(users).where(users.c.id == id).values(plan_id=plan_id))
            if budget:
                month = {"period_start": MONTH, "budget_cents": budget}
                await tx.execute(insert(overage_budgets).values(user_id=id, **month))
        if cents:
            await self.top_up(id, cents * NANO_PER_CENT)
        return id

    async def machine(self, user_id: str, *, provider: str = "process", state: str = "running") -> str:
        id, preset = new_id(), await self.preset(provider=provider)
        row = {"id": id, "user_id": user_id, "vps_config_id": preset, "name": "m", "provider": provider}
        async with self.database.write() as tx:
            await tx.execute(insert(vpses).values(**row, state=state))
        return id

    async def agent(self, user_id: str, machine_id: str | None = None) -> AgentToken:
        async with self.audit_log.change(own(user_id)) as change:
            made = await agents.create_agent(change, self.seal, user_id, {"name": "helper"})
        if machine_id:
            async with self.database.write() as tx:
                which = agents_table.c.id == made.agent.id
                await tx.execute(update(agents_table).where(which).values(vps_id=machine_id))
        return made

    async def request(self, agent_id: str, preset_id: str, user_id: str) -> Requested:
        async with self.audit_log.change(own(user_id)) as change:
            return await requests.request_machine(change, agent_id, vps_config_id=preset_id, now=NOW)

    async def flush(
        self,
        *counted: tuple[str, str, int],
        source: str = "proxy",
        sequence: int = 1,
        month: dt.date = MONTH,
        connected: tuple[str, ...] = (),
    ) -> FlushTaken:
        """(agent, machine, bytes), half of them in each direction."""
        rows = tuple(
            Counted(agent_id, machine_id, bytes // 2, bytes - bytes // 2) for agent_id, machine_id, bytes in counted
        )
        flush = Flush(source=source, sequence=sequence, month=month, counted=rows, connected=connected)
        async with self.database.write() as tx:
            return await egress.take_flush(tx, self.seal, flush, now=NOW)

    async def read(self, readings: Mapping[str, Reading]) -> None:
        async with self.database.write() as tx:
            await accounting.take_readings(tx, self.seal, readings, METERED.__getitem__, NOW)

    async def standing(self, user_id: str, month: dt.date = MONTH) -> Standing:
        async with self.database.read() as tx:
            return (await standings_of(tx, [user_id], month))[user_id]

    async def used(self, user_id: str, month: dt.date = MONTH) -> Usage:
        return (await self.standing(user_id, month)).usage

    async def set_budget(self, user_id: str, cents: int) -> OverageBudget:
        async with self.audit_log.change(own(user_id)) as change:
            return await usage.set_budget(change, self.seal, user_id, cents, NOW)

    async def assign(self, user_id: str, plan_id: str | None) -> None:
        async with self.change() as change:
            await plans.assign(change, user_id, plan_id)

    async def charged_cents(self, user_id: str) -> int:
        """What is in the ledger."""
        rows = [row for row in await self.rows(user_id) if row.kind == "compute_overage"]
        assert all(row.delta_nano_usd % NANO_PER_CENT == 0 for row in rows)
        return -sum(row.delta_nano_usd for row in rows) // NANO_PER_CENT

    async def noticed(self, user_id: str) -> list[tuple[str, int]]:
        query = select(usage_notices.c.subject, usage_notices.c.percent).where(
            usage_notices.c.user_id == user_id, usage_notices.c.channel == "log"
        )
        async with self.database.read() as tx:
            return sorted((row.subject, row.percent) for row in await tx.execute(query))


def own(user_id: str) -> Call:
    return caller(user_id, permissions=frozenset({"self"}))
