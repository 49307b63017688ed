"""A person with agents on machines of a cloud, and workers that carry operations out."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fakes.cloud import ADDRESS, Cloud, Died, Rented
from sqlalchemy import insert, select, update

from monoize.base.clock import utc_now
from monoize.base.ids import fingerprint, new_id
from monoize.control.compute.actions import operations as operation_verbs
from monoize.control.compute.actions import power
from monoize.control.compute.actions.running import Runner
from monoize.control.compute.drivers.registry import Drivers
from monoize.control.compute.model.agents import token_place
from monoize.control.compute.model.machine import Machine
from monoize.control.compute.model.machines import Ways, WaysOut
from monoize.control.compute.model.operations import LEASE, Operation, OperationInSteps, OperationKind
from monoize.control.compute.model.progress import Patience
from monoize.control.compute.store import machines, operations
from monoize.control.compute.tables import agents, compute_operations, vps_configs, vpses
from monoize.control.edge.house import House
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.identity.store import users
from support.patience import PATIENCE_S

HERE = Ways("127.0.0.1:3128", "http://127.0.0.1:8080")
WAYS = WaysOut(here=HERE, outside=HERE)


async def is_well(address: str) -> str | None:
    return None


async def not_read(machine_id: str) -> None:
    """Where metering is not what is stated."""


@dataclasses.dataclass
class Site:
    """One house, one person, one cloud."""

    house: House
    cloud: Cloud
    user_id: str
    preset_id: str
    answers: Callable[[str], Awaitable[str | None]] = is_well
    last_reading: Callable[[str], Awaitable[None]] = not_read
    patience: Patience = dataclasses.field(default_factory=lambda: Patience(look_least_s=0.01))

    @property
    def drivers(self) -> Drivers:
        return Drivers([self.cloud])

    def runner(self) -> Runner:
        return Runner(self.house, self.drivers, WAYS, self.answers, new_id(), self.last_reading, self.patience)

    async def machine(self, **values: Any) -> tuple[Machine, str]:
        """A row and its agent, and nothing done about it yet."""
        agent_id, vps_id = new_id(), new_id()
        token = f"token of {agent_id}"
        async with self.house.database.write() as tx:
            machine = await machines.add(
                tx,
                id=vps_id,
                user_id=self.user_id,
                vps_config_id=self.preset_id,
                name="agent",
                provider=self.cloud.name,
                metered_at=utc_now(),
            )
            if values:
                await tx.execute(update(vpses).where(vpses.c.id == vps_id).values(**values))
                machine = await machines.get(tx, vps_id)
            row = {
                "id": agent_id,
                "user_id": self.user_id,
                "vps_id": vps_id,
                "name": "agent",
                "gateway_token": fingerprint(token),
                "gateway_token_sealed": self.house.seal.seal(token, *token_place(agent_id)),
            }
            await tx.execute(insert(agents).values(**row))
        return machine, agent_id

    async def made(self, power: Literal["running", "stopped"] = "running") -> Machine:
        """One that is there already, as its row says."""
        provider_id = new_id()
        machine, _ = await self.machine(
            state=power, desired=power, observed=power, provider_vm_id=provider_id, address=ADDRESS
        )
        self.cloud.machines[provider_id] = Rented(provider_id, machine.id, power)
        return machine

    async def begin(self, kind: OperationKind, machine_id: str) -> Operation:
        async with self.house.database.write() as tx:
            machine = await machines.get(tx, machine_id, lock=True)
            now = utc_now()
            if kind == "create":
                return await operation_verbs.begin(
                    tx, kind, machine, agent_id=None, requested_by="user:alice", now=now
                )
            begun = await power.wish(tx, machine, kind, requested_by="user:alice", now=now)
        assert begun is not None
        return begun

    async def take(self, operation: Operation, runner: Runner) -> bool:
        now = utc_now()
        async with self.house.database.write() as tx:
            return await operations.take(tx, operation.id, runner.owner, now=now, until=now + LEASE)

    async def carry_out(self, operation: Operation) -> OperationInSteps:
        """By one worker after the other, each of which may die, until it has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while (now := await self.read(operation.id)).is_open:
                runner = self.runner()
                await self.is_due(operation.id)
                assert await self.take(operation, runner)
                with contextlib.suppress(Died):
                    await runner.run(operation.id, operation.vps_id)
        return now

    async def is_due(self, operation_id: str) -> None:
        """The pause that it was put off for is over."""
        async with self.house.database.write() as tx:
            mine = update(compute_operations).where(compute_operations.c.id == operation_id)
            await tx.execute(mine.values(due_at=utc_now() - dt.timedelta(seconds=1)))

    async def read(self, operation_id: str) -> OperationInSteps:
        async with self.house.database.read() as tx:
            return await operations.in_steps(tx, operation_id)

    async def operations_of(self, machine_id: str) -> list[tuple[str, str]]:
        """(kind, state) of each, the oldest first."""
        mine = compute_operations.c
        async with self.house.database.read() as tx:
            query = select(mine.kind, mine.state).where(mine.vps_id == machine_id).order_by(mine.id)
            return [(row.kind, row.state) for row in await tx.execute(query)]

    async def stored(self, machine_id: str) -> Machine:
        async with self.house.database.read() as tx:
            return await machines.get(tx, machine_id)

    async def agent_machine(self, agent_id: str) -> str | None:
        async with self.house.database.read() as tx:
            found: str | None = await tx.scalar(select(agents.c.vps_id).where(agents.c.id == agent_id))
            return found


async def make_site(house: House, cloud: Cloud) -> Site:
    preset_id, user_id = new_id(), new_id()
    async with house.database.write() as tx:
        row = {"name": f"small-{preset_id}", "provider": cloud.name, "image": "agent:1"}
        sizes = {"cpu_millicores": 500, "memory_mb": 256, "disk_gb": 1}
        await tx.execute(insert(vps_configs).values(id=preset_id, **row, **sizes))
        name = f"u_{user_id[-12:]}"
        await users.add(tx, id=user_id, tenant_id=DEFAULT_TENANT_ID, username=name, role="user")
    return Site(house, cloud, user_id, preset_id)
