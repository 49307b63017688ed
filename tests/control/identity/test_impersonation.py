"""A service token that acts for a user: only where it was allowed to, and always under both names."""

from typing import Any

import pytest
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.rows import every_row, last_seq, logs_after

from monoize.base.principal import ROLE_PERMISSIONS, SCOPES

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"
EVERYTHING = sorted(SCOPES)


@pytest.fixture
async def frontend(house: RunningHouse, root: Client) -> Client:
    """A token with every scope there is."""
    return await house.make_token(root, "frontend", role="admin", scopes=EVERYTHING)


def acting_for(client: Client, user: Client | str) -> Client:
    token = client.headers["authorization"].removeprefix("Bearer ")
    acting = Client(client.app, bearer=token)
    acting.headers["x-user-id"] = user if isinstance(user, str) else user.user["id"]
    return acting


async def test_with_the_scope_a_token_is_the_user_and_still_itself(frontend: Client, user: Client):
    me = granted(await acting_for(frontend, user).get("/api/me"))

    permissions = sorted(ROLE_PERMISSIONS["user"])
    assert ("user", "alice", "user", "token:frontend", permissions) == (
        me["kind"],
        me["name"],
        me["role"],
        me["via"],
        me["permissions"],
    )
    assert "frontend" == granted(await frontend.get("/api/me"))["name"]


async def test_both_names_stand_in_the_audit_log(house: RunningHouse, frontend: Client, user: Client):
    before = await last_seq(house.house.database)

    key = granted(await acting_for(frontend, user).post("/api/keys", json={"name": "laptop"}))["key"]

    (row,) = await logs_after(house.house.database, before)
    assert ("key.create", "user:alice", "token:frontend") == (row.action, row.actor, row.via)
    assert user.user["id"] == key["user_id"]
    (shown, *_) = granted(await frontend.get("/api/audit?action=key.create"))["items"]
    assert ("user:alice", "token:frontend") == (shown["actor"], shown["via"])


async def test_without_the_scope_nobody_acts_for_anybody(house: RunningHouse, root: Client, user: Client):
    key = granted(await user.post("/api/keys", json={"name": "laptop"}))["secret"]
    without = await house.make_token(root, "tool", role="admin")
    scoped = await house.make_token(root, "scoped", role="admin", scopes=sorted(SCOPES - {"impersonate"}))

    for client in (without, scoped, root, user, house.bearing(key)):
        for whom in (user, root):
            assert (403, "impersonation_refused") == refusal(await acting_for(client, whom).get("/api/me"))


async def test_a_user_of_another_tenant_is_out_of_reach(house: RunningHouse, root: Client, frontend: Client):
    tenant = granted(await root.post("/api/tenants", json={"name": "elsewhere"}))["id"]
    foreigner = await house.make_user(root, "bob", tenant_id=tenant)
    local = await house.make_token(root, "local", role="viewer", scopes=EVERYTHING, tenant_id=tenant)

    assert (403, "impersonation_refused") == refusal(await acting_for(frontend, foreigner).get("/api/me"))
    assert "bob" == granted(await acting_for(local, foreigner).get("/api/me"))["name"]
    assert (403, "impersonation_refused") == refusal(await acting_for(local, root).get("/api/me"))


@pytest.mark.parametrize(
    ("token_role", "reached"),
    [("admin", ["user", "admin"]), ("deployer", ["user"]), ("viewer", ["user"])],
)
async def test_nobody_acts_for_somebody_higher(
    house: RunningHouse, root: Client, token_role: str, reached: list[str]
):
    token = await house.make_token(root, "bff", role=token_role, scopes=EVERYTHING)

    for role in ("user", "admin", "super_admin"):
        answer = await acting_for(token, await house.make_user(root, role=role)).get("/api/me")
        if role in reached:
            assert role == granted(answer)["role"]
        else:
            assert (403, "impersonation_refused") == refusal(answer)


