"""A request through the whole house: what decides where it goes, and which tables are asked for that."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from control.catalog.upstreams import statements
from support.answers import granted
from support.house import Client, RunningHouse

from monoize.base.ids import fingerprint
from monoize.control.bridge.grants import KeyGrants
from monoize.infra.settings import Settings
from monoize.main.application import make_faces, open_all

OLDER = re.compile(r"\b(providers|model_mappings|group_members)\b")


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[RunningHouse]:
    """All of it, as `monoize serve` opens it."""
    app = make_faces(settings)
    async with open_all(settings) as app.state:
        yield RunningHouse(app, app.state.house, app.state.identity)


async def asked(served: RunningHouse, secret: str, model: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(served.app.state.gateway)
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    async with httpx2.AsyncClient(transport=transport, base_url="http://monoize.test") as client:
        headers = {"authorization": f"Bearer {secret}"}
        return await client.post("/v1/chat/completions", json=body, headers=headers)


async def offering(root: Client, *models: str) -> str:
    """A key for somebody, and channels that echo."""
    channel = {"name": "default", "base_url": "http://127.0.0.1:9"}
    offered = [{"name": model} for model in models]
    body = {"name": "echo", "type": "echo", "models": offered, "channels": [channel]}
    granted(await root.post("/api/providers", json=body))
    return str(granted(await root.post("/api/keys", json={"name": "k"}))["secret"])


async def test_names_are_in_force_as_soon_as_they_were_said(served: RunningHouse):
    root = await served.make_root()
    secret = await offering(root, "m")
    assert 404 == (await asked(served, secret, "old")).status_code
    granted(await root.put("/api/redirects", json={"redirects": [{"pattern": "old", "replace": "m"}]}))
    assert 200 == (await asked(served, secret, "old")).status_code
    assert 404 == (await asked(served, secret, "m-deep")).status_code
    granted(await root.put("/api/suffixes", json={"suffixes": [{"suffix": "-deep", "effort": "max"}]}))
    assert 200 == (await asked(served, secret, "m-deep")).status_code

    (key,) = granted(await root.get("/api/keys"))["items"]
    own = {"model_redirects": [{"pattern": "old", "replace": "nowhere"}]}
    granted(await root.patch(f"/api/keys/{key['id']}", json=own))
    assert 404 == (await asked(served, secret, "old")).status_code


async def test_rules_are_in_force_as_soon_as_they_were_said(served: RunningHouse):
    """Those of a provider come first, and those of a key last."""
    root = await served.make_root()
    secret = await offering(root, "m")
    (key,) = granted(await root.get("/api/keys"))["items"]
    (provider,) = granted(await root.get("/api/providers"))["items"]

    async def said() -> str:
        answer = await asked(served, secret, "m-high")
        return str(answer.json()["choices"][0]["message"]["content"])

    def tagged(tag: str) -> list[dict[str, object]]:
        return [{"transform": "reasoning_to_think_xml", "config": {"tag": tag}}]

    assert "You said: hello" == await said()
    granted(await root.patch(f"/api/keys/{key['id']}", json={"transforms": tagged("key")}))
    assert (await said()).startswith("<key>")
    granted(await root.put("/api/transforms/rules", json={"rules": tagged("everything")}))
    assert (await said()).startswith("<everything>")
    granted(await root.patch(f"/api/providers/{provider['id']}", json={"transforms": tagged("provider")}))
    assert (await said()).startswith("<provider>")


async def test_a_rule_that_its_owners_role_reaches_no_more_is_out_of_force(served: RunningHouse):
    root = await served.make_root()
    await offering(root, "m")
    admin = await served.make_user(root, "ada", role="admin")
    rules = [{"transform": "auto_cache_user_id"}, {"transform": "strip_reasoning"}]
    secret = granted(await admin.post("/api/keys", json={"name": "k", "transforms": rules}))["secret"]
    grants = KeyGrants(served.house.database, served.house.seal, lambda key_id, at: None)

    async def in_force() -> list[str]:
        grant = await grants.grant(fingerprint(secret))
        assert grant is not None
        return [type(rule.config).__name__ for rule in grant.transforms]

    assert ["AutoCacheUserId", "StripReasoning"] == await in_force()
    granted(await root.patch(f"/api/users/{admin.user['id']}", json={"role": "user"}))
    assert ["StripReasoning"] == await in_force()


async def test_no_older_table_is_asked_whatever_is_routed(served: RunningHouse):
    root = await served.make_root()
    with statements() as seen:
        secret = await offering(root, "m")
        granted(await root.put("/api/redirects", json={"redirects": [{"pattern": "old", "replace": "m"}]}))
        for model in ("m", "old", "m-high", "nothing"):
            await asked(served, secret, model)

    assert any("monoize_providers" in statement for statement in seen)
    assert any("api_keys" in statement for statement in seen)
    assert [] == [statement for statement in seen if OLDER.search(statement)]


async def test_an_agents_token_opens_models_at_its_users_cost_until_it_has_another_one(served: RunningHouse):
    root = await served.make_root()
    await offering(root, "m")
    granted(await root.put("/api/users/me/plan", json={"plan": "starter"}))
    made = granted(await root.post("/api/agents", json={"name": "helper"}))

    before = await asked(served, made["gateway_token"], "m")
    rotated = granted(await root.post(f"/api/agents/{made['agent']['id']}/rotate-token"))

    assert (200, 401) == (before.status_code, (await asked(served, made["gateway_token"], "m")).status_code)
    assert 200 == (await asked(served, rotated["gateway_token"], "m")).status_code
