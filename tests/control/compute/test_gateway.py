"""An agent's own gateway through ours: for its owner only, with its token put in, filtered, and counted."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from sqlalchemy import select, update
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.patience import PATIENCE_S
from support.reach import Reach, reached_agent
from support.rows import last_seq, logs_after
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from monoize.control.compute.tables import vps_usage_periods, vpses
from monoize.main.websockets import SPOKEN


@pytest.fixture
async def reach(house: RunningHouse, root: Client) -> Reach:
    return await reached_agent(house, root)


async def bandwidth(reach: Reach) -> int:
    await reach.house.app.state.compute.passage.run()
    query = select(vps_usage_periods.c.bandwidth_bytes).where(vps_usage_periods.c.vps_id == reach.machine_id)
    async with reach.house.house.database.read() as tx:
        return await tx.scalar(query) or 0


async def test_a_request_arrives_with_the_agents_token_and_without_ours(reach: Reach):
    answer = await reach.owner.post(f"{reach.path}/gateway/chat/a?b=c", content=b"hello", headers={"x-mine": "1"})

    told = answer.json()
    assert ("POST", "/chat/a", "b=c", "hello") == (told["method"], told["path"], told["query"], told["body"])
    assert f"Bearer {reach.token}" == told["headers"]["authorization"]
    assert "1" == told["headers"]["x-mine"]
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert reach.token not in str(answer.headers)


async def test_what_goes_by_is_bandwidth(reach: Reach):
    answer = await reach.owner.get(f"{reach.path}/gateway/stream")
    sent = await reach.owner.post(f"{reach.path}/gateway/", content=b"x" * 1000)

    assert "one two three" == answer.text
    assert len(answer.content) + 1000 + len(sent.content) == await bandwidth(reach)


async def test_an_agent_is_reached_by_its_owner_only(reach: Reach, root: Client):
    other = await reach.house.make_user(root)
    for path in ("/gateway/", "/health"):
        assert (404, "agent_not_found") == refusal(await other.get(f"{reach.path}{path}"))
        assert (401, "unauthenticated") == refusal(await reach.house.visitor().get(f"{reach.path}{path}"))
    assert (404, "agent_not_found") == refusal(await reach.owner.get("/api/agents/nothing/gateway/"))


async def test_tools_are_not_invoked_from_outside(reach: Reach):
    answer = await reach.owner.post(f"{reach.path}/gateway/tools/invoke", json={})
    assert (403, "agent_path_denied") == refusal(answer)


async def test_a_machine_that_does_not_run_is_a_conflict_and_one_that_is_silent_a_bad_gateway(reach: Reach):
    async def change(**values: Any) -> None:
        async with reach.house.house.database.write() as tx:
            await tx.execute(update(vpses).where(vpses.c.id == reach.machine_id).values(**values))

    await change(address="127.0.0.1:9")
    assert (502, "agent_unreachable") == refusal(await reach.owner.get(f"{reach.path}/gateway/"))
    health = (await reach.owner.get(f"{reach.path}/health")).json()
    assert health["healthy"] is False
    await change(state="stopped")
    assert (409, "machine_state") == refusal(await reach.owner.get(f"{reach.path}/gateway/"))


async def test_a_patch_and_a_file_are_pushed_and_audited(reach: Reach):
    before = await last_seq(reach.house.house.database)

    pushed = await reach.owner.put(f"{reach.path}/config", json={"patch": {"model": "m"}})
    written = await reach.owner.put(f"{reach.path}/workspace/SOUL.md", json={"content": "kind"})

    assert {"ok": True} == pushed.json()["result"] == written.json()["result"]
    assert ["config.patch", "agents.files.set"] == [asked["method"] for asked in reach.agent.heard]
    assert {f"Bearer {reach.token}"} == {asked["authorization"] for asked in reach.agent.heard}
    rows = await logs_after(reach.house.house.database, before)
    assert ["agent.configure", "agent.write_file"] == [row.action for row in rows]
    assert "kind" not in rows[1].details


@pytest.mark.parametrize("name", ["passwd", "..%2Fpasswd", "agents.md"])
async def test_only_the_files_that_say_what_an_agent_is_are_written(name: str, reach: Reach):
    answer = await reach.owner.put(f"{reach.path}/workspace/{name}", json={"content": ""})
    assert answer.status_code in (404, 422)


async def test_bad_input_is_refused_and_a_refusal_of_the_agent_is_told(reach: Reach):
    for body in ({}, {"patch": {}}, {"patch": 1}, {"patch": {"a": 1}, "more": 1}):
        assert 422 == (await reach.owner.put(f"{reach.path}/config", json=body)).status_code
    too_long = await reach.owner.put(f"{reach.path}/workspace/SOUL.md", json={"content": "x" * (256 * 1024 + 1)})
    assert 422 == too_long.status_code
    refused = await reach.owner.put(f"{reach.path}/config", json={"patch": {"refuse": True}})
    assert (502, "agent_refused") == refusal(refused)


async def test_restarting_an_agent_restarts_its_machine(reach: Reach):
    answer = await reach.owner.post(f"{reach.path}/restart")
    assert (202, "restart") == (answer.status_code, answer.json()["operation"]["kind"])


@contextlib.asynccontextmanager
async def served(reach: Reach) -> AsyncIterator[str]:
    """The application over TCP, as the server speaks WebSockets in earnest."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(reach.house.app, lifespan="off", log_level="critical", **SPOKEN)
        server = uvicorn.Server(config)
        serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}{reach.path}/gateway"
        finally:
            server.should_exit = True
            await serving


