"""Plans, presets, agents, usage and budgets over HTTP: who sees what, who may do what, what never comes back."""

import asyncio

import pytest
from control.compute.bench import ComputeBench
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.base.ids import fingerprint
from monoize.control.bridge.grants import KeyGrants
from monoize.control.compute.actions import accounting, seed
from monoize.control.compute.model.overage import Usage, month_of
from monoize.control.compute.model.seed import seed_plans, seed_presets
from monoize.control.compute.store import usage
from monoize.main.plans import plant_plans

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"
PRESET = {"provider": "process", "image": "sleep 60", "cpu_millicores": 500, "memory_mb": 256}
GB = 2**30


@pytest.fixture
async def plan(root: Client, user: Client) -> str:
    """Alice is on it; it includes the preset `tiny` and not `huge`."""
    terms = {"max_agents": 2, "max_vpses": 1, "max_bandwidth_bytes": GB, "overage_bandwidth_cost_per_gb_cents": 10}
    made = granted(await root.post("/api/plans", json={"name": "small", **terms}))
    for name in ("tiny", "huge"):
        granted(await root.post("/api/vps-configs", json={"name": name, **PRESET}))
    granted(await root.put("/api/plans/small/vps-configs/tiny"))
    granted(await root.put(f"/api/users/{user.user['id']}/plan", json={"plan": "small"}))
    return str(made["id"])


async def use(house: RunningHouse, client: Client, machine_id: str, bytes: int) -> None:
    """As the proxy would report it."""
    now = utc_now()
    async with house.house.database.write() as tx:
        await usage.add(tx, month_of(now), {machine_id: Usage(bytes)})
        await accounting.settle(tx, house.house.seal, [client.user["id"]], month_of(now), now)


async def test_a_user_sees_their_own_plan_and_its_presets_and_administrators_see_all(
    root: Client, user: Client, admin: Client, plan: str
):
    granted(await root.post("/api/plans", json={"name": "large", "max_agents": 9, "max_vpses": 9}))

    async def names(client: Client, path: str) -> list[str]:
        return sorted(item["name"] for item in granted(await client.get(path))["items"])

    assert (["small"], ["tiny"]) == (await names(user, "/api/plans"), await names(user, "/api/vps-configs"))
    assert ["large", "small"] == await names(admin, "/api/plans")
    assert ["huge", "tiny"] == await names(admin, "/api/vps-configs")
    assert ["tiny"] == await names(admin, f"/api/plans/{plan}/vps-configs")
    assert [] == await names(user, "/api/plans/large/vps-configs")
    assert (404, "plan_not_found") == refusal(await user.get("/api/plans/large"))
    assert (404, "vps_config_not_found") == refusal(await user.get("/api/vps-configs/huge"))
    own = granted(await user.get("/api/users/me/plan"))["plan"]
    assert (plan, 50 * GB, 100 * 3_600_000) == (own["id"], own["max_storage_bytes"], own["max_cpu_ms"])
    for write in (
        user.post("/api/plans", json={"name": "mine", "max_agents": 1, "max_vpses": 1}),
        user.put("/api/users/me/plan", json={"plan": "large"}),
        user.patch("/api/vps-configs/tiny", json={"memory_mb": 1}),
    ):
        assert (403, "not_permitted") == refusal(await write)


async def test_what_is_wrong_about_plans_and_presets_is_said(root: Client, user: Client, plan: str):
    async def code(method: str, path: str, **body: object) -> tuple[int, str]:
        return refusal(await root.request(method, path, json=body))

    assert (409, "plan_exists") == await code("POST", "/api/plans", name="small", max_agents=1, max_vpses=1)
    assert (409, "vps_config_exists") == await code("POST", "/api/vps-configs", name="tiny", **PRESET)
    assert (400, "provider_unknown") == await code(
        "POST", "/api/vps-configs", **{**PRESET, "name": "x", "provider": "aws"}
    )
    assert (400, "provider_not_configured") == await code(
        "POST", "/api/vps-configs", **{**PRESET, "name": "x", "provider": "fly"}
    )
    for terms in ({"max_agents": -1}, {"max_vpses": 1.5}, {"name": NOWHERE}, {"max_bandwidth_bytes": 2**63}):
        body = {"name": "x", "max_agents": 1, "max_vpses": 1, **terms}
        assert (422, "invalid_request") == await code("POST", "/api/plans", **body)
    assert (422, "not_clearable") == await code("PATCH", "/api/plans/small", max_cpu_ms=None)
    assert (404, "plan_not_found") == await code("PUT", f"/api/users/{user.user['id']}/plan", plan="none-such")
    assert (404, "user_not_found") == await code("PUT", f"/api/users/{NOWHERE}/plan", plan="small")


