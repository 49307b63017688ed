"""A secret that enters or is made shows up where its owner asked for it, and nowhere else.

A real server is led through everything that handles secrets, also the wrong way round and over an error of its
own; then its log, its audit log and all its refusals are searched for every secret there was.
"""

import dataclasses
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from support.agent_on_machine import standing_agent
from support.house import MASTER_KEY
from support.logins import login
from support.patience import PATIENCE_S
from support.server import Server, forked_server

from monoize.base.ids import new_id

ADMIN_TOKEN: Final = "an operators own token 0123456789"
FIRST_PASSWORD: Final = "the first password 7f3a"
NEW_PASSWORD: Final = "the second password 9c1e"
UPSTREAM_KEY: Final = "sk-of-an-upstream-5e8b2c"
WRONG_PASSWORD: Final = "a guessed password 4b2d"


@dataclasses.dataclass
class Story:
    """A server that was led through everything, and all it was told and told us in confidence."""

    server: Server
    database: Path
    client: httpx2.Client
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)
    refusals: list[str] = dataclasses.field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, *, bearer: str = "", **headers: str) -> httpx2.Response:
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        answer = self.client.request(method, path, json=body, headers=headers)
        if answer.is_error:
            self.refusals.append(answer.text)
        return answer

    def kept(self, what: str, secret: str) -> str:
        self.secrets[what] = secret
        return secret


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("secrets")
    options = {
        "MONOIZE_MASTER_KEY": MASTER_KEY,
        "MONOIZE_ADMIN_TOKEN": ADMIN_TOKEN,
        "MONOIZE_LOG_LEVEL": "debug",
        "MONOIZE_REGISTRATION_ENABLED": "true",
        "MONOIZE_EGRESS_LISTEN": "",
    }
    with forked_server(folder, **options) as server, httpx2.Client(base_url=server.address, timeout=60) as client:
        told = Story(server, folder / "data" / "monoize.db", client)
        told.secrets = {"master key": MASTER_KEY, "admin token": ADMIN_TOKEN}
        tell(told)
        yield told


def tell(story: Story) -> None:
    ask, kept = story.ask, story.kept
    link = kept("first link", story.server.read_link())
    kept("first password", FIRST_PASSWORD)
    kept("second password", NEW_PASSWORD)
    kept("guessed password", WRONG_PASSWORD)

    ask("POST", "/api/auth/first-account", {"username": "root", "password": FIRST_PASSWORD, "link": link[:-1]})
    ask("POST", "/api/auth/first-account", {"username": FIRST_PASSWORD, "password": "ro", "link": link})
    first = {"username": "root", "password": FIRST_PASSWORD, "email": "root@example.com", "link": link}
    root = kept("session", ask("POST", "/api/auth/first-account", first).json()["token"])
    ask("POST", "/api/auth/first-account", first)

    ask("POST", "/api/auth/login", {"name": "root", "password": WRONG_PASSWORD})
    ask("POST", "/api/auth/login", {"name": WRONG_PASSWORD, "password": ["root"]})
    ask("POST", "/api/auth/login", {"name": "root", "passwort": WRONG_PASSWORD})
    login = ask("POST", "/api/auth/login", {"name": "root", "password": FIRST_PASSWORD})
    kept("second session", login.json()["token"])

    key = ask("POST", "/api/keys", {"name": "laptop"}, bearer=root, **{"idempotency-key": "k-1"}).json()["secret"]
    kept("api key", key)
    ask("POST", "/api/keys", {"name": "other"}, bearer=root, **{"idempotency-key": "k-1"})
    ask("GET", "/api/users", bearer=key)
    ask("GET", "/api/me", bearer=key[:-1])
    ask("GET", "/api/me", **{"x-api-key": key[:-1]})
    ask("POST", "/api/keys", {"name": key, "expires_at": key, "ip_whitelist": [key[:60]]}, bearer=root)

    token = kept("token", ask("POST", "/api/tokens", {"name": "ci", "role": "admin"}, bearer=root).json()["secret"])
    ask("GET", "/api/me", bearer=token)
    ask("GET", "/api/me", bearer=token[:-1])
    ask("GET", f"/api/keys/{token}", bearer=token)
    ask("DELETE", f"/api/tokens/{token}", bearer=root)
    ask("GET", "/api/users", bearer=ADMIN_TOKEN)
    ask("GET", "/api/users", bearer=ADMIN_TOKEN[:-1])
    ask("GET", "/api/users", bearer=root, **{"x-user-id": token})

    made = ask("POST", "/api/users", {"username": "alice", "password": FIRST_PASSWORD}, bearer=root).json()
    alice = f"/api/users/{made['id']}"
    ask("POST", "/api/users", {"username": "alice", "password": FIRST_PASSWORD}, bearer=root)
    ask("PATCH", alice, {"password": NEW_PASSWORD, "role": FIRST_PASSWORD}, bearer=root)
    ask("PATCH", alice, {"password": NEW_PASSWORD}, bearer=root)
    ask("POST", "/api/auth/register", {"username": "alice", "password": FIRST_PASSWORD})
    change = {"current_password": WRONG_PASSWORD, "new_password": NEW_PASSWORD}
    ask("POST", "/api/me/password", change, bearer=root)
    ask("POST", "/api/me/password", {**change, "current_password": FIRST_PASSWORD}, bearer=root)
    ask("POST", "/api/auth/verify-email", {"link": link})
    ask("POST", "/api/auth/logout", bearer=story.secrets["second session"])

    credential = kept("upstream's key", UPSTREAM_KEY)
    channel = {"name": "first", "base_url": "https://api.example.com", "api_key": credential}
    provider = {"name": "upstream", "type": "echo", "channels": [channel]}
    made = ask("POST", "/api/providers", provider, bearer=root, **{"idempotency-key": "p-1"}).json()
    ask("POST", "/api/providers", provider, bearer=root)
    ask("POST", "/api/providers", {**provider, "name": "other", "channels": [channel, channel]}, bearer=root)
    ask("POST", "/api/providers", {**provider, "api_key": credential, "type": credential}, bearer=root)
    at = f"/api/providers/{made['id']}"
    moved = {"base_url": f"https://elsewhere.example.com/?key={credential}", "api_key": [credential]}
    ask("PATCH", f"{at}/channels/{made['channels'][0]['id']}", moved, bearer=root)
    for path in (at, "/api/providers"):
        assert credential not in ask("GET", path, bearer=root).text

    tell_of_fleet(story, root)
    tell_of_agents(story, root)

    # A row that cannot be read is an error of our own: its traceback goes to the log while secrets are at hand.
    with sqlite3.connect(story.database) as damaged:
        damaged.execute("UPDATE users SET allowed_groups = '{' WHERE username = 'alice'")
    damaged.close()
    ask("POST", "/api/auth/login", {"name": "alice", "password": NEW_PASSWORD})
    ask("GET", "/api/users", bearer=root)


