"""Machines over HTTP: asked for and answered at once, one's own only, and followed step by step."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.cloud import Cloud
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.patience import PATIENCE_S
from support.site import WAYS, Site, is_well, make_site, not_read

from monoize.control.compute.actions.working import Worker
from monoize.infra.background import Background

NOBODY = "01a1fc11-0000-7000-8000-000000000001"


@pytest.fixture
async def site(house: RunningHouse) -> Site:
    return await make_site(house.house, Cloud())


@pytest.fixture
async def owner(house: RunningHouse, root: Client, site: Site) -> Client:
    """Whose machines those of the site are."""
    client = await house.make_user(root)
    site.user_id = client.user["id"]
    granted(await root.post("/api/plans", json={"name": "some", "max_agents": 9, "max_vpses": 9}))
    granted(await root.put(f"/api/users/{site.user_id}/plan", json={"plan": "some"}))
    return client


@pytest.fixture
async def worker(site: Site) -> AsyncIterator[Worker]:
    working = Worker(site.house, site.drivers, WAYS, is_well, not_read)
    site.house.audit_log.observe(working.changed)
    background = Background()
    background.every(PATIENCE_S, "work", working.run, bell=working.bell)
    yield working
    await background.stop()
    await working.stop()


async def test_a_verb_answers_at_once_with_what_it_has_begun(site: Site, owner: Client) -> None:
    machine = await site.made()
    answer = await owner.post(f"/api/vpses/{machine.id}/stop")
    assert answer.status_code == 202
    asked = answer.json()
    assert (asked["machine"]["desired"], asked["machine"]["stopped_by"]) == ("stopped", "user")
    assert (asked["operation"]["kind"], asked["operation"]["state"]) == ("stop", "queued")
    found = granted(await owner.get("/api/operations", params={"machine_id": machine.id, "only_open": True}))
    assert [each["id"] for each in found["items"]] == [asked["operation"]["id"]]


async def test_a_user_goes_when_no_provider_has_a_machine_of_theirs_any_more(site: Site, root: Client) -> None:
    machine = await site.made()
    assert (409, "user_has_machines") == refusal(await root.delete(f"/api/users/{site.user_id}"))
    await site.carry_out(await site.begin("destroy", machine.id))
    assert 204 == (await root.delete(f"/api/users/{site.user_id}")).status_code


@pytest.mark.parametrize(("verb", "state"), [("start", "running"), ("stop", "stopped")])
async def test_what_is_so_already_is_fine_and_changes_nothing(
    site: Site, owner: Client, verb: str, state: Any
) -> None:
    machine = await site.made(state)
    answer = await owner.post(f"/api/vpses/{machine.id}/{verb}")
    assert (answer.status_code, answer.json()["operation"]) == (200, None)
    assert await site.operations_of(machine.id) == []


async def test_what_cannot_be_asked_in_this_state_says_which_it_is(site: Site, owner: Client) -> None:
    machine, _ = await site.machine()
    answer = await owner.post(f"/api/vpses/{machine.id}/restart")
    assert refusal(answer) == (409, "machine_state")
    assert answer.json()["state"] == "provisioning"


async def test_somebody_elses_machines_and_operations_are_not_there(
    house: RunningHouse, root: Client, site: Site, owner: Client
) -> None:
    machine, agent_id = await site.machine(state="running")
    operation = await site.begin("stop", machine.id)
    other = await house.make_user(root)
    assert granted(await other.get("/api/vpses"))["items"] == []
    for method, path in (
        ("GET", f"/api/vpses/{machine.id}"),
        ("POST", f"/api/vpses/{machine.id}/stop"),
        ("DELETE", f"/api/vpses/{machine.id}"),
        ("GET", f"/api/operations/{operation.id}"),
        ("GET", f"/api/operations/{operation.id}/stream"),
        ("POST", f"/api/agents/{agent_id}/vps/stop"),
        ("DELETE", f"/api/agents/{agent_id}/vps"),
    ):
        assert (await other.request(method, path)).status_code == 404, path
    assert (await other.get("/api/vpses", params={"everybody": True})).status_code == 403
    assert (await other.get("/api/vpses/orphans")).status_code == 403


async def test_an_administrator_sees_and_stops_everybodys(root: Client, site: Site, owner: Client) -> None:
    machine = await site.made()
    assert granted(await root.get("/api/vpses", params={"everybody": True}))["items"][0]["id"] == machine.id
    asked = granted(await root.post(f"/api/vpses/{machine.id}/stop"))
    assert asked["machine"]["stopped_by"] == "admin"


async def test_neither_address_nor_token_of_a_machine_is_told(site: Site, owner: Client) -> None:
    machine, agent_id = await site.machine(state="running", address="10.1.2.3:18789")
    told = json.dumps(granted(await owner.get(f"/api/vpses/{machine.id}")))
    assert "10.1.2.3" not in told and f"token of {agent_id}" not in told


async def test_an_agent_without_a_machine_says_so(site: Site, owner: Client) -> None:
    agent = granted(await owner.post("/api/agents", json={"name": "helper"}))["agent"]
    assert refusal(await owner.delete(f"/api/agents/{agent['id']}/vps")) == (409, "agent_without_machine")


async def test_a_stream_tells_each_step_until_the_end(site: Site, owner: Client, worker: Worker) -> None:
    site.cloud.changing_for = 2
    machine = await site.made()
    asked = granted(await owner.post(f"/api/vpses/{machine.id}/restart"))
    async with asyncio.timeout(PATIENCE_S):
        answer = await owner.get(f"/api/operations/{asked['operation']['id']}/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert told[-1]["state"] == "done"
    assert [step["name"] for step in told[-1]["steps"]] == ["restart", "boot", "health"]
    assert all(len(before["steps"]) <= len(after["steps"]) for before, after in itertools.pairwise(told))


async def test_a_stream_can_be_asked_for_what_is_now(site: Site, owner: Client) -> None:
    machine = await site.made()
    operation = await site.begin("stop", machine.id)
    answer = await owner.get(f"/api/operations/{operation.id}/stream", params={"for_s": 0})
    assert answer.text.count("event: operation") == 1


async def test_a_deleted_agents_machine_goes_too(site: Site, owner: Client, worker: Worker) -> None:
    machine, agent_id = await site.machine(state="running")
    answer = await owner.delete(f"/api/agents/{agent_id}")
    assert answer.status_code == 202
    async with asyncio.timeout(PATIENCE_S):
        await owner.get(f"/api/operations/{answer.json()['id']}/stream")
    assert (await site.stored(machine.id)).state == "destroyed"


async def test_orphans_are_told_with_providers_that_did_not_answer(root: Client, owner: Client) -> None:
    """No provider is set up here but the process driver, which has none."""
    assert granted(await root.get("/api/vpses/orphans"))["items"] == []


async def test_a_page_of_operations_goes_on_where_it_ended(site: Site, owner: Client) -> None:
    machine = await site.made()
    for kind in ("stop", "start", "stop"):
        await site.carry_out(await site.begin(kind, machine.id))  # type: ignore[arg-type]
    first = granted(await owner.get("/api/operations", params={"limit": 2}))
    rest = granted(await owner.get("/api/operations", params={"limit": 2, "cursor": first["next_cursor"]}))
    assert [each["kind"] for each in first["items"] + rest["items"]] == ["stop", "start", "stop"]