async def test_only_what_both_may_is_allowed(house: RunningHouse, root: Client, admin: Client, user: Client):
    reader = await house.make_token(root, "reader", role="admin", scopes=["impersonate", "users.read"])
    bare = await house.make_token(root, "bare", role="admin", scopes=["impersonate"])

    assert ["users.read"] == granted(await acting_for(reader, admin).get("/api/me"))["permissions"]
    assert [] == granted(await acting_for(reader, user).get("/api/me"))["permissions"]
    assert [] == granted(await acting_for(bare, admin).get("/api/me"))["permissions"]
    granted(await acting_for(reader, admin).get("/api/users"))
    assert (403, "not_permitted") == refusal(await acting_for(reader, user).get("/api/users"))
    refused = await acting_for(reader, admin).post("/api/users", json={"username": "bob"})
    assert (403, "not_permitted") == refusal(refused)


async def test_the_rules_about_roles_are_those_of_the_user(
    house: RunningHouse, root: Client, admin: Client, user: Client, frontend: Client
):
    acting = acting_for(frontend, admin)
    other = await house.make_user(root, "other", role="admin")
    before = await every_row(house.house.database)

    assert (403, "not_permitted") == refusal(await acting_for(frontend, user).get("/api/users"))
    for body in ({"username": "bob", "role": "admin"}, {"username": "bob", "role": "super_admin"}):
        assert (403, "role_too_high") == refusal(await acting.post("/api/users", json=body))
    for whom in (other, root):
        assert (403, "role_too_high") == refusal(await acting.patch(f"/api/users/{whom.user['id']}", json={}))
    myself = f"/api/users/{admin.user['id']}"
    assert (409, "not_yourself") == refusal(await acting.patch(myself, json={"enabled": False}))
    assert (await acting.delete(myself)).is_error
    assert before == await every_row(house.house.database)


async def test_acting_for_an_admin_makes_no_token_stronger_than_the_one_that_acts(
    house: RunningHouse, root: Client, admin: Client
):
    tenant = granted(await root.post("/api/tenants", json={"name": "elsewhere"}))["id"]
    maker = await house.make_token(
        root, "maker", role="admin", scopes=["impersonate", "tokens.write", "users.read"]
    )
    acting = acting_for(maker, admin)
    beyond: list[dict[str, Any]] = [
        {"role": "admin"},
        {"role": "admin", "scopes": ["users.write"]},
        {"role": "admin", "scopes": ["impersonate"], "tenant_id": tenant},
    ]

    for fields in beyond:
        assert (403, "role_too_high") == refusal(await acting.post("/api/tokens", json={"name": "child", **fields}))
    granted(await acting.post("/api/tokens", json={"name": "child", "role": "admin", "scopes": ["users.read"]}))


@pytest.mark.parametrize("whom", [NOWHERE, "", "root", "x" * 5000, "%00", "'; DROP TABLE users; --"])
async def test_who_is_not_there_is_refused_like_who_is_out_of_reach(root: Client, frontend: Client, whom: str):
    nobody = await acting_for(frontend, whom).get("/api/me")
    too_high = await acting_for(frontend, root).get("/api/me")

    assert (403, "impersonation_refused") == refusal(nobody)
    assert {**too_high.json(), "request_id": ""} == {**nobody.json(), "request_id": ""}


async def test_a_disabled_user_is_not_acted_for(root: Client, frontend: Client, user: Client):
    granted(await acting_for(frontend, user).get("/api/me"))
    granted(await root.patch(f"/api/users/{user.user['id']}", json={"enabled": False}))

    assert (403, "account_disabled") == refusal(await acting_for(frontend, user).get("/api/me"))


async def test_acting_ends_with_the_token(root: Client, frontend: Client, user: Client):
    granted(await acting_for(frontend, user).get("/api/me"))
    granted(await root.delete("/api/tokens/frontend"))

    assert (401, "invalid_credential") == refusal(await acting_for(frontend, user).get("/api/me"))
