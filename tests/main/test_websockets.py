"""WebSockets of a server in earnest: its keys, its pages' addresses, and its end."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.server import Server, forked_server
from support.sockets import Client
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

ADMIN = "an operators own token 0123456789"


def api(server: Server, method: str, path: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {ADMIN}"}
    answer = httpx2.request(method, f"{server.address}{path}", json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def keys_of_somebody(server: Server) -> tuple[Any, Any]:
    channels = [{"name": "echo", "base_url": "http://localhost"}]
    api(
        server,
        "POST",
        "/api/providers",
        {"name": "e", "type": "echo", "models": [{"name": "m"}], "channels": channels},
    )
    user_id = api(server, "POST", "/api/users", {"username": "alice"})["id"]
    one, two = (api(server, "POST", "/api/keys", {"name": name, "user_id": user_id}) for name in ("one", "two"))
    return one, two


def opened(server: Server, key: str, path: str = "/v1/responses") -> connect:
    return connect(f"{server.address.replace('http', 'ws', 1)}{path}?key={key}", proxy=None)


async def test_a_connection_lives_as_long_as_its_key_and_its_server(tmp_path: Path):
    with forked_server(tmp_path, MONOIZE_ADMIN_TOKEN=ADMIN, MONOIZE_LOG_LEVEL="debug") as server:
        key, other = keys_of_somebody(server)
        async with opened(server, key["secret"]) as one, opened(server, other["secret"]) as two:
            first, second = Client(one), Client(two)
            for client in (first, second):
                assert "response.completed" == (await client.ask())[-1]["type"]

            api(server, "DELETE", f"/api/keys/{key['key']['id']}")
            until_s = time.monotonic() + 1.5
            while (last := (await first.ask())[-1])["type"] == "response.completed":
                assert time.monotonic() < until_s
            assert (401, 1008) == (last["status"], await first.closed())

            await second.say(model="m", input="/slow 50\none two three four five")
            await second.event()
            server.process.send_signal(signal.SIGTERM)
            assert "response.completed" == (await second.heard())[-1]["type"]
            assert 1001 == await second.closed()
        assert 0 == await asyncio.to_thread(server.stop)
        logged = server.logged()
        assert ("Traceback" in logged, key["secret"] in logged, other["secret"] in logged) == (False, False, False)


async def test_there_are_none_elsewhere(tmp_path: Path):
    with forked_server(tmp_path, MONOIZE_ADMIN_TOKEN=ADMIN, MONOIZE_LOG_LEVEL="debug") as server:
        for path, status in (("/v1/messages", 404), ("/api/keys", 403), ("/", 403), ("/api/v1/responses", 401)):
            with pytest.raises(InvalidStatus) as refused:
                await opened(server, "sk-" + "0" * 32, path).__aenter__()
            assert status == refused.value.response.status_code, path
        assert "Traceback" not in server.logged()
