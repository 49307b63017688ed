"""An agent on a machine that runs, as far as the books know, and somebody whose it is."""

from typing import NamedTuple

from sqlalchemy import insert, update

from monoize.base.ids import new_id
from monoize.control.compute.tables import agents as agents_table
from monoize.control.compute.tables import plans, vps_configs, vpses
from monoize.control.identity.tables import users
from support.agent_on_machine import Agent, standing_agent
from support.house import Client, RunningHouse


class Reach(NamedTuple):
    house: RunningHouse
    owner: Client
    agent: Agent
    agent_id: str
    machine_id: str
    token: str

    @property
    def path(self) -> str:
        return f"/api/agents/{self.agent_id}"


async def reached_agent(house: RunningHouse, root: Client, username: str | None = None) -> Reach:
    agent, address = standing_agent()
    agent.heard.clear()
    owner = await house.make_user(root, username)
    plan, preset, machine = new_id(), new_id(), new_id()
    made = {"image": "none", "cpu_millicores": 100, "memory_mb": 64, "disk_gb": 1, "provider": "fly"}
    async with house.house.database.write() as tx:
        await tx.execute(insert(plans).values(id=plan, name=plan, max_agents=1, max_vpses=1))
        await tx.execute(insert(vps_configs).values(id=preset, name=preset, **made))
        await tx.execute(update(users).where(users.c.id == owner.user["id"]).values(plan_id=plan))
    created = (await owner.post("/api/agents", json={"name": "helper"})).json()
    row = {"id": machine, "user_id": owner.user["id"], "vps_config_id": preset, "name": "m", "provider": "fly"}
    async with house.house.database.write() as tx:
        await tx.execute(insert(vpses).values(**row, state="running", address=address))
        of_agent = agents_table.c.id == created["agent"]["id"]
        await tx.execute(update(agents_table).where(of_agent).values(vps_id=machine))
    return Reach(house, owner, agent, created["agent"]["id"], machine, created["gateway_token"])
