"""Servers that are opened by tokens of OAuth: asked for when needed, kept, renewed when they are refused."""

import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from fakes.mcp_server import FakeMcp
from fakes.server import LocalServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.mcp import loopback, make_service, mcp_client, text_of

from monoize.control.mcp.model.oauth import OAuthClient, OAuthSecrets, asked, told


class Issuer:
    """Hands out tokens `token-1`, `token-2`, …, of which only the last is good, each with another refresh token."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, dict[str, list[str]]]] = []
        self.kind = "Bearer"
        self.refuses = False
        self.app = Starlette(routes=[Route("/token", self.token, methods=["POST"])])

    async def token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        self.asked.append((request.headers.get("authorization"), form))
        if self.refuses:
            return JSONResponse({"error": "invalid_grant", "error_description": "s3cret"}, 400)
        number = len(self.asked)
        answer = {"access_token": f"token-{number}", "token_type": self.kind, "expires_in": 3600}
        return JSONResponse({**answer, "refresh_token": f"refresh-{number}"})


class Guarded:
    """Lets in who shows the newest token."""

    def __init__(self, app: ASGIApp, issuer: Issuer) -> None:
        self._app, self._issuer = app, issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            shown = dict(scope["headers"]).get(b"authorization", b"").decode()
            if shown != f"Bearer token-{len(self._issuer.asked)}":
                await Response(status_code=401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


@pytest.fixture
def guarded() -> Iterator[tuple[Issuer, str, str]]:
    """The issuer, where it is, and the server."""
    issuer, fake = Issuer(), FakeMcp(json_response=False)
    fake.app.user_middleware.append(Middleware(Guarded, issuer=issuer))
    with LocalServer(issuer.app) as tokens, LocalServer(fake.app, lifespan="on") as server:
        yield issuer, f"{tokens.url}/token", f"{server.url}/mcp"


@pytest.fixture
async def address(house: RunningHouse) -> AsyncIterator[str]:
    async with loopback(house.app) as url:
        yield url


def of_client(token_url: str, **more: Any) -> dict[str, Any]:
    return {"token_url": token_url, "client_id": "me", "client_secret": "s3cret:1", **more}


async def test_a_token_is_asked_for_once_and_once_more_when_it_is_refused(
    root: Client, address: str, guarded: tuple[Issuer, str, str]
):
    issuer, token_url, url = guarded
    service = await make_service(root, url, open_to_keys=True, oauth=of_client(token_url, scope="a b"))
    key = granted(await root.post("/api/keys", json={"name": "k"}))["secret"]

    async with mcp_client(f"{address}/mcp/shop", key, mode="auto") as client:
        assert "nothing in here" == text_of(await client.call_tool("look", {"where": "here"}))
        assert 1 == len(issuer.asked)
        # Somebody else has asked for one, so that ours is not good any more.
        issuer.asked.append((None, {}))
        assert "nothing in there" == text_of(await client.call_tool("look", {"where": "there"}))

    shown, form = issuer.asked[0]
    assert f"Basic {base64.b64encode(b'me:s3cret%3A1').decode()}" == shown
    assert {"grant_type": ["client_credentials"], "scope": ["a b"]} == form
    assert ["refresh-1"] == issuer.asked[2][1]["refresh_token"]
    found = granted(await root.get(f"/api/mcp-services/{service['id']}"))
    assert {"token_url": token_url, "client_id": "me", "scope": "a b"} == found["oauth"]
    everything = str(found) + (await root.get("/api/audit")).text
    assert not any(secret in everything for secret in ("s3cret", "token-", "refresh-"))


async def test_who_hands_out_nothing_that_can_be_used_is_said_so(root: Client, guarded: tuple[Issuer, str, str]):
    issuer, token_url, url = guarded
    body = {"name": "shop", "url": url, "private_network": True, "oauth": of_client(token_url, refresh_token="r")}
    service = granted(await root.post("/api/mcp-services", json=body))
    path = f"/api/mcp-services/{service['id']}"

    issuer.refuses = True
    refused = await root.post(f"{path}/refresh")
    issuer.refuses, issuer.kind = False, "DPoP"
    strange = await root.post(f"{path}/refresh")

    assert (502, "mcp_unreachable") == refusal(refused) == refusal(strange)
    assert "invalid_grant" in refused.text and "s3cret" not in refused.text
    assert "not supported" in strange.text
    assert "unhealthy" == granted(await root.get(path))["health"]


async def test_there_is_one_way_to_open_a_server_and_another_address_takes_it_away(root: Client):
    token_url, url = "https://id.example.com/token", "https://a.example.com/mcp"
    body = {"name": "a", "url": url, "credential": "c", "oauth": None}
    service = granted(await root.post("/api/mcp-services", json=body))
    path = f"/api/mcp-services/{service['id']}"

    opened = granted(await root.patch(path, json={"oauth": of_client(token_url)}))
    assert (False, "me") == (opened["has_credential"], opened["oauth"]["client_id"])
    closed = granted(await root.patch(path, json={"url": "https://b.example.com/mcp"}))
    assert (False, None) == (closed["has_credential"], closed["oauth"])
    without = {"token_url": token_url, "client_id": "me"}
    assert (422, "invalid_request") == refusal(await root.patch(path, json={"oauth": without}))
    near = of_client("http://id.example.com/token")
    assert "mcp_address_invalid" == refusal(await root.patch(path, json={"oauth": near}))[1]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"[]"),
        (302, b"{}"),
        (200, b'{"access_token": "a", "token_type": "mac"}'),
        (200, b'{"access_token": "", "token_type": "bearer"}'),
        (200, b'{"access_token": "a\\r\\nx: y", "token_type": "bearer"}'),
        (200, b'{"access_token": {"a": 1}, "token_type": "bearer"}'),
        (400, b'{"error": "<script>"}'),
    ],
)
def test_an_answer_that_is_no_token_is_refused(status: int, body: bytes):
    with pytest.raises(ValueError) as problem:
        told(status, body, OAuthSecrets(), 0)
    assert "script" not in str(problem.value)


def test_a_client_without_a_secret_is_known_by_its_id():
    headers, body = asked(OAuthClient("https://t", "me"), OAuthSecrets(refresh_token="r&"))
    assert b"grant_type=refresh_token&refresh_token=r%26&client_id=me" == body
    assert "authorization" not in dict(headers)
    lasting = told(200, b'{"access_token": "a", "token_type": "bearer", "expires_in": 1e12}', OAuthSecrets(), 10)
    assert lasting.is_good(10) and not lasting.is_good(10 + 31 * 86_400)