def tell_of_fleet(story: Story, root: str) -> None:
    """A login is seeded, served, renewed, read out and replaced; each step is also gone wrongly."""
    ask, kept = story.ask, story.kept
    ask("POST", "/api/fleet/pools", {"name": "hub", "mode": "hub"}, bearer=root)
    at = "/api/fleet/credentials/hub"
    document = login("of the fleet")
    for name in ("access_token", "refresh_token", "id_token"):
        kept(f"fleet's {name}", document["tokens"][name])

    link = ask("POST", f"{at}/seed-links", bearer=root).json()["url"]
    seed = kept("seed link", link.rpartition("/")[2])
    ask("POST", f"/seed/auth/{seed}", {**document, "auths": {"a": document["tokens"]["refresh_token"]}})
    ask("POST", f"/seed/auth/{seed}", document)
    ask("POST", f"/seed/auth/{seed}", document)
    ask("POST", at, {"auth": {**document, "auths": document["tokens"]}}, bearer=root)
    ask("POST", at, {"auth": document, "force": document["tokens"]["refresh_token"]}, bearer=root)

    host = ask("POST", "/api/fleet/hosts", {"fqdn": "build-1.example.com", "pool": "hub"}, bearer=root).json()
    key = kept("host key", host["secret"])
    install = kept("install link", host["installer"]["url"].rpartition("/")[2])
    ask("GET", f"/install/{install}")
    ask("GET", f"/install/{install}")
    asked = {"digest": "0" * 64, "last_refresh": document["last_refresh"]}
    served = ask("POST", "/auth", asked, bearer=key).json()["data"]["auth"]
    token = kept("host's refresh token", served["tokens"]["refresh_token"])
    ask("POST", "/auth", {**asked, "digest": token}, bearer=key)
    ask("POST", "/auth", asked, bearer=key[:-1])
    ask("POST", "/auth", {"command": "store", "auth": document}, bearer=key)
    ask("POST", "/auth", {"command": "store", "auth": {"tokens": document["tokens"]}}, bearer=key)
    ask("POST", "/oauth/token", {"refresh_token": token[:-1]})
    ask("POST", "/oauth/token", {"refresh_token": token, "grant_type": token})
    ask("POST", "/oauth/token", {"refresh_token": token})
    payload = ask("GET", f"{at}/payloads", bearer=root).json()["items"][0]["id"]
    assert found_in(ask("POST", f"{at}/payloads/{payload}/reveal", bearer=root).text, story.secrets)
    for path in (at, f"{at}/payloads", f"{at}/payloads/{payload}", f"{at}/diff?before={payload}&after={payload}"):
        assert [] == found_in(ask("GET", path, bearer=root).text, story.secrets)


