"""Deployments, by our worker and a real engine: what serves goes on serving until what follows it is proven."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from support.deployments import Yard, config, open_yard
from support.docker_engine import DockerEngine

from monoize.base.clock import utc_now
from monoize.control.projects.errors import DeploymentOver, ReleaseNotKept
from monoize.control.projects.model.config import Health, Volume
from monoize.control.projects.model.terms import DeployTerms
from monoize.control.projects.store import deployments as deployment_store
from monoize.control.projects.store import releases, services
from monoize.control.projects.tables import deployments, published_ports
from monoize.infra.audit_log import logs


@pytest.fixture
async def yard(sqlite: str, tmp_path: Path, docker_engine: DockerEngine) -> AsyncIterator[Yard]:
    async with open_yard(sqlite, tmp_path, docker_engine.url) as opened:
        yield opened


async def test_a_new_service_is_live_and_a_redeploy_leaves_only_the_new_release(yard: Yard):
    service = await yard.service(config("app:1"))

    await yard.live(service)
    assert {"1"} == await yard.serves(service)

    await yard.asks(service, "app:2")
    second = await yard.live(service)
    assert {"2"} == await yard.serves(service)
    assert [second.release_id] == [one.release_id for one in await yard.containers(service)]


async def test_where_nothing_served_before_nothing_is_drained(yard: Yard):
    """It would not be over within the time that is waited for it."""
    service = await yard.service(config("app:1", deploy=DeployTerms(drain_s=600)))

    await yard.live(service)


async def test_a_release_that_does_not_answer_fails_and_says_what_was_seen(yard: Yard):
    service = await yard.service(config("app:1"))
    await yard.live(service)
    sick = config("app:2", command=("sh", "-c", "echo no such table; sleep 60"), health=Health(within_s=1))
    await yard.configures(service, sick)
    await yard.asks(service)

    failed = await yard.finished(service)

    assert ("failed", "probe_failed") == (failed.status, failed.error_code)
    assert failed.evidence is not None
    assert "no such table" in failed.evidence["log_tail"]
    assert failed.evidence["url"].startswith("tcp://127.0.0.1:")
    assert {"1"} == await yard.serves(service)
    assert [failed.previous_release_id] == [one.release_id for one in await yard.containers(service)]


async def test_an_image_that_is_nowhere_fails_before_anything_is_touched(yard: Yard):
    service = await yard.service(config("app:1"))
    await yard.live(service)
    before = [one.container_id for one in await yard.containers(service)]
    await yard.asks(service, "127.0.0.1:1/nowhere/app:1")

    failed = await yard.finished(service)

    assert ("failed", "pull_failed") == (failed.status, failed.error_code)
    assert failed.error
    assert before == [one.container_id for one in await yard.containers(service)]


async def test_a_release_that_fails_after_the_switch_is_rolled_back_by_itself(yard: Yard):
    service = await yard.service(config("app:1"))
    first = await yard.live(service)
    dies = ("sh", "-c", "httpd -p 80 -h /www; sleep 2")
    await yard.configures(service, config("app:2", command=dies, restart="no", deploy=DeployTerms(drain_s=20)))
    await yard.asks(service)

    rolled = await yard.finished(service)

    assert ("rolled_back", "unhealthy_after_switch") == (rolled.status, rolled.error_code)
    assert {"1"} == await yard.serves(service)
    assert [first.release_id] == [one.release_id for one in await yard.containers(service)]


async def test_a_rollback_brings_back_the_very_bytes_and_the_environment_of_a_release(
    yard: Yard, docker_engine: DockerEngine
):
    env = {"SAYS": "first"}
    tells = ("sh", "-c", 'echo "$SAYS" > /www/index.html; exec httpd -f -p 80 -h /www')
    docker_engine.import_image("moving:latest", {"www/marker": "1\n"})
    service = await yard.service(config("moving:latest", command=tells), env=env)
    await yard.live(service)
    assert {"first"} == await yard.serves(service)

    docker_engine.import_image("moving:latest", {"www/marker": "2\n"})
    async with yard.house.database.write() as tx:
        await services.change(tx, service, {"env": {"SAYS": "second"}})
    await yard.asks(service)
    second = await yard.finished(service)
    assert {"second"} == await yard.serves(service)

    await yard.rolls_back(service)
    back = await yard.finished(service)

    assert ("live", "rollback") == (back.status, back.kind)
    assert {"first"} == await yard.serves(service)
    async with yard.house.database.read() as tx:
        of_first, of_second = await releases.numbered(tx, service, 1), await releases.numbered(tx, service, 2)
    assert (of_first.id, of_second.id) == (back.release_id, second.release_id)
    assert of_first.image_id != of_second.image_id
    # And forward again, by its number.
    await yard.rolls_back(service, 2)
    await yard.live(service)
    assert {"second"} == await yard.serves(service)


async def test_images_of_releases_beyond_those_kept_are_let_go_and_the_others_are_not(
    yard: Yard, docker_engine: DockerEngine
):
    service = await yard.service(config("rolling:latest"))
    for number in range(4):
        docker_engine.import_image("rolling:latest", {"www/index.html": f"{number}\n"})
        if number:
            await yard.asks(service)
        await yard.live(service, kept=2)
    async with yard.house.database.read() as tx:
        every = await releases.newest(tx, service)

    assert [False, False, True, True] == [one.pruned_at is not None for one in every]
    there = [await yard.engine.image(one.image_id) is not None for one in every]
    assert [True, True, False, False] == there
    with pytest.raises(ReleaseNotKept):
        await yard.rolls_back(service, 1)


async def test_the_hook_runs_once_with_the_environment_before_the_switch_and_its_failure_changes_nothing(
    yard: Yard,
):
    hook = DeployTerms(drain_s=0, hook=("sh", "-c", 'echo "migrating $DATABASE"; test "$DATABASE" = good'))
    service = await yard.service(config("app:1", deploy=hook), env={"DATABASE": "good"})
    first = await yard.live(service)
    assert 1 == (await yard.lines(first.id)).count("migrating good")

    async with yard.house.database.write() as tx:
        await services.change(tx, service, {"env": {"DATABASE": "bad"}})
    await yard.asks(service, "app:2")
    failed = await yard.finished(service)

    assert ("failed", "hook_failed") == (failed.status, failed.error_code)
    assert "migrating bad" in await yard.lines(failed.id)
    assert {"1"} == await yard.serves(service)
    assert [first.release_id] == [one.release_id for one in await yard.containers(service)]


async def test_a_port_that_another_program_took_meanwhile_is_not_the_end(yard: Yard):
    hook = DeployTerms(drain_s=0, hook=("sleep", "1"))
    service = await yard.service(config("app:1", deploy=hook))

    async def given() -> int | None:
        async with yard.house.database.read() as tx:
            return await tx.scalar(select(published_ports.c.host_port))

    async with asyncio.TaskGroup() as together:
        working = together.create_task(yard.finished(service))
        await yard.until(given, "a port is given")
        lost = await given()
        with socket.create_server(("127.0.0.1", lost)):
            await working

    ended = working.result()
    assert ("live", None) == (ended.status, ended.error)
    assert lost != await given()
    assert {"1"} == await yard.serves(service)


async def test_every_replica_answers_before_any_gets_requests(yard: Yard):
    service = await yard.service(config("app:1", replicas=3))
    await yard.live(service)
    containers = await yard.containers(service)
    assert (3, 3) == (len(containers), len({port for one in containers for port in one.ports.values()}))


async def test_where_two_releases_cannot_run_at_once_the_old_one_makes_room_and_comes_back(yard: Yard):
    data = (Volume("data", "/data"),)
    service = await yard.service(config("app:1", volumes=data))
    first = await yard.finished(service)
    await yard.configures(
        service, config("app:2", volumes=data, command=("sleep", "60"), health=Health(within_s=1))
    )
    await yard.asks(service)

    failed = await yard.finished(service)

    assert "failed" == failed.status
    assert "both releases cannot run at once: stopping the old one first" in await yard.lines(failed.id)
    assert {"1"} == await yard.serves(service)
    assert [(first.release_id, True)] == [(one.release_id, one.running) for one in await yard.containers(service)]


async def test_one_deployment_is_under_way_one_waits_and_newer_ones_take_its_place(yard: Yard):
    service = await yard.service(config("app:1"))
    waits = await yard.asks(service, "app:1")
    newest = await yard.asks(service, "app:2")

    assert (True, True) == (waits.waits, newest.waits)
    replaced = await yard.get(waits.id)
    assert ("failed", "superseded") == (replaced.status, replaced.error_code)
    await yard.live(service)
    assert {"2"} == await yard.serves(service)


async def test_a_request_that_is_under_way_is_answered_by_the_release_that_is_being_replaced(yard: Yard):
    service = await yard.service(config("app:1"))
    await yard.live(service)
    [old] = await yard.containers(service)
    reader, writer = await asyncio.open_connection("127.0.0.1", old.ports[80])
    writer.write(b"GET / HTTP/1.0\r\n")
    await writer.drain()
    asked = await yard.asks(service, "app:2")

    async with asyncio.TaskGroup() as together:
        working = together.create_task(yard.worker().drain())
        await yard.until(lambda: is_in(yard, asked.id, "retiring"), "it serves, and the one before may go")
        # Longer than the old one takes to stop once it is told to.
        await asyncio.sleep(2)
        writer.write(b"\r\n")
        assert (await reader.read()).endswith(b"\r\n\r\n1\n")
        writer.close()
        await asyncio.wait_for(working, 10)

    assert "live" == (await yard.get(asked.id)).status
    assert {"2"} == await yard.serves(service)


async def test_cancelling_ends_a_deployment_and_what_served_goes_on(yard: Yard):
    service = await yard.service(config("app:1"))
    await yard.live(service)
    await yard.configures(service, config("app:2", command=("sleep", "60"), health=Health(within_s=30)))
    asked = await yard.asks(service)
    waiting = await yard.asks(service)
    assert (await yard.cancels(waiting.id)).is_over

    async with asyncio.TaskGroup() as together:
        working = together.create_task(yard.worker().drain())
        await yard.until(lambda: is_in(yard, asked.id, "probing"), "it is being probed")
        await yard.cancels(asked.id)
        await asyncio.wait_for(working, 10)

    cancelled = await yard.get(asked.id)
    assert ("failed", "cancelled") == (cancelled.status, cancelled.error_code)
    assert {"1"} == await yard.serves(service)
    with pytest.raises(DeploymentOver):
        await yard.cancels(asked.id)


async def test_a_deadline_ends_a_deployment(yard: Yard):
    service = await yard.service(config("app:1"))
    await yard.live(service)
    await yard.configures(service, config("app:2", command=("sleep", "60"), health=Health(within_s=30)))
    asked = await yard.asks(service)
    async with asyncio.TaskGroup() as together:
        working = together.create_task(yard.worker().drain())
        await yard.until(lambda: is_in(yard, asked.id, "probing"), "it is being probed")
        async with yard.house.database.write() as tx:
            await tx.execute(update(deployments).values(deadline_at=utc_now()).where(deployments.c.id == asked.id))
        await asyncio.wait_for(working, 10)

    late = await yard.get(asked.id)
    assert ("failed", "deadline") == (late.status, late.error_code)
    assert {"1"} == await yard.serves(service)


async def test_the_next_deployment_begins_when_the_one_before_ends_whatever_its_end(yard: Yard):
    service = await yard.service(config("127.0.0.1:1/nowhere:1"))
    await yard.asks(service, "app:2")
    await yard.live(service)
    assert {"2"} == await yard.serves(service)


async def test_a_worker_that_stops_gives_its_deployment_back_at_once(yard: Yard):
    service = await yard.service(config("app:1", command=("sleep", "60"), health=Health(within_s=30)))
    asked = await yard.newest(service)
    async with asyncio.TaskGroup() as together:
        working = together.create_task(yard.worker().drain())
        await yard.until(lambda: is_in(yard, asked.id, "probing"), "it is being probed")
        working.cancel()
    async with yard.house.database.read() as tx:
        due = await deployment_store.next_at(tx)
    assert due is not None and due <= utc_now()
    assert 0 == (await yard.get(asked.id)).takeovers


async def test_every_deployment_leaves_one_audit_row_of_how_it_ended(yard: Yard):
    service = await yard.service(config("app:1"))
    done = await yard.finished(service)
    async with yard.house.database.read() as tx:
        rows = (await tx.execute(select(logs).where(logs.c.target_type == "deployment"))).all()
    assert [("deployment.live", str(done.id))] == [(row.action, row.target_id) for row in rows]


async def is_in(yard: Yard, deployment_id: int, status: str) -> bool:
    return (await yard.get(deployment_id)).status == status
