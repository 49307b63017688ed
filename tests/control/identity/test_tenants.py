"""Organisations: suspending one shuts out everything that belongs to it, at once, and loses nothing."""

import pytest
from support.answers import granted, refusal
from support.house import PASSWORD, Client, RunningHouse

from monoize.control.identity.model import DEFAULT_TENANT_ID

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"


async def test_suspension_shuts_out_sessions_keys_tokens_and_sign_ins_until_it_is_lifted(
    house: RunningHouse, root: Client, visitor: Client
):
    tenant = granted(await root.post("/api/tenants", json={"name": "acme"}))
    user = await house.make_user(root, "alice", tenant_id=tenant["id"])
    key = house.bearing(granted(await user.post("/api/keys", json={"name": "laptop"}))["secret"])
    token = await house.make_token(root, "ci", tenant_id=tenant["id"])
    everyone = (user, key, token)
    login = {"name": "alice", "password": PASSWORD}
    for client in everyone:
        granted(await client.get("/api/me"))

    granted(await root.patch(f"/api/tenants/{tenant['id']}", json={"status": "suspended"}))

    assert (403, "tenant_suspended") == refusal(await user.get("/api/me"))
    assert (403, "tenant_suspended") == refusal(await key.get("/api/me"))
    assert (403, "tenant_suspended") == refusal(await token.get("/api/me"))
    assert (403, "tenant_suspended") == refusal(await visitor.post("/api/auth/login", json=login))

    granted(await root.patch(f"/api/tenants/{tenant['id']}", json={"status": "active"}))
    for client in everyone:
        granted(await client.get("/api/me"))
    granted(await visitor.post("/api/auth/login", json=login))


async def test_suspension_is_told_only_to_who_knows_the_password(
    house: RunningHouse, root: Client, visitor: Client
):
    tenant = granted(await root.post("/api/tenants", json={"name": "acme"}))
    await house.make_user(root, "alice", tenant_id=tenant["id"])
    granted(await root.patch(f"/api/tenants/{tenant['id']}", json={"status": "suspended"}))

    guess = {"name": "alice", "password": "a wrong password"}
    assert (401, "invalid_credentials") == refusal(await visitor.post("/api/auth/login", json=guess))


async def test_suspension_is_not_told_to_who_guesses_at_a_token(house: RunningHouse, root: Client):
    tenant = granted(await root.post("/api/tenants", json={"name": "acme"}))
    made = granted(await root.post("/api/tokens", json={"name": "ci", "tenant_id": tenant["id"]}))
    granted(await root.patch(f"/api/tenants/{tenant['id']}", json={"status": "suspended"}))

    guess = house.bearing(made["secret"][:-4] + "0000")
    assert (401, "invalid_credential") == refusal(await guess.get("/api/me"))


async def test_a_tenant_is_found_by_the_exact_name(root: Client):
    for name in ("acme", "acme inc"):
        granted(await root.post("/api/tenants", json={"name": name}))

    for name, found in {"acme": ["acme"], "acme inc": ["acme inc"], "ACME": [], "ac": []}.items():
        page = granted(await root.get("/api/tenants", params={"name": name}))
        assert found == [tenant["name"] for tenant in page["items"]], name


async def test_other_tenants_do_not_notice(house: RunningHouse, root: Client):
    suspended, other = [
        granted(await root.post("/api/tenants", json={"name": name}))["id"] for name in ("acme", "other")
    ]
    neighbour = await house.make_user(root, "bob", tenant_id=other)

    granted(await root.patch(f"/api/tenants/{suspended}", json={"status": "suspended"}))

    assert other == granted(await neighbour.get("/api/me"))["tenant_id"]


async def test_the_first_tenant_can_be_renamed_but_not_suspended(root: Client):
    path = f"/api/tenants/{DEFAULT_TENANT_ID}"

    assert (409, "default_tenant_stays") == refusal(await root.patch(path, json={"status": "suspended"}))
    assert ("Acme", "active") == (
        (after := granted(await root.patch(path, json={"name": "Acme", "status": "active"})))["name"],
        after["status"],
    )


async def test_a_change_of_nothing_is_allowed(root: Client):
    tenant = granted(await root.post("/api/tenants", json={"name": "acme"}))

    assert tenant == granted(await root.patch(f"/api/tenants/{tenant['id']}", json={}))


async def test_a_name_belongs_to_one_tenant_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    acme = granted(await root.post("/api/tenants", json={"name": "acme"}))

    granted(await root.post("/api/tenants", json={"name": "ACME"}))
    assert (409, "tenant_exists") == refusal(await root.post("/api/tenants", json={"name": "acme"}))
    taken = await root.patch(f"/api/tenants/{acme['id']}", json={"name": "default"})
    assert (409, "tenant_exists") == refusal(taken)


@pytest.mark.parametrize("name", ["", " acme", "acme ", "x" * 65, "a\nb", " "])
async def test_a_name_has_1_to_64_characters_and_no_blank_at_its_ends(root: Client, name: str):
    assert (422, "invalid_request") == refusal(await root.post("/api/tenants", json={"name": name}))


async def test_an_unknown_tenant_is_not_found(root: Client):
    for change in ({"name": "x"}, {"status": "suspended"}, {}):
        assert (404, "tenant_not_found") == refusal(await root.patch(f"/api/tenants/{NOWHERE}", json=change))


async def test_what_a_tenant_must_have_cannot_be_cleared(root: Client):
    for field in ("name", "status"):
        cleared = await root.patch(f"/api/tenants/{DEFAULT_TENANT_ID}", json={field: None})
        assert (422, "not_clearable") == refusal(cleared)
