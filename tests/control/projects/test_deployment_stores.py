"""Deployments and builds as the database keeps them, on every engine: one at work, one that waits, one worker."""

import asyncio
import datetime as dt

import pytest
from support.rows import every_row

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Window
from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.model.deployments import Deployment
from monoize.control.projects.model.services import Service
from monoize.control.projects.store import (
    builds,
    deployments,
    operation_lines,
    projects,
    releases,
    services,
    sources,
)
from monoize.infra.db import Database

SOON = dt.timedelta(seconds=30)
RELEASE = {
    "image": "app:1",
    "image_id": "sha256:" + "0" * 64,
    "repo_digest": None,
    "config": {"image": "app:1"},
    "config_hash": "0" * 64,
    "env_sealed": "sealed",
    "secret_versions": {"KEY": 1},
}


@pytest.fixture
async def service(database: Database) -> Service:
    async with database.write() as tx:
        project = await projects.add(tx, "shop", None)
        return await services.add(tx, project.id, ServiceConfig("app:1"), {"name": "web"})


async def add(database: Database, service: Service, *, waits: bool = False) -> Deployment:
    async with database.write() as tx:
        values = deployments.new(
            service,
            kind="deploy",
            image="app:1",
            release_id=None,
            build_id=None,
            reason=None,
            requested_by="user:root",
            waits=waits,
        )
        return await deployments.add(tx, values)


async def claim(database: Database, owner: str, *, ago: dt.timedelta = -SOON) -> Deployment | None:
    """With a lease that ended so long ago, or ends in a while."""
    async with database.write() as tx:
        return await deployments.claim(tx, owner, now=utc_now(), until=utc_now() - ago)


async def test_of_many_workers_one_gets_a_deployment(database: Database, service: Service):
    await add(database, service)
    claimed = await asyncio.gather(*(claim(database, f"worker-{n}") for n in range(8)))
    assert 1 == sum(one is not None for one in claimed)


async def test_a_service_has_one_deployment_under_way_and_one_that_waits(database: Database, service: Service):
    await add(database, service)
    waiting = await add(database, service, waits=True)
    for waits in (False, True):
        with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
            await add(database, service, waits=waits)
    taken = await claim(database, "worker")
    assert taken is not None and taken.id != waiting.id
    assert await claim(database, "worker") is None


async def test_a_lease_that_ran_out_is_taken_over_and_counted_and_its_former_owner_changes_nothing(
    database: Database, service: Service
):
    await add(database, service)
    first = await claim(database, "died", ago=SOON)
    second = await claim(database, "lives")
    assert first is not None and second is not None
    assert (0, 1) == (first.takeovers, second.takeovers)

    before = await every_row(database)
    async with database.write() as tx:
        assert not await deployments.change(tx, first.id, "died", {"status": "live"})
        assert await deployments.renew(tx, first.id, "died", utc_now()) is None
        assert not await deployments.finish(tx, first.id, "died", {"status": "live"}, utc_now())
    assert before == await every_row(database)
    async with database.write() as tx:
        # The same values once more are no loss either, whatever an engine counts as a changed row.
        until = utc_now()
        assert await deployments.renew(tx, first.id, "lives", until)
        assert await deployments.renew(tx, first.id, "lives", until)


async def test_putting_off_is_no_takeover(database: Database, service: Service):
    async with database.read() as tx:
        assert await deployments.next_at(tx) is None
    await add(database, service)
    async with database.read() as tx:
        new_at = await deployments.next_at(tx)
        assert new_at is not None and new_at <= utc_now()
    taken = await claim(database, "worker")
    assert taken is not None
    async with database.write() as tx:
        await deployments.put_off(tx, taken.id, "worker", until=(later := utc_now() + SOON), attempts=3)
        assert later == await deployments.next_at(tx)
    assert await claim(database, "another") is None
    async with database.write() as tx:
        await deployments.put_off(tx, taken.id, "worker", until=utc_now(), attempts=3)
        assert not await deployments.change(tx, taken.id, "worker", {"attempts": 9})


async def test_when_one_ends_the_one_that_waits_is_next(database: Database, service: Service):
    first, waiting = await add(database, service), await add(database, service, waits=True)
    await claim(database, "worker")
    async with database.write() as tx:
        assert await deployments.finish(tx, first.id, "worker", {"status": "live"}, utc_now())
        await deployments.promote(tx, service.id)
    taken = await claim(database, "worker")
    assert taken is not None and (waiting.id, False) == (taken.id, taken.waits)
    await add(database, service, waits=True)


