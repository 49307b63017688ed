"""Services over HTTP and on a real engine: made, changed, listened to, stopped, and gone without a trace."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from dashboard.surfer import Page, Surfer
from sqlalchemy import delete, select
from support.answers import granted, refusal
from support.deployments import emptied
from support.docker_engine import DockerEngine
from support.house import Client, RunningHouse, open_house, test_settings
from support.patience import PATIENCE_S

from monoize.control.projects.model.routes import Member
from monoize.control.projects.services import Projects
from monoize.control.projects.store import routes
from monoize.control.projects.store import services as service_store
from monoize.control.projects.tables import projects, upstream_members
from monoize.infra.audit_log import logs


class Place:
    """A house with an engine, a project in it, and somebody who may do everything."""

    def __init__(self, house: RunningHouse, root: Client, project: int) -> None:
        self.house, self.root, self.project = house, root, project
        self.projects: Projects = house.app.state.projects

    async def makes(self, name: str, **fields: Any) -> int:
        """A service of this name, deployed."""
        body = {"name": name, "image": "app:1", "ports": [{"container": 80}], "health": {"kind": "http"}, **fields}
        body.setdefault("deploy", {"drain_s": 0})
        made = await self.root.post(f"/api/projects/{self.project}/services", json=body)
        assert made.status_code == 201, made.text
        await self.deploys()
        service = int(made.json()["service"]["id"])
        for deployed in granted(await self.root.get(f"/api/services/{service}/deployments"))["items"]:
            assert ("live", None) == (deployed["status"], deployed["error"])
        return service

    async def deploys(self) -> None:
        for deployer in self.projects.workers.deployers[:1]:
            await deployer.drain()

    async def sees(self, service: int) -> dict[str, Any]:
        return dict((await self.root.get(f"/api/services/{service}")).json())

    async def reconciles(self) -> None:
        await self.projects.upkeep.reconciler.look()


@contextlib.asynccontextmanager
async def open_place(sqlite: str, folder: Path, url: str) -> AsyncIterator[Place]:
    settings = test_settings(sqlite, folder, docker_url=url, bind_mounts=(str(folder / "shared"),))
    async with open_house(settings) as house:
        root = await house.make_root()
        project = (await root.post("/api/projects", json={"name": "shop"})).json()["id"]
        yield Place(house, root, project)


@pytest.fixture
async def place(sqlite: str, tmp_path: Path, docker_engine: DockerEngine) -> AsyncIterator[Place]:
    async with open_place(sqlite, tmp_path, docker_engine.url) as opened:
        yield opened
        await emptied(opened.projects.engine)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():
            await asyncio.sleep(0.05)


def told(stream: str, event: str = "told") -> list[dict[str, Any]]:
    frames = [frame.split("\n") for frame in stream.split("\n\n") if frame.startswith(f"event: {event}")]
    return [json.loads(frame[1].removeprefix("data: ")) for frame in frames]


async def test_a_service_is_pulled_created_started_and_listened_to(place: Place):
    web = await place.makes("web", env={"GREETING": "hello", "API_TOKEN": "s3cret"})
    await place.reconciles()

    seen = await place.sees(web)
    assert ("running", "running", None) == (seen["desired_state"], seen["observed_state"], seen["state_reason"])
    assert {"GREETING": "hello", "API_TOKEN": "******"} == seen["env"]

    probes = (await place.root.post(f"/api/services/{web}/probe")).json()
    assert [(True, 200)] == [(probe["ok"], probe["status"]) for probe in probes]
    assert "ok" == (await place.sees(web))["health_status"]

    lines = (await place.root.get(f"/api/services/{web}/logs?tail=5")).json()["lines"]
    assert {("stderr", 0)} == {(line["stream"], line["replica"]) for line in lines}
    assert any("response:200" in line["line"] for line in lines)
    followed = await place.root.get(f"/api/services/{web}/logs/stream?tail=5&for_s=1")
    assert lines[-1] in told(followed.text)

    readings = (await place.root.get(f"/api/services/{web}/stats")).json()
    assert readings[0]["memory_bytes"] > 0 and readings[0]["pids"] >= 1
    streamed = told((await place.root.get(f"/api/services/{web}/stats/stream?for_s=3")).text)
    assert any(reading["cpu_percent"] is not None for reading in streamed)

    network = (await place.root.get(f"/api/services/{web}/network")).json()
    assert ["web", "web.shop.local"] == network["aliases"]


async def heard(place: Place, path: str, **headers: str) -> list[dict[str, Any]]:
    """What the application does on a WebSocket to `path` until it has said one thing, or closes."""
    path, _, query = path.partition("?")
    sent: list[dict[str, Any]] = []
    said = asyncio.Event()
    came = [{"type": "websocket.connect"}]

    async def receive() -> dict[str, Any]:
        if came:
            return came.pop()
        await said.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(dict(message))
        if message["type"] != "websocket.accept":
            said.set()

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "scheme": "ws",
        "subprotocols": [],
        "state": {},
    }
    async with asyncio.timeout(PATIENCE_S):
        await place.house.app(scope, receive, send)
    return sent


async def test_logs_and_stats_come_over_a_websocket_to_those_who_may_look(place: Place):
    web = await place.makes("web")
    await place.root.post(f"/api/services/{web}/probe")
    mine = {"host": "monoize.test", "authorization": place.root.headers["authorization"]}

    accepted, line, *_ = await heard(place, f"/api/services/{web}/logs/socket?tail=5", **mine)
    assert "websocket.accept" == accepted["type"]
    assert ("stderr", 0) == ((told := json.loads(line["text"]))["stream"], told["replica"])
    _, reading, *_ = await heard(place, f"/api/services/{web}/stats/socket", **mine, origin="http://monoize.test")
    assert json.loads(reading["text"])["pids"] >= 1

    strangers = ({"host": "monoize.test"}, {**mine, "origin": "https://evil.example"})
    refused = [await heard(place, f"/api/services/{web}/logs/socket", **headers) for headers in strangers]
    refused.append(await heard(place, "/api/services/999/logs/socket", **mine))
    assert [("websocket.close", code) for code in ("unauthenticated", "foreign_origin", "service_not_found")] == [
        (first["type"], first["reason"]) for first, *_ in refused
    ]


async def test_a_command_runs_beside_a_service_without_a_shell_and_its_words_are_not_written_down(place: Place):
    web = await place.makes("web", env={"GREETING": "hello; exit 9"})
    asked = {"command": ["sh", "-c", "echo $GREETING; echo $0 >&2; exit 3", "s3cret $(id)"]}

    ran = await place.root.post(f"/api/services/{web}/exec", json=asked)

    # Between two pipes the engine knows no order.
    assert {("stdout", "hello; exit 9"), ("stderr", "s3cret $(id)")} == {
        (line["stream"], line["line"]) for line in told(ran.text)
    }
    assert [{"exit_code": 3, "error": None}] == told(ran.text, "end")
    async with place.house.house.database.read() as tx:
        details = (await tx.execute(logs.select().where(logs.c.action == "service.exec"))).one().details
    assert "s3cret" not in details


async def test_a_command_waits_for_a_service_that_is_about_to_run_and_says_what_the_engine_says(place: Place):
    web = await place.makes("web")
    [one] = await place.projects.engine.instances(web)
    await place.projects.engine.docker.stop_container(one.container_id, 0)

    async with asyncio.TaskGroup() as together:
        asking = together.create_task(
            place.root.post(f"/api/services/{web}/exec", json={"command": ["echo", "hi"]})
        )
        await asyncio.sleep(0.5)
        assert not asking.done()
        await place.reconciles()

    [ended] = told(asking.result().text, "end")
    assert (0, None) == (ended["exit_code"], ended["error"])
    assert ["hi"] == [line["line"] for line in told(asking.result().text)]

    absent = await place.root.post(f"/api/services/{web}/exec", json={"command": ["no-such-program"]})
    [ended] = told(absent.text, "end")
    assert ended["exit_code"] in (126, 127)
    await place.root.post(f"/api/services/{web}/stop")
    refused = await place.root.post(f"/api/services/{web}/exec", json={"command": ["echo", "hi"]})
    assert "service_not_running" == refused.json()["code"]


async def test_stop_start_and_restart_do_what_they_say_and_may_be_repeated(place: Place):
    web = await place.makes("web", stop_grace_s=0)

    async def says(verb: str) -> tuple[str, str]:
        answer = await place.root.post(f"/api/services/{web}/{verb}")
        assert answer.status_code == 200, answer.text
        service = answer.json()["service"]
        return service["desired_state"], service["observed_state"]

    assert ("stopped", "stopped") == await says("stop")
    assert ("stopped", "stopped") == await says("stop")
    await place.reconciles()
    assert "stopped" == (await place.sees(web))["observed_state"]
    assert ("running", "running") == await says("start")
    assert ("running", "running") == await says("start")
    assert ("running", "running") == await says("restart")


async def test_what_is_gone_is_made_again_and_what_stopped_is_started(place: Place, docker_engine: DockerEngine):
    web = await place.makes("web", replicas=2)
    engine = place.projects.engine
    first, second = await engine.instances(web)
    await engine.remove(first.container_id)
    await engine.docker.stop_container(second.container_id, 0)

    await place.reconciles()

    now = {one.replica: one for one in await engine.instances(web)}
    assert [True, True] == [now[replica].running for replica in (0, 1)]
    assert second.container_id == now[second.replica or 0].container_id
    assert "running" == (await place.sees(web))["observed_state"]


async def test_a_service_comes_back_on_another_port_when_its_own_was_taken_while_it_was_stopped(place: Place):
    web = await place.makes("web")
    engine = place.projects.engine
    (stopped,) = await engine.instances(web)
    await engine.docker.stop_container(stopped.container_id, 0)
    with socket.socket() as another:
        another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        another.bind(("127.0.0.1", stopped.ports[80]))
        another.listen()

        await place.reconciles()

        (started,) = await engine.instances(web)
        assert stopped.ports[80] != started.ports[80]
        async with httpx2.AsyncClient(trust_env=False) as client:
            page = await client.get(f"http://127.0.0.1:{started.ports[80]}/")
        assert "1\n" == page.text
    async with place.house.house.database.read() as tx:
        led_to = await tx.execute(select(upstream_members.c.address).where(upstream_members.c.service_id == web))
        assert [f"127.0.0.1:{started.ports[80]}"] == list(led_to.scalars())


async def test_requests_that_are_led_elsewhere_find_their_service_again(place: Place):
    """As after a restored backup, or a reload that nginx refused when the service came back on another port."""
    web = await place.makes("web")
    (running,) = await place.projects.engine.instances(web)
    database = place.house.house.database
    async with database.write() as tx:
        await routes.replace_members(tx, web, {(80, "127.0.0.1:9")})

    await place.reconciles()

    async with database.read() as tx:
        assert {web: [Member(80, "127.0.0.1", running.ports[80])]} == await routes.led_to(tx)


async def test_what_belongs_to_nobody_is_shown_and_left_alone_until_somebody_removes_it(place: Place):
    engine = place.projects.engine
    config = {"Image": "busybox:test", "Labels": engine.ours.of_service(1, 987_654)}
    orphan = await engine.docker.create_container("left-over", {**config, "HostConfig": {"NetworkMode": "none"}})
    foreign = await engine.docker.create_container(
        "foreign", {"Image": "busybox:test", "HostConfig": {"NetworkMode": "none"}}
    )
    await place.makes("web")
    await place.reconciles()

    shown = (await place.root.get("/api/orphans")).json()
    assert [orphan] == [one["container_id"] for one in shown]
    refused = await place.root.delete(f"/api/orphans/{foreign}")
    assert (404, "orphan_not_found") == (refused.status_code, refused.json()["code"])
    assert 204 == (await place.root.delete(f"/api/orphans/{orphan}")).status_code
    assert [] == (await place.root.get("/api/orphans")).json()
    await engine.docker.remove_container(foreign)

    await engine.docker.create_container("another", {**config, "HostConfig": {"NetworkMode": "none"}})
    boss = await Surfer(place.root.app).sign_in()
    removal = next(a["href"] for a in Page(await boss.get("/orphans")).all("a") if a["href"].endswith("/remove"))
    assert 422 == (await boss.submit(removal, name="left-over")).status_code
    assert 303 == (await boss.submit(removal, name="another")).status_code
    assert "No orphans" in (await boss.get("/orphans")).text


async def test_a_container_is_adopted_and_a_command_run_beside_it_on_pages(place: Place):
    web = await place.makes("web", stop_grace_s=1)
    async with place.house.house.database.write() as tx:
        await tx.execute(delete(projects).where(projects.c.id == place.project))
    boss = await Surfer(place.root.app).sign_in()

    adoption = next(a["href"] for a in Page(await boss.get("/orphans")).all("a") if a["href"].endswith("/adopt"))
    assert "Make it a service again" in (await boss.get(adoption)).text
    wrong = await boss.submit(adoption, name="No!", project="")
    assert {"name-error", "project-error"} <= {p.get("id") for p in Page(wrong).all("p")}
    adopted = await boss.submit(adoption, name="web", project="shop")
    assert f"/services/{web}?done=orphan_adopted" == adopted.headers["location"]
    assert 200 == (await boss.get(adopted.headers["location"])).status_code

    address = f"/services/{web}/exec"
    ran = await boss.submit(address, command="sh -c 'echo \"<b>out\"; echo err >&2; exit 3'", timeout_s="20")
    assert ("<b>out" in ran.text, True) == (False, "ended with code 3" in ran.text)
    assert {"<b>out", "err"} == set(Page(ran).one("pre").text.split())
    late = await boss.submit(address, command="sleep 30", timeout_s="1")
    assert "did not end in its time" in late.text
    missing = await boss.submit(address, command="no-such-program", timeout_s="20")
    assert 200 == missing.status_code and "ended with code 0" not in missing.text
    async with place.house.house.database.read() as tx:
        told = list((await tx.execute(select(logs.c.details).where(logs.c.action == "service.exec"))).scalars())
    assert 3 == len(told) and not any("out" in each for each in told)


async def test_what_lost_its_rows_is_adopted_as_it_runs_with_its_volumes_and_can_be_deployed_again(place: Place):
    fields: dict[str, Any] = {
        "command": ["httpd", "-f", "-p", "80", "-h", "/www"],
        "ports": [{"container": 53, "protocol": "udp"}, {"container": 80}],
        "volumes": [{"source": "goods", "target": "/goods"}],
        "limits": {"memory_mb": 64, "cpus": 0.5},
        "env": {"GREETING": "hello"},
        "replicas": 2,
        "stop_grace_s": 1,
    }
    web = await place.makes("web", **fields)
    before, engine = await place.sees(web), place.projects.engine
    ran = sorted(one.container_id for one in await engine.instances(web))
    async with place.house.house.database.write() as tx:
        await tx.execute(delete(projects).where(projects.c.id == place.project))

    async def adopted(container: str, project: str = "shop") -> httpx2.Response:
        return await place.root.post(f"/api/orphans/{container}/adopt", json={"name": "web", "project": project})

    other = {"Image": "busybox:test", "HostConfig": {"NetworkMode": "none"}}
    stranger = await engine.docker.create_container("stranger", {**other, "Labels": engine.ours.label})
    assert (409, "orphan_not_adoptable") == refusal(await adopted(stranger))
    labels = (await engine.docker.inspect_container(ran[0]))["Config"]["Labels"]
    older = await engine.docker.create_container("older", {**other, "Labels": {**labels, "monoize.release": "77"}})
    assert "remove older first" in (await adopted(ran[0])).text
    for one in (stranger, older):
        await place.root.delete(f"/api/orphans/{one}")
    granted(await adopted(ran[0]))
    assert (404, "orphan_not_found") == refusal(await adopted(ran[0]))
    await place.reconciles()

    after = await place.sees(web)
    assert before["config"] | {"health": after["config"]["health"]} == after["config"] | {
        "deploy": before["config"]["deploy"]
    }
    assert ("running", False) == (after["observed_state"], after["drifted"])
    assert ran == sorted(one.container_id for one in await engine.instances(web))
    assert [] == (await place.root.get("/api/orphans")).json()
    secrets = (await place.root.get(f"/api/services/{web}/secrets")).json()
    assert "hello" not in json.dumps(secrets) and "GREETING" in json.dumps(secrets)
    await place.root.post(f"/api/services/{web}/deployments", json={"image": "app:2"})
    await place.deploys()
    (deployed,) = granted(await place.root.get(f"/api/services/{web}/deployments"))["items"]
    assert ("live", None) == (deployed["status"], deployed["error"])
    inside = (await engine.docker.inspect_container((await engine.instances(web))[0].container_id))["Config"]["Env"]
    assert "GREETING=hello" in inside
    assert 1 == len(await engine.volumes_of(web))


async def test_a_service_that_keeps_crashing_is_stopped_and_can_be_unlocked(place: Place):
    """The engine starts it again and again; what counts is what it says of each end."""
    works_once = "[ -e /crash ] && exit 7; : > /crash; exec httpd -f -p 80 -h /www"
    web = await place.makes("web", command=["sh", "-c", works_once], stop_grace_s=0)
    watching = asyncio.create_task(place.projects.upkeep.watch.run())
    try:
        # One stop that was asked for: it is no crash.
        assert 200 == (await place.root.post(f"/api/services/{web}/restart")).status_code

        async def given_up() -> bool:
            return bool((await place.sees(web))["crash_looping"])

        await until(given_up)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    await place.reconciles()

    seen = await place.sees(web)
    assert (5, 7) == (seen["restart_count"], seen["last_exit_code"])
    assert ("stopped", "stopped") == (seen["desired_state"], seen["observed_state"])
    refused = await place.root.post(f"/api/services/{web}/start")
    assert (409, "crash_looping") == (refused.status_code, refused.json()["code"])
    unlocked = (await place.root.post(f"/api/services/{web}/unlock")).json()["service"]
    assert ("running", 0, False) == (
        unlocked["desired_state"],
        unlocked["restart_count"],
        unlocked["crash_looping"],
    )


async def test_deleting_leaves_nothing_behind_and_says_so_line_by_line(place: Place, docker_engine: DockerEngine):
    web = await place.makes("web", volumes=[{"source": "data", "target": "/data"}])
    await place.makes("api")
    wrong = await place.root.request("DELETE", f"/api/projects/{place.project}", json={"name": "shoq"})
    assert (422, "name_not_confirmed") == (wrong.status_code, wrong.json()["code"])

    asked = {"name": "shop", "with_volumes": True}
    answer = await place.root.request("DELETE", f"/api/projects/{place.project}", json=asked)
    assert 202 == answer.status_code
    again = await place.root.request("DELETE", f"/api/projects/{place.project}", json=asked)
    assert answer.json()["id"] == again.json()["id"]
    await place.projects.upkeep.remover.carry_out()

    removal = (await place.root.get(f"/api/removals/{answer.json()['id']}")).json()
    assert ("done", None) == (removal["state"], removal["error"])
    assert {"container", "volume", "network", "image"} == {line["kind"] for line in removal["evidence"]}
    assert {"removed"} == {line["outcome"] for line in removal["evidence"]}
    engine, managed = place.projects.engine.docker, {"label": ["monoize.managed=1"]}
    assert [] == docker_engine.containers("monoize.managed=1")
    assert ([], []) == (await engine.volumes(managed), await engine.networks(managed))
    assert 404 == (await place.root.get(f"/api/services/{web}")).status_code


async def test_links_tell_a_service_where_the_others_are(place: Place):
    db = await place.makes("db-main")
    web = await place.makes("web")
    other = (await place.root.post("/api/projects", json={"name": "other"})).json()["id"]
    foreign = await place.root.post(
        f"/api/projects/{other}/services", json={"name": "x", "image": "app:1", "start": False}
    )
    refused = await place.root.put(
        f"/api/services/{web}/links", json={"targets": [foreign.json()["service"]["id"]]}
    )
    assert (422, "link_not_allowed") == (refused.status_code, refused.json()["code"])

    linked = await place.root.put(f"/api/services/{web}/links", json={"targets": [db, web, db]})
    assert ["db-main"] == [service["name"] for service in linked.json()]
    assert 202 == (await place.root.post(f"/api/services/{web}/deployments", json={})).status_code
    await place.deploys()

    asked = {"command": ["sh", "-c", "echo $DB_MAIN_HOST:$DB_MAIN_PORT; wget -qO- http://$DB_MAIN_HOST/"]}
    ran = await place.root.post(f"/api/services/{web}/exec", json=asked)
    assert ["db-main:80", "1"] == [line["line"] for line in told(ran.text)]


async def test_a_fixed_port_of_the_machine_has_one_owner(place: Place):
    fixed = {"start": False, "ports": [{"container": 80, "host": 24999}]}
    await place.makes("web", **fixed)
    second = {"name": "api", "image": "app:1", **fixed}

    refused = await place.root.post(f"/api/projects/{place.project}/services", json=second)

    assert (409, "port_taken", [24999]) == (
        refused.status_code,
        refused.json()["code"],
        refused.json()["ports"],
    )


async def test_an_engine_that_is_away_is_said_so_and_changes_nothing(sqlite: str, tmp_path: Path):
    async with open_place(sqlite, tmp_path, f"unix://{tmp_path}/nobody.sock") as place:
        body = {"name": "web", "image": "app:1", "start": False}
        web = (await place.root.post(f"/api/projects/{place.project}/services", json=body)).json()["service"]["id"]
        answer = await place.root.get(f"/api/services/{web}/logs")
        assert (503, "engine_unavailable") == (answer.status_code, answer.json()["code"])
        async with place.house.house.database.write() as tx:
            await service_store.nothing_known(tx, "the container engine cannot be reached")
        assert "unknown" == (await place.sees(web))["observed_state"]
