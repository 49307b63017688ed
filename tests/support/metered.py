"""A database with agents on machines that run, so that a real control plane lets them out and counts what they use.

The machines are of a provider that is not set up: nobody asks it, so they stay as they are written here.
"""

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import insert, update

from monoize.base.ids import new_id
from monoize.control.compute.actions import agents
from monoize.control.compute.tables import agents as agents_table
from monoize.control.compute.tables import plans, vps_configs, vpses
from monoize.control.edge.house import House
from monoize.control.identity.actions import first_account
from monoize.control.identity.actions import plans as users_plans
from monoize.control.identity.actions.users import NewUser
from monoize.infra.settings import Settings
from monoize.main.house import open_house

PROVIDER: Final = "fly"
PLAN: Final = new_id()
PRESET: Final = new_id()
MADE: Final = {"provider": PROVIDER, "image": "none", "cpu_millicores": 1000, "memory_mb": 256, "disk_gb": 1}
TERMS: Final = {"max_agents": 1000, "max_vpses": 1000, "max_bandwidth_bytes": 2**50}


async def metered_agents(settings: Settings, count: int) -> list[str]:
    """The credential of each, as in the address of its proxy."""
    async with open_house(settings) as (house, _):
        new = NewUser(username="root", email="root@example.com", password_hash="none")
        async with house.audit_log.change(first_account.system_call()) as change:
            root = await first_account.create_first_account(change, new, link=None)
        async with house.database.write() as tx:
            await tx.execute(insert(plans).values(id=PLAN, name="of the test", **TERMS))
            await tx.execute(insert(vps_configs).values(id=PRESET, name="of the test", **MADE))
            await users_plans.put_on_plan(tx, root.id, PLAN)
        return [await _agent(house, root.id, number) for number in range(count)]


async def _agent(house: House, user_id: str, number: int) -> str:
    async with house.audit_log.change(first_account.system_call()) as change:
        made = await agents.create_agent(change, house.seal, user_id, {"name": f"agent {number}"})
    machine_id = new_id()
    async with house.database.write() as tx:
        row = {"id": machine_id, "user_id": user_id, "vps_config_id": PRESET, "name": f"machine {number}"}
        await tx.execute(insert(vpses).values(**row, provider=PROVIDER, state="running"))
        of_agent = agents_table.c.id == made.agent.id
        await tx.execute(update(agents_table).where(of_agent).values(vps_id=machine_id))
    return f"{made.agent.id}:{made.gateway_token}"


def bandwidth(file: Path) -> int:
    """What all machines together have used, as the database knows it."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        return int(
            database.execute("SELECT coalesce(sum(bandwidth_bytes), 0) FROM vps_usage_periods").fetchone()[0]
        )