async def test_releases_are_numbered_by_service_and_what_they_are_made_of_is_kept(
    database: Database, service: Service
):
    async with database.write() as tx:
        for _ in range(3):
            await releases.add(tx, service.id, RELEASE)
    async with database.write() as tx:
        newest = await releases.newest(tx, service.id)
        await releases.became(tx, newest[0].id, {"proven_at": utc_now()})
        await releases.pruned(tx, [newest[1].id, newest[2].id], utc_now())
        page = await releases.page(tx, service.id, Window(1, "3"))
        found = await releases.numbered(tx, service.id, 3)
        assert "sealed" == await releases.env_sealed(tx, found.id)
    assert [3, 2, 1] == [one.number for one in newest]
    assert [2, 1] == [one.number for one in page]
    assert ({"KEY": 1}, {"image": "app:1"}) == (found.secret_versions, found.config)
    assert found.proven_at is not None and found.pruned_at is None


async def build(database: Database, service: Service, **changes: object) -> int:
    values = {
        "project_id": service.project_id,
        "service_id": service.id,
        "repository": "https://git.example.com/a",
        "ref": "main",
        "context": ".",
        "dockerfile": "Dockerfile",
        "build_args": {"A": "b"},
        "deploys": True,
        **changes,
    }
    async with database.write() as tx:
        return (await builds.add(tx, values)).id


async def take(database: Database, id: int, owner: str, lasts: dt.timedelta = SOON) -> bool:
    async with database.read() as tx:
        found = await builds.get(tx, id)
    async with database.write() as tx:
        return await builds.take(tx, found, owner, now=utc_now(), until=utc_now() + lasts)


async def test_one_builder_gets_a_build_and_a_service_has_one_at_work(database: Database, service: Service):
    first, second = await build(database, service), await build(database, service)
    taken = await asyncio.gather(*(take(database, first, f"builder-{n}") for n in range(4)))
    assert 1 == sum(taken)
    assert not await take(database, second, "builder")


async def test_a_build_left_behind_is_begun_anew(database: Database, service: Service):
    left = await build(database, service)
    assert await take(database, left, "died", -SOON)
    async with database.read() as tx:
        assert [left] == [one.id for one in await builds.due(tx, utc_now())]
    assert await take(database, left, "lives")
    async with database.write() as tx:
        assert not await builds.finish(tx, left, "died", {"status": "failed"}, utc_now())
        assert await builds.finish(tx, left, "lives", {"status": "success"}, utc_now())
        assert (1, "success") == ((done := await builds.get(tx, left)).takeovers, done.status)
        assert [] == list(await builds.due(tx, utc_now()))


async def test_a_newer_build_takes_the_place_of_those_that_have_not_begun(database: Database, service: Service):
    at_work, waits = await build(database, service), await build(database, service)
    await take(database, at_work, "builder")
    async with database.write() as tx:
        await builds.supersede(tx, service.id, utc_now())
        assert ["running", "cancelled"] == [(await builds.get(tx, id)).status for id in (at_work, waits)]


async def test_a_delivery_is_kept_once(database: Database, service: Service):
    values = {"event": "push", "outcome": "accepted"}
    async with database.write() as tx:
        assert await sources.add_delivery(tx, service.project_id, "d-1", values)
    with pytest.raises(AssertionError):
        async with database.write() as tx:
            assert await sources.add_delivery(tx, service.project_id, "d-1", values)
    async with database.write() as tx:
        assert await sources.delivered(tx, service.project_id, "d-1")
        await sources.forget_deliveries(tx, utc_now() + SOON)
        assert await sources.delivered(tx, service.project_id, "d-1") is None


async def test_lines_stay_in_order_and_go_with_their_time(database: Database, service: Service):
    asked = await add(database, service)
    async with database.write() as tx:
        await operation_lines.add(tx, "deployment_id", asked.id, "said", [f"line {n}" for n in range(300)])
        await operation_lines.add(tx, "deployment_id", asked.id, "state", ["nul \x00 lone \ud800", "x" * 9_000])
        found = await operation_lines.after(tx, "deployment_id", asked.id, 0, 1_000)
        later = await operation_lines.after(tx, "deployment_id", asked.id, found[-2].id, 10)
        assert [f"line {n}" for n in range(300)] == [one.line for one in found[:300]]
        assert ["nul  lone ?", "x" * operation_lines.LINE_CHARS_MOST] == [one.line for one in found[300:]]
        assert [found[-1].id] == [one.id for one in later]
        await operation_lines.forget(tx, utc_now() + SOON)
        assert 0 == await operation_lines.count(tx, "deployment_id", asked.id)