async def test_agents_have_a_token_that_is_shown_once_and_opens_the_gateway(
    house: RunningHouse, root: Client, user: Client, plan: str
):
    made = granted(await user.post("/api/agents", json={"name": "helper"}))
    path, token = f"/api/agents/{made['agent']['id']}", made["gateway_token"]
    rotated = granted(await user.post(f"{path}/rotate-token"))["gateway_token"]

    grants = KeyGrants(house.house.database, house.house.seal, lambda *_: None)
    opened = await grants.grant(fingerprint(rotated))
    assert opened is not None
    assert (user.user["id"], made["agent"]["id"]) == (opened.user_id, opened.agent_id)
    assert await grants.grant(fingerprint(token)) is None
    shown = (await user.get(path)).text + (await user.get("/api/agents")).text + (await root.get("/api/audit")).text
    assert rotated not in shown and token not in shown and "helper" in shown
    itself, other = house.bearing(rotated), granted(await user.post("/api/agents", json={"name": "other"}))["agent"]
    assert made["agent"]["id"] == granted(await itself.get(f"{path}/usage"))["agent_id"]
    for elsewhere in ("/api/agents", path, f"/api/agents/{other['id']}/usage", "/api/users/me/usage"):
        assert (403, "not_permitted") == refusal(await itself.get(elsewhere))
    granted(await user.patch(path, json={"enabled": False}))
    assert await grants.grant(fingerprint(rotated)) is None
    assert (401, "invalid_credential") == refusal(await itself.get(f"{path}/usage"))


async def test_others_agents_are_not_there_and_administrators_act_for_their_users(
    house: RunningHouse, root: Client, user: Client, admin: Client, plan: str
):
    bob = await house.make_user(root, "bob")
    made = granted(await user.post("/api/agents", json={"name": "helper"}))["agent"]
    path = f"/api/agents/{made['id']}"

    for ask in (
        bob.get(path),
        bob.patch(path, json={"name": "mine"}),
        bob.delete(path),
        bob.post(f"{path}/rotate-token"),
        bob.get(f"{path}/usage"),
        bob.get(f"{path}/channels"),
        bob.post(f"{path}/channels", json={"kind": "web", "credentials": {"a": "b"}}),
        bob.delete(f"{path}/channels/web"),
    ):
        assert (404, "agent_not_found") == refusal(await ask)
    for ask in (
        bob.get("/api/agents", params={"user_id": user.user["id"]}),
        bob.get("/api/agents", params={"everybody": "true"}),
        bob.post("/api/agents", json={"name": "x", "user_id": user.user["id"]}),
        bob.get(f"/api/users/{user.user['id']}/usage"),
        bob.put(f"/api/users/{user.user['id']}/overage-budget", json={"budget_cents": 1}),
    ):
        assert (403, "not_permitted") == refusal(await ask)
    assert (403, "no_plan") == refusal(await bob.post("/api/agents", json={"name": "x"}))
    assert [] == granted(await bob.get("/api/agents"))["items"]
    granted(await admin.post("/api/agents", json={"name": "second", "user_id": user.user["id"]}))
    assert ["second", "helper"] == [
        item["name"] for item in granted(await admin.get("/api/agents", params={"everybody": "true"}))["items"]
    ]
    assert [made] == granted(await user.get("/api/agents", params={"name": "helper"}))["items"]
    assert (403, "limit_exceeded") == refusal(await user.post("/api/agents", json={"name": "third"}))
    assert 204 == (await admin.delete(path)).status_code