def tell_of_agents(story: Story, root: str) -> None:
    """Tokens are made, shown, renewed and shown wrongly; channels are given credentials, and these asked for."""
    ask, kept = story.ask, story.kept
    ask("POST", "/api/plans", {"name": "secretive", "max_agents": 3, "max_vpses": 1}, bearer=root)
    ask("PUT", "/api/users/me/plan", {"plan": "secretive"}, bearer=root)
    made = ask("POST", "/api/agents", {"name": "helper"}, bearer=root, **{"idempotency-key": "a-1"}).json()
    token, at = kept("agent's token", made["gateway_token"]), f"/api/agents/{made['agent']['id']}"
    ask("POST", "/api/agents", {"name": "helper"}, bearer=root, **{"idempotency-key": "a-1"})
    ask("POST", "/api/agents", {"name": token, "gateway_token": token}, bearer=root)
    for bearer in (token, token[:-1]):
        ask("GET", f"{at}/usage", bearer=bearer)
        ask("DELETE", at, bearer=bearer)
        ask("POST", "/v1/chat/completions", {"model": "m", "messages": []}, bearer=bearer)
    credential = kept("channel's credential", "xoxb-channel-credential-0123456789")
    secret = kept("channel's webhook secret", "webhook-secret-0123456789")
    channel = {"kind": "slack", "credentials": {"bot_token": credential}, "webhook_secret": secret}
    ask("POST", f"{at}/channels", channel, bearer=root)
    ask("POST", f"{at}/channels", {**channel, "kind": credential}, bearer=root)
    ask("POST", f"{at}/channels", {**channel, "credentials": {credential: credential, "": secret}}, bearer=root)
    tell_of_deliveries(story, root, at, channel)
    kept("agent's second token", ask("POST", f"{at}/rotate-token", bearer=root).json()["gateway_token"])
    for path in (at, "/api/agents", f"{at}/channels", f"{at}/usage", "/api/keys"):
        assert [] == found_in(ask("GET", path, bearer=root).text, story.secrets)


def tell_of_deliveries(story: Story, root: str, at: str, channel: dict[str, Any]) -> None:
    """The agent's machine is told of its channels, refuses, repeating what it heard, and takes them in the end."""
    agent, address = standing_agent()
    agent.is_sulking = True
    user, preset, machine = story.ask("GET", at, bearer=root).json()["user_id"], new_id(), new_id()
    with sqlite3.connect(story.database) as database:
        row = "INSERT INTO vps_configs (id, name, provider, image, cpu_millicores, memory_mb, disk_gb)"
        database.execute(f"{row} VALUES (?, 'p', 'fly', 'none', 100, 64, 1)", [preset])
        row = "INSERT INTO vpses (id, user_id, vps_config_id, name, provider, state, address)"
        database.execute(f"{row} VALUES (?, ?, ?, 'm', 'fly', 'running', ?)", [machine, user, preset, address])
        database.execute("UPDATE agents SET vps_id = ?", [machine])

    def wait_until(name: str, value: object) -> None:
        until = time.monotonic() + PATIENCE_S
        while value != story.ask("GET", f"{at}/channels", bearer=root).json()["items"][0][name]:
            assert time.monotonic() < until, f"the channel is not {name} {value}"
            time.sleep(0.1)

    wait_until("problem", "the agent refused it")
    agent.is_sulking = False
    story.ask("POST", f"{at}/channels", channel, bearer=root)
    wait_until("delivered", True)
    assert channel["credentials"]["bot_token"] in json.dumps(agent.heard)
    with sqlite3.connect(story.database) as database:
        database.execute("UPDATE agents SET vps_id = NULL")
        database.execute("DELETE FROM vpses")


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    return [what for what, secret in secrets.items() if secret in text]


def test_no_secret_is_written_to_the_log(story: Story):
    logged = story.server.logged()

    assert "Traceback" in logged
    assert "channels_not_delivered" in logged
    assert [] == found_in(logged, story.secrets)


def test_no_secret_is_repeated_by_a_refusal(story: Story):
    assert len(story.refusals) > 20
    assert {} == {text: found for text in story.refusals if (found := found_in(text, story.secrets))}


def test_an_error_of_our_own_says_no_more_than_that(story: Story):
    errors = [json.loads(text) for text in story.refusals if '"internal_error"' in text]

    assert 2 == len(errors)
    for error in errors:
        assert (500, "Something went wrong on our side.") == (error["status"], error["detail"])
        assert {"type", "title", "status", "code", "detail", "request_id", "hint"} == error.keys()
        assert error["request_id"] in story.server.logged()


def test_no_secret_enters_the_audit_log(story: Story):
    with sqlite3.connect(story.database) as database:
        rows = "\n".join(map(repr, database.execute("SELECT * FROM logs")))
    database.close()

    assert "user.create_first" in rows
    assert [] == found_in(rows, story.secrets)


def test_no_secret_is_stored_readable_anywhere(story: Story):
    stored = b"".join(file.read_bytes() for file in story.database.parent.rglob("*") if file.is_file())

    assert [] == [what for what, secret in story.secrets.items() if secret.encode() in stored]
