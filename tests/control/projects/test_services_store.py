"""What is kept of services, on every database: names, ports, links and removals stay what they are said to be."""

import asyncio
import datetime as dt

import pytest

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import ports
from monoize.control.projects.errors import PortTaken, ProjectExists, ServiceExists
from monoize.control.projects.model.config import Health, Limits, Port, ServiceConfig, Volume
from monoize.control.projects.model.removals import Evidence
from monoize.control.projects.model.terms import DeployTerms
from monoize.control.projects.store import ports as port_store
from monoize.control.projects.store import projects, registries, removals, services
from monoize.infra.db import Database

FULL = ServiceConfig(
    image="ghcr.io/owner/app:1",
    command=("httpd", "-f"),
    ports=(Port(80), Port(53, host=5353, protocol="udp", bind="0.0.0.0")),
    volumes=(Volume("data", "/data", read_only=True),),
    limits=Limits(64, 0.5, 100),
    restart="on-failure",
    health=Health("http", "/healthz", timeout_s=2.5),
    replicas=3,
    stop_grace_s=7,
    deploy=DeployTerms(("true",), 1, 60),
)


@pytest.fixture
async def shop(database: Database) -> int:
    async with database.write() as tx:
        created = await projects.add(tx, "shop", None)
    return created.id


async def test_a_service_comes_back_as_it_was_put_away(database: Database, shop: int):
    async with database.write() as tx:
        plain = await services.add(tx, shop, ServiceConfig(image="app"), {"name": "plain"})
        full = await services.add(tx, shop, FULL, {"name": "full", "env": {"A": "é\n"}})

    async with database.read() as tx:
        assert (ServiceConfig(image="app"), {}) == (plain.config, plain.env)
        again = await services.get(tx, full.id)
        assert (FULL, {"A": "é\n"}, "shop") == (again.config, again.env, again.project_name)
        assert [full.id, plain.id] == [
            one.id for one in await services.page(tx, Window(10, None), project_id=shop, visible=[shop])
        ]
        assert [] == await services.page(tx, Window(10, None), visible=[])


async def test_names_are_taken_once(database: Database, shop: int):
    async with database.write() as tx:
        await services.add(tx, shop, FULL, {"name": "web"})
    with pytest.raises(ServiceExists):
        async with database.write() as tx:
            await services.add(tx, shop, FULL, {"name": "web"})
    with pytest.raises(ProjectExists):
        async with database.write() as tx:
            await projects.add(tx, "shop", None)


async def test_a_port_of_the_machine_has_one_owner_and_is_given_back_with_the_service(
    database: Database, shop: int
):
    async with database.write() as tx:
        first = await services.add(tx, shop, FULL, {"name": "first"})
        second = await services.add(tx, shop, FULL, {"name": "second"})
        await ports.claim_fixed(tx, first.id, FULL)
        claimed = await ports.claim(tx, first.id, 1, FULL)
        assert claimed == await ports.claim(tx, first.id, 1, FULL)
        other = await ports.claim(tx, second.id, 2, FULL)
    given = [port for held in (claimed, other) for replica in held.values() for port in replica.values()]
    assert 6 == len(set(given))

    with pytest.raises(PortTaken):
        async with database.write() as tx:
            await ports.claim_fixed(tx, second.id, FULL)
    async with database.write() as tx:
        await ports.give_back(tx, 2)
        await services.remove(tx, first.id)
        assert frozenset() == await port_store.taken(tx)
        await ports.claim_fixed(tx, second.id, FULL)
        assert {5353} == await port_store.taken(tx, "udp")


async def test_links_are_replaced_and_go_with_either_side(database: Database, shop: int):
    async with database.write() as tx:
        web, db, queue = [await services.add(tx, shop, FULL, {"name": name}) for name in ("web", "db", "queue")]
        await services.put_links(tx, web.id, {db.id})
        await services.put_links(tx, web.id, {db.id, queue.id})
        assert ["db", "queue"] == [one.name for one in await services.links(tx, web.id)]
        await services.remove(tx, db.id)
        assert ["queue"] == [one.name for one in await services.links(tx, web.id)]


async def test_a_registry_in_use_is_named_by_its_services(database: Database, shop: int):
    async with database.write() as tx:
        ours = await registries.add(tx, {"name": "a", "type": "ghcr", "server": "ghcr.io", "username": "u"})
        web = await services.add(tx, shop, FULL, {"name": "web", "registry_id": ours.id})
        assert [web.id] == await services.using_registry(tx, ours.id)


async def test_a_removal_is_carried_out_by_one_and_outlives_what_it_removed(database: Database, shop: int):
    now = utc_now()
    async with database.write() as tx:
        asked = await removals.add(
            tx, "project", project_id=shop, service_id=None, name="shop", with_volumes=True, by="user:root", now=now
        )
        assert asked == await removals.waiting_for(tx, project_id=shop, service_id=None)
        assert [asked.id] == await removals.due(tx, now, 10)
        assert now == await removals.next_at(tx)

    async def claim() -> bool:
        async with database.write() as tx:
            return await removals.claim(tx, asked.id, now, now + dt.timedelta(minutes=1))

    assert [False, False, True] == sorted(await asyncio.gather(claim(), claim(), claim()))
    evidence = [Evidence("network", "monoize-p1", "removed"), Evidence("volume", "data", "failed", "in use")]
    async with database.write() as tx:
        await projects.remove(tx, shop)
        await removals.change(tx, asked.id, {"state": "done", "evidence": evidence, "ended_at": now})
    async with database.read() as tx:
        done = await removals.get(tx, asked.id)
        assert ("done", evidence, 1) == (done.state, done.evidence, done.attempts)
        assert [] == await removals.due(tx, now + dt.timedelta(days=1), 10)
        assert await removals.next_at(tx) is None


async def test_what_is_seen_is_forgotten_when_nobody_can_say(database: Database, shop: int):
    async with database.write() as tx:
        web = await services.add(
            tx, shop, FULL, {"name": "web", "observed_state": "running", "health_status": "ok"}
        )
        await services.nothing_known(tx, "the container engine cannot be reached")
        seen = await services.get(tx, web.id, lock=True)
    assert ("unknown", "unknown", "the container engine cannot be reached") == (
        seen.observed_state,
        seen.health_status,
        seen.state_reason,
    )
