"""Channels reach the machine of their agent on every engine: each change, again after a crash, and nobody else."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
from control.compute.bench import ComputeBench, own
from fakes.cloud import Cloud
from sqlalchemy import case, insert, select, update
from support.agent_on_machine import Agent, standing_agent
from support.house import RunningHouse
from support.patience import PATIENCE_S
from support.rows import last_seq, logs_after
from support.site import make_site

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.compute.actions import channels
from monoize.control.compute.actions import deliveries as delivering
from monoize.control.compute.actions.channels import AgentChannels
from monoize.control.compute.actions.deliveries import Deliverer
from monoize.control.compute.drivers.agent_gateway import AgentGateways
from monoize.control.compute.model.deliveries import LEASE, REFUSED, SILENT, UNREADABLE
from monoize.control.compute.store import deliveries
from monoize.control.compute.tables import (
    agent_channel_deliveries,
    agent_channels,
    compute_operations,
    vpses,
)
from monoize.control.compute.tables import agents as agents_table

SOON: Final = dt.timedelta(seconds=1)
LATER: Final = dt.timedelta(hours=1)


@dataclasses.dataclass
class Place:
    books: ComputeBench
    agent: Agent
    user_id: str
    agent_id: str
    machine_id: str
    token: str
    deliverer: Deliverer

    async def put(self, kind: Any = "slack", secret: str | None = None, **credentials: str) -> None:
        async with self.books.audit_log.change(own(self.user_id)) as change:
            await channels.set_channel(
                change, self.books.seal, self.agent_id, kind, credentials, secret, now=utc_now()
            )

    async def drop(self, kind: str = "slack") -> None:
        async with self.books.audit_log.change(own(self.user_id)) as change:
            await channels.remove_channel(change, self.books.seal, self.agent_id, kind, now=utc_now())

    async def listed(self) -> AgentChannels:
        async with self.books.database.read() as tx:
            return await channels.list_channels(tx, self.books.seal, own(self.user_id).principal, self.agent_id)

    async def told(self) -> list[tuple[str, bool, str | None]]:
        return [(each.kind, each.delivered, each.problem) for each in (await self.listed()).items]

    async def change(self, table: Any, **values: Any) -> None:
        async with self.books.database.write() as tx:
            await tx.execute(update(table).values(**values))

    async def passes(self) -> None:
        """So much time that every pause and every lease is over."""
        columns = agent_channel_deliveries.c
        over = {
            column: case((column.is_not(None), utc_now() - SOON))
            for column in (columns.due_at, columns.lease_until)
        }
        async with self.books.database.write() as tx:
            mine = update(agent_channel_deliveries).where(columns.agent_id == self.agent_id)
            await tx.execute(mine.values(over))

    async def due(self, after: dt.timedelta = dt.timedelta()) -> list[str]:
        async with self.books.database.read() as tx:
            return list(await deliveries.due(tx, utc_now() + after, most=10))

    @property
    def patches(self) -> list[Any]:
        return [asked["params"]["patch"]["channels"] for asked in self.agent.heard]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def placed(books: ComputeBench) -> AsyncIterator[Place]:
    agent, address = standing_agent()
    agent.heard.clear()
    agent.is_sulking = False
    agent.answers.set()
    user_id = await books.person()
    machine = await books.machine(user_id)
    made = await books.agent(user_id, machine)
    gateways = AgentGateways()
    deliverer = Deliverer(books.database, books.seal, gateways)
    place = Place(books, agent, user_id, made.agent.id, machine, made.gateway_token, deliverer)
    await place.change(vpses, address=address)
    yield place
    agent.answers.set()
    await deliverer.stop()
    await gateways.close()


@pytest.fixture
async def place(books: ComputeBench) -> AsyncIterator[Place]:
    """Once for each engine."""
    async with placed(books) as found:
        yield found


@pytest.fixture
async def sqlite_place(sqlite_books: ComputeBench) -> AsyncIterator[Place]:
    async with placed(sqlite_books) as found:
        yield found


async def test_what_is_set_replaced_and_removed_reaches_the_machine_and_is_then_done(place: Place):
    await place.put(bot="1", app="2", secret="3")
    await place.put("web", page="4")
    assert [("slack", False, None), ("web", False, None)] == await place.told()
    assert [place.agent_id] == await place.due()
    await place.deliverer.deliver(place.agent_id)
    assert [("slack", True, None), ("web", True, None)] == await place.told()
    assert [] == await place.due(LATER)

    await place.put(bot="5")
    await place.drop("web")
    assert [("web", None)] == [(each.kind, each.problem) for each in (await place.listed()).removing]
    await place.deliverer.deliver(place.agent_id)

    assert [
        {"slack": {"bot": "1", "app": "2", "webhook_secret": "3"}, "web": {"page": "4"}},
        {"slack": {"bot": "5", "app": None, "webhook_secret": None}, "web": None},
    ] == place.patches
    assert {("config.patch", f"Bearer {place.token}")} == {
        (asked["method"], asked["authorization"]) for asked in place.agent.heard
    }
    assert ([("slack", True, None)], ()) == (await place.told(), tuple((await place.listed()).removing))
    async with place.books.database.read() as tx:
        assert ["slack"] == [each.kind for each in await deliveries.of_agent(tx, place.agent_id)]


async def test_what_changes_while_the_machine_is_told_is_told_after_it(place: Place):
    """And never before: nobody else tells the same channel meanwhile."""
    await place.put(bot="old")
    place.agent.answers.clear()
    telling = asyncio.get_running_loop().create_task(place.deliverer.deliver(place.agent_id))
    await until(lambda: bool(place.agent.heard))
    await place.put(bot="new")
    assert [] == await place.due()
    await place.deliverer.deliver(place.agent_id)
    place.agent.answers.set()
    await telling

    assert [("slack", False, None)] == await place.told()
    assert [place.agent_id] == await place.due()
    await place.deliverer.deliver(place.agent_id)
    assert [{"slack": {"bot": "old"}}, {"slack": {"bot": "new"}}] == place.patches
    assert [("slack", True, None)] == await place.told()


async def test_who_dies_between_telling_and_writing_it_down_has_it_told_again(place: Place):
    await place.put(bot="1")
    place.agent.answers.clear()
    telling = asyncio.get_running_loop().create_task(place.deliverer.deliver(place.agent_id))
    await until(lambda: bool(place.agent.heard))
    async with place.books.database.read() as tx:
        left = (await tx.execute(select(agent_channel_deliveries))).one()._mapping
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    place.agent.answers.set()
    # What a process that is killed leaves behind: nothing that is tidied up on the way out.
    await place.change(agent_channel_deliveries, **left)

    assert [] == await place.due()
    assert [place.agent_id] == await place.due(LEASE + SOON)
    await place.passes()
    await place.deliverer.deliver(place.agent_id)
    assert [{"slack": {"bot": "1"}}] * 2 == place.patches
    assert [("slack", True, None)] == await place.told()


async def test_of_many_that_would_tell_one_does(place: Place):
    await place.put(bot="1")
    gateways = AgentGateways()
    others = [Deliverer(place.books.database, place.books.seal, gateways) for _ in range(8)]

    await asyncio.gather(*(other.deliver(place.agent_id) for other in others))

    await gateways.close()
    assert [{"slack": {"bot": "1"}}] == place.patches


async def test_a_change_is_never_lost_among_changes_and_tellings(place: Place):
    async def tell() -> None:
        for _ in range(6):
            await place.passes()
            await place.deliverer.deliver(place.agent_id)

    async def edit() -> None:
        for number in range(8):
            await place.put(bot=str(number))

    await asyncio.gather(tell(), edit(), tell())
    await place.passes()
    await place.deliverer.deliver(place.agent_id)

    assert {"bot": "7"} == place.patches[-1]["slack"]
    assert [("slack", True, None)] == await place.told()


async def test_an_agent_that_is_away_is_told_when_it_is_back(sqlite_place: Place):
    place = sqlite_place
    _, address = standing_agent()
    await place.change(vpses, address="127.0.0.1:9")
    await place.put(bot="1")

    await place.deliverer.deliver(place.agent_id)
    assert [("slack", False, SILENT)] == await place.told()
    assert ([], [place.agent_id]) == (await place.due(), await place.due(dt.timedelta(seconds=6)))
    await place.passes()
    await place.deliverer.deliver(place.agent_id)
    assert ([], [place.agent_id]) == (
        await place.due(dt.timedelta(seconds=6)),
        await place.due(dt.timedelta(seconds=11)),
    )
    await place.change(vpses, address=address)
    await place.passes()
    await place.deliverer.deliver(place.agent_id)
    assert [("slack", True, None)] == await place.told()


async def test_no_secret_is_in_audit_problems_or_the_database(sqlite_place: Place):
    """Not even when the agent repeats what it was told."""
    place = sqlite_place
    before = await last_seq(place.books.database)
    place.agent.is_sulking = True
    await place.put(bot="very-secret", secret="very-secret")

    await place.deliverer.deliver(place.agent_id)

    assert [("slack", False, REFUSED)] == await place.told()
    written = await logs_after(place.books.database, before)
    assert ["agent.channel_set"] == [row.action for row in written]
    async with place.books.database.read() as tx:
        stored = [list(await tx.execute(select(table))) for table in (agent_channels, agent_channel_deliveries)]
    assert "very-secret" in json.dumps(place.agent.heard)
    assert "very-secret" not in repr([written, stored, await place.listed()])


async def test_what_was_sealed_for_somebody_else_is_not_told_and_can_be_set_anew(sqlite_place: Place):
    place = sqlite_place
    await place.put(bot="1")
    await place.change(agent_channels, credentials=place.books.seal.seal("{}", "elsewhere"))

    await place.deliverer.deliver(place.agent_id)
    async with place.books.database.read() as tx:
        assert [UNREADABLE] == [each.problem for each in await deliveries.of_agent(tx, place.agent_id)]
    assert [] == place.patches
    await place.put(bot="2")
    await place.deliverer.deliver(place.agent_id)
    assert [{"slack": {"bot": "2"}}] == place.patches


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (vpses, {"state": "stopped"}),
        (vpses, {"desired": "stopped"}),
        (vpses, {"state": "provisioning"}),
        (vpses, {"address": None}),
        (agents_table, {"enabled": False}),
        (agents_table, {"vps_id": None}),
    ],
)
async def test_who_cannot_be_told_waits_and_nobody_tries(sqlite_place: Place, table: Any, values: dict[str, Any]):
    place = sqlite_place
    await place.put(bot="1")
    await place.change(table, **values)

    assert [] == await place.due(LATER)
    await place.deliverer.deliver(place.agent_id)
    assert [] == place.patches
    [(_, delivered, problem)] = await place.told()
    assert not delivered and (problem is not None or "address" in values)


async def test_while_a_machine_is_moved_its_agent_is_left_alone(sqlite_place: Place):
    place = sqlite_place
    await place.put(bot="1")
    moves = {"kind": "restart", "requested_by": "system:monoize", "due_at": utc_now(), "deadline": utc_now()}
    row = {"id": new_id(), "vps_id": place.machine_id, "user_id": place.user_id, "open_vps_id": place.machine_id}
    async with place.books.database.write() as tx:
        await tx.execute(insert(compute_operations).values(**row, **moves))
    assert [] == await place.due()
    await place.change(compute_operations, open_vps_id=None, state="done")
    assert [place.agent_id] == await place.due()


async def test_the_clock_has_so_many_told_at_once_and_the_rest_after_them(sqlite_place: Place):
    place = sqlite_place
    plan = await place.books.plan(max_agents=40)
    await place.books.assign(place.user_id, plan)
    everybody = {place.agent_id}
    for _ in range(delivering.AT_ONCE_MOST + 3):
        made = await place.books.agent(place.user_id, await place.books.machine(place.user_id))
        everybody.add(made.agent.id)
    await place.change(vpses, address=standing_agent()[1])
    for agent_id in sorted(everybody):
        place.agent_id = agent_id
        await place.put(bot=agent_id)
    place.agent.answers.clear()

    for _ in range(3):
        await place.deliverer.run()
    await until(lambda: len(place.agent.heard) == delivering.AT_ONCE_MOST)
    await place.deliverer.run()
    assert delivering.AT_ONCE_MOST == len(place.agent.heard)
    place.agent.answers.set()
    async with asyncio.timeout(PATIENCE_S):
        while len(place.agent.heard) < len(everybody):
            await place.deliverer.run()
            await asyncio.sleep(0.01)
    assert everybody == {patch["slack"]["bot"] for patch in place.patches}


async def test_one_that_is_stopped_while_it_tells_leaves_it_to_the_next(sqlite_place: Place):
    place = sqlite_place
    await place.put(bot="1")
    place.agent.answers.clear()
    await place.deliverer.run()
    await until(lambda: bool(place.agent.heard))

    await place.deliverer.stop()

    assert [place.agent_id] == await place.due(dt.timedelta(seconds=6))
    assert [("slack", False, None)] == await place.told()


@pytest.mark.parametrize("kind", ["create", "start", "restart", "update", "stop"])
async def test_whenever_its_machine_came_up_all_is_told_again(house: RunningHouse, kind: Any):
    site = await make_site(house.house, Cloud())
    if kind == "create":
        machine, agent_id = await site.machine()
    else:
        machine = await site.made("stopped" if kind == "start" else "running")
        async with house.house.database.read() as tx:
            agent_id = await tx.scalar(select(agents_table.c.id).where(agents_table.c.vps_id == machine.id))
    wanted: list[tuple[Any, dict[str, str]]] = [("slack", {"bot": "1"}), ("web", {"page": "1"})]
    for channel, credentials in wanted:
        async with house.house.audit_log.change(own(site.user_id)) as change:
            seal = house.house.seal
            await channels.set_channel(change, seal, agent_id, channel, credentials, None, now=utc_now())
    async with house.house.database.write() as tx:
        await tx.execute(
            update(agent_channel_deliveries).values(due_at=None, delivered_at=utc_now(), problem="old")
        )
        # One that nobody wrote down is found as well.
        mine = agent_channel_deliveries.c
        await tx.execute(agent_channel_deliveries.delete().where(mine.kind == "web"))

    ended = await site.carry_out(await site.begin(kind, machine.id))

    assert "done" == ended.state
    async with house.house.database.read() as tx:
        found = [(each.kind, each.is_done, each.problem) for each in await deliveries.of_agent(tx, agent_id)]
        due = await deliveries.due(tx, utc_now(), most=5)
    if kind == "stop":
        assert ([("slack", True, "old")], []) == (found, due)
    else:
        assert ([("slack", False, None), ("web", False, None)], [agent_id]) == (found, due)


async def test_a_new_machine_knows_nothing_from_the_moment_it_is_asked_for(sqlite_place: Place):
    place = sqlite_place
    await place.put(bot="1")
    await place.deliverer.deliver(place.agent_id)
    await place.change(agents_table, vps_id=None)
    plan = await place.books.plan()
    await place.books.assign(place.user_id, plan)
    await place.books.request(place.agent_id, await place.books.preset(plan), place.user_id)

    assert [("slack", False, "the agent's machine does not run")] == await place.told()
