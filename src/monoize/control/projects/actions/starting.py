"""Starts a release on ports of the machine that nobody has.

They are claimed when a release is first planned, and held by its containers. While none of these runs, another
program may take one: then the replicas that do not run get others, and whoever leads requests there has to be told.
Deployments start releases with it, the reconciler what is missing of the one that serves.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from monoize.control.edge.house import House
from monoize.control.projects.actions import ports
from monoize.control.projects.actions.plans import plan_of
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.instances import ReleasePlan
from monoize.control.projects.model.routes import Member, members
from monoize.infra.docker import PortInUse

PORTS_TRIED_MOST: Final = 4


async def start(
    house: House, engine: Engine, plan: ReleasePlan, say: Callable[[str], Awaitable[object]]
) -> Sequence[Member]:
    """Those that answer for it, now that all its replicas were started."""
    for _ in range(PORTS_TRIED_MOST - 1):
        try:
            return members(await engine.start_release(plan))
        except PortInUse as problem:
            # A port that the service asks for by number is no other.
            if plan.config.is_host_bound:
                raise
            await say(f"{problem.message}: trying other ports")
        plan = await _on_other_ports(house, engine, plan)
    return members(await engine.start_release(plan))


async def _on_other_ports(house: House, engine: Engine, plan: ReleasePlan) -> ReleasePlan:
    running = []
    for one in await engine.release_instances(plan.service_id, plan.release_id):
        if one.running:
            running.append(one.replica)
        else:
            await engine.remove(one.container_id)
    async with house.database.write() as tx:
        await ports.give_back(tx, plan.release_id, but_of=[one for one in running if one is not None])
        return await plan_of(tx, house.seal, plan.release_id)