async def test_what_channels_hold_is_never_shown_again(root: Client, user: Client, plan: str):
    path = f"/api/agents/{granted(await user.post('/api/agents', json={'name': 'a'}))['agent']['id']}/channels"
    body = {"kind": "telegram", "credentials": {"bot_token": "very-secret"}, "webhook_secret": "also-secret"}

    made = await user.post(path, json=body)
    listed = await user.get(path)

    assert 201 == made.status_code
    [shown] = granted(listed)["items"]
    assert (["bot_token"], True, "telegram") == (shown["keys"], shown["has_webhook_secret"], shown["kind"])
    everything = made.text + listed.text + (await root.get("/api/audit")).text
    assert "very-secret" not in everything and "also-secret" not in everything
    for wrong in ({"kind": "fax"}, {"credentials": {}}, {"credentials": {"a": 1}}, {"credentials": {"": "x"}}):
        assert (422, "invalid_request") == refusal(await user.post(path, json={**body, **wrong}))
    granted(await user.delete(f"{path}/telegram"))
    assert (404, "agent_channel_not_found") == refusal(await user.delete(f"{path}/telegram"))


async def test_usage_overage_and_budget_are_told_as_they_are_charged(
    house: RunningHouse, root: Client, user: Client, plan: str
):
    granted(
        await root.post("/api/ledger/top-ups", json={"user_id": user.user["id"], "amount_nano_usd": "1000000000"})
    )
    books = ComputeBench(house.house.database)
    machine = await books.machine(user.user["id"])
    agent = granted(await user.post("/api/agents", json={"name": "a"}))["agent"]["id"]
    before = granted(await user.get("/api/users/me/usage"))
    await use(house, user, machine, 2 * GB + 1)

    over = granted(await user.get("/api/users/me/usage"))
    raised = granted(await user.put("/api/users/me/overage-budget", json={"budget_cents": 50}))
    after = granted(await user.get("/api/users/me/usage"))

    assert ({"used": 0, "limit": GB, "exceeded": False}, True) == (before["bandwidth"], before["allowed"])
    assert ({"used": 2 * GB + 1, "limit": GB, "exceeded": True}, False) == (over["bandwidth"], over["allowed"])
    assert (11, 0, 0) == tuple(over[f"overage_{name}_cents"] for name in ("cost", "budget", "charged"))
    assert (11, True) == (raised["charged_cents"], raised["allowed"])
    assert (11, 50, 11) == tuple(after[f"overage_{name}_cents"] for name in ("cost", "budget", "charged"))
    [told] = after["machines"]
    assert (machine, 2 * GB + 1, 0) == (told["id"], told["bandwidth_bytes"], told["cpu_used_ms"])
    assert None is granted(await user.get(f"/api/agents/{agent}/usage"))["machine"]
    for wrong in (-1, 1.5, "5", None, 2**63):
        body = {"budget_cents": wrong}
        assert (422, "invalid_request") == refusal(await user.put("/api/users/me/overage-budget", json=body))
    assert (404, "user_not_found") == refusal(await root.get(f"/api/users/{NOWHERE}/usage"))


async def test_a_new_installation_gets_plans_and_presets_once_and_an_old_one_keeps_its_own(
    house: RunningHouse, root: Client
):
    await asyncio.gather(*(plant_plans(house.house) for _ in range(3)))
    planted = [item["name"] for item in granted(await root.get("/api/plans"))["items"]]
    for name in planted:
        granted(await root.delete(f"/api/plans/{name}"))
    await plant_plans(house.house)

    assert sorted(planted) == sorted(each.values["name"] for each in seed_plans())
    assert [] == granted(await root.get("/api/plans"))["items"]
    assert len(seed_presets()) == len(granted(await root.get("/api/vps-configs"))["items"])
    known = {preset["name"] for preset in seed_presets()}
    assert all(known.issuperset(each.presets) for each in seed_plans())
    async with house.house.database.read() as tx:
        assert not await seed.is_due(tx)


async def test_no_more_agents_are_made_at_once_over_http_than_the_plan_allows(user: Client, plan: str):
    answers = await together(*(user.post("/api/agents", json={"name": f"a{n}"}) for n in range(8)))

    assert [201] * 2 + [403] * 6 == sorted(answer.status_code for answer in answers)