def opened(url: str, reach: Reach, **options: Any) -> connect:
    shown = {"authorization": reach.owner.headers["authorization"]}
    return connect(url, additional_headers=shown, proxy=None, **options)


async def heard(line: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await line.recv())


async def test_a_websocket_is_filtered_also_where_a_message_comes_in_pieces(reach: Reach):
    async with served(reach) as url, opened(f"{url}/rpc", reach) as line:
        await line.send('{"id":1,"method":"chat.send"}')
        assert [{"event": "tick"}, {"id": 1, "result": {"ok": True}}] == [await heard(line), await heard(line)]

        await line.send(['{"id":2,"met', 'hod":"conf', 'ig.set"}'])
        assert 2 == (await heard(line))["id"]
        await line.send(b"\x00binary")
        async with asyncio.timeout(PATIENCE_S):
            assert b"\x00binary" == await line.recv()

    assert ["chat.send"] == [asked["method"] for asked in reach.agent.heard]
    assert f"Bearer {reach.token}" == reach.agent.heard[0]["authorization"]
    assert 0 < await bandwidth(reach)


async def test_a_record_denies_methods_beside_those_that_are_denied_for_all(reach: Reach, root: Client):
    policies = {"security_policy_json": {"gateway_methods_deny": ["chat.*"]}}
    record = {"name": "a", "role_name": "b", "status": "active", "policies": policies}
    config_id = granted(await root.post("/api/agent-records", json=record))["id"]
    granted(await root.patch(reach.path, json={"config_id": config_id}))

    async with served(reach) as url, opened(f"{url}/rpc", reach) as line:
        for id, method in enumerate(("chat.send", "config.set")):
            await line.send(json.dumps({"id": id, "method": method}))
            assert (id, True) == ((said := await heard(line))["id"], "error" in said)

    assert [] == reach.agent.heard


async def test_a_websocket_of_somebody_else_or_of_a_foreign_page_is_not_opened(reach: Reach, root: Client):
    other = await reach.house.make_user(root)
    session = reach.owner.headers["authorization"].removeprefix("Bearer ")
    cookie = {"cookie": f"monoize_session={session}"}
    async with served(reach) as url:
        host = url.removeprefix("ws://").partition("/")[0]
        for headers in (
            {},
            {"authorization": other.headers["authorization"]},
            cookie,
            cookie | {"origin": "https://evil.example"},
            cookie | {"origin": "null"},
        ):
            with pytest.raises(InvalidStatus):
                await connect(url + "/", additional_headers=headers, proxy=None)
        async with connect(url + "/", additional_headers=cookie | {"origin": f"http://{host}"}, proxy=None) as line:
            await line.send('{"id":1,"method":"chat.send"}')
            assert {"event": "tick"} == await heard(line)
