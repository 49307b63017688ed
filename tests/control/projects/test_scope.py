"""A token for certain projects reaches those and nothing else; in a lockdown administrators alone come in."""

import pytest
from support.answers import granted, refusal
from support.endpoints import endpoints
from support.house import Client, RunningHouse, closed_application

PARTS = ("/api/projects", "/api/services", "/api/environments", "/api/routes", "/api/deployments", "/api/builds")


@pytest.fixture
async def shops(root: Client) -> dict[str, int]:
    """Two projects with a service each."""
    made = {}
    for name in ("ours", "theirs"):
        made[name] = granted(await root.post("/api/projects", json={"name": name}))["id"]
        body = {"name": "web", "image": "app:1", "start": False}
        path = f"/api/projects/{made[name]}/services"
        made[f"{name}/web"] = granted(await root.post(path, json=body))["service"]["id"]
    return made


async def test_a_token_for_a_project_sees_and_changes_that_alone(
    house: RunningHouse, root: Client, shops: dict[str, int]
):
    token = await house.make_token(root, "ci", role="admin", projects=[shops["ours"]])

    assert ["ours"] == [one["name"] for one in (await token.get("/api/projects")).json()["items"]]
    assert [shops["ours/web"]] == [one["id"] for one in (await token.get("/api/services")).json()["items"]]
    secret = {"values": {"A": {"value": "1"}}}
    granted(await token.put(f"/api/services/{shops['ours/web']}/secrets", json=secret))
    refused = await token.put(f"/api/services/{shops['theirs/web']}/secrets", json=secret)
    assert 404 == refusal(refused)[0]
    assert 404 == refusal(await token.get(f"/api/projects/{shops['theirs']}"))[0]
    assert (403, "outside_of_projects") == refusal(await token.post("/api/projects", json={"name": "mine"}))
    assert (403, "not_permitted") == refusal(await token.get("/api/users"))
    assert (403, "not_permitted") == refusal(await token.post("/api/tokens", json={"name": "another"}))
    assert ["projects.read", "projects.write", "self", "self.read"] == (await token.get("/api/me")).json()[
        "permissions"
    ]


async def test_no_endpoint_tells_a_token_for_one_project_of_another(
    house: RunningHouse, root: Client, shops: dict[str, int]
):
    """Every GET of the room, asked about what is not theirs."""
    token = await house.make_token(root, "ci", role="deployer", projects=[shops["ours"]])
    asked = 0
    for endpoint in endpoints(closed_application()):
        method, path = str(endpoint).split()
        if method != "GET" or not path.startswith(PARTS):
            continue
        filled = path.replace("{project_id}", str(shops["theirs"])).replace(
            "{service_id}", str(shops["theirs/web"])
        )
        filled = filled.replace("{route_id}", "1").replace("{deployment_id}", "1").replace("{build_id}", "1")
        filled = filled.replace("{environment_id}", "1").replace("{number}", "1").replace("{key}", "A")
        answer = await token.get(filled)
        asked += 1
        if answer.status_code == 200:
            assert "theirs" not in answer.text and str(shops["theirs/web"]) not in str(
                [one.get("id") for one in answer.json()["items"]]
            ), filled
        else:
            assert answer.status_code in (403, 404), filled
    assert asked > 10


async def test_in_a_lockdown_administrators_alone_come_in_until_it_is_lifted(house: RunningHouse, root: Client):
    deployer = await house.make_token(root, "ci", role="deployer")
    granted(await root.put("/api/lockdown", json={"reason": "an intruder"}))

    for refused in (await deployer.get("/api/projects"), await deployer.post("/api/projects", json={"name": "x"})):
        assert (503, "system_lockdown") == refusal(refused)
        assert "an intruder" == refused.json()["reason"]
    told = (await deployer.get("/api/lockdown")).json()
    assert (True, "an intruder", "user:root") == (told["locked"], told["reason"], told["by"])
    granted(await root.get("/api/projects"))
    granted(await root.delete("/api/lockdown"))
    granted(await deployer.get("/api/projects"))
