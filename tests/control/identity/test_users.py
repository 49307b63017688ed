"""Accounts, as administrators and their owners handle them."""

from typing import Any

import pytest
from sqlalchemy import select, update
from support.answers import granted, refusal, together
from support.house import PASSWORD, Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.control.identity.tables import users

NOBODY = "01a1fc11-0000-7000-8000-000000000000"
STANDING = {"tenant_id", "role", "enabled", "balance_nano_usd", "balance_unlimited", "allowed_groups"}


def path(client: Client) -> str:
    return f"/api/users/{client.user['id']}"


async def test_a_new_account_is_what_was_asked_for_and_can_be_read_again(root: Client):
    asked = {"username": "alice", "email": "Alice@Example.COM", "name": "Alice", "allowed_groups": ["Team-A"]}

    made = granted(await root.post("/api/users", json=asked))

    assert ("alice", "alice@example.com", None, "Alice", ["team-a"]) == (
        made["username"],
        made["email"],
        made["email_verified"],
        made["name"],
        made["allowed_groups"],
    )
    assert ("user", True, "0", False) == (
        made["role"],
        made["enabled"],
        made["balance_nano_usd"],
        made["balance_unlimited"],
    )
    assert made == granted(await root.get(f"/api/users/{made['id']}"))
    assert made in granted(await root.get("/api/users"))["items"]


async def test_no_answer_holds_a_password_or_its_hash(root: Client):
    made = await root.post("/api/users", json={"username": "alice", "password": PASSWORD})

    for answer in (made, await root.get("/api/users"), await root.get("/api/me")):
        assert PASSWORD not in answer.text
        assert "password_hash" not in answer.text
        assert "$argon2" not in answer.text


async def test_a_user_is_found_by_the_exact_name(root: Client):
    for name in ("alice", "alice_2", "Alice"):
        granted(await root.post("/api/users", json={"username": name}))

    for name, found in {"alice": ["alice"], "Alice": ["Alice"], "alic": [], "%": [], "": []}.items():
        page = granted(await root.get("/api/users", params={"username": name}))
        assert (found, None) == ([user["username"] for user in page["items"]], page["next_cursor"]), name


@pytest.mark.parametrize(
    "username",
    ["ab", "x" * 23, "with space", "dash-ed", "ümlaut", "", "alice\n", "_monoize_worker", "_MONOIZE_worker"],
)
async def test_a_username_has_3_to_22_plain_letters_and_is_not_one_of_ours(root: Client, username: str):
    assert (422, "invalid_request") == refusal(await root.post("/api/users", json={"username": username}))


@pytest.mark.parametrize(
    "email",
    [
        "alice",
        "@x.com",
        "alice@",
        "alice@x",
        "a b@x.com",
        "a@b@x.com",
        "a@x.com\n",
        "ä@x.com",
        "a@ä.com",
        ".a@x.com",
        "a..b@x.com",
        "a@-x.com",
    ],
)
async def test_an_email_address_has_the_shape_of_one(root: Client, email: str):
    asked = {"username": "alice", "email": email}

    assert (422, "invalid_request") == refusal(await root.post("/api/users", json=asked))


async def test_names_are_told_apart_by_case_and_addresses_are_not_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    granted(await root.post("/api/users", json={"username": "alice", "email": "alice@example.com"}))

    granted(await root.post("/api/users", json={"username": "Alice"}))
    again = {"username": "alice"}
    assert (409, "username_exists") == refusal(await root.post("/api/users", json=again))
    same_address = {"username": "other", "email": "ALICE@example.com"}
    assert (409, "email_exists") == refusal(await root.post("/api/users", json=same_address))


async def test_of_many_who_ask_for_one_name_at_once_one_gets_it_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()

    answers = await together(*[root.post("/api/users", json={"username": "alice"}) for _ in range(10)])

    assert [201] + [409] * 9 == sorted(answer.status_code for answer in answers)


@pytest.mark.parametrize(("password", "code"), [("1234567", "weak_password"), ("x" * 257, "invalid_request")])
async def test_a_password_has_8_to_256_characters(root: Client, password: str, code: str):
    asked = {"username": "alice", "password": password}

    assert (422, code) == refusal(await root.post("/api/users", json=asked))


async def test_an_account_without_a_password_lets_nobody_in(root: Client, visitor: Client):
    granted(await root.post("/api/users", json={"username": "alice"}))

    for password in ("password", " ", "null", "None"):
        login = {"name": "alice", "password": password}
        assert (401, "invalid_credentials") == refusal(await visitor.post("/api/auth/login", json=login))


async def test_only_what_is_sent_changes(root: Client, user: Client):
    before = granted(await root.get(path(user)))

    after = granted(await root.patch(path(user), json={"name": "Alice Liddell"}))

    assert {**before, "name": "Alice Liddell", "updated_at": after["updated_at"]} == after
    assert before["updated_at"] <= after["updated_at"]


async def test_a_change_of_nothing_is_allowed_and_changes_nothing(root: Client, user: Client):
    before = granted(await root.get(path(user)))

    assert before == granted(await root.patch(path(user), json={}))


async def test_null_clears_what_may_be_missing_and_is_refused_for_the_rest(root: Client, user: Client):
    cleared = granted(await root.patch(path(user), json={"email": None, "name": None}))

    assert (None, None) == (cleared["email"], cleared["name"])
    for field in ("username", "password", "role", "enabled", "tenant_id", "allowed_groups"):
        assert (422, "not_clearable") == refusal(await root.patch(path(user), json={field: None}))


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_user_is_not_found(root: Client, method: str):
    body = {"name": "x"} if method == "PATCH" else None

    assert (404, "user_not_found") == refusal(await root.request(method, f"/api/users/{NOBODY}", json=body))


@pytest.mark.parametrize("role", ["admin", "super_admin"])
async def test_an_admin_hands_out_no_role_but_user(house: RunningHouse, root: Client, admin: Client, role: str):
    token = await house.make_token(root, "tool", role="admin")
    user = await house.make_user(root)

    for actor in (admin, token):
        made = await actor.post("/api/users", json={"username": "upstart", "role": role})
        raised = await actor.patch(path(user), json={"role": role})

        assert (403, "role_too_high") == refusal(made) == refusal(raised)
    assert "user" == granted(await root.get(path(user)))["role"]


@pytest.mark.parametrize("role", ["admin", "super_admin"])
async def test_an_admin_touches_no_other_admin(house: RunningHouse, root: Client, admin: Client, role: str):
    token = await house.make_token(root, "tool", role="admin")
    other = await house.make_user(root, "other", role=role)
    before = granted(await root.get(path(other)))
    changes: list[dict[str, Any]] = [
        {},
        {"username": "xxx"},
        {"password": "a new password"},
        {"email": "x@example.com"},
        {"name": "x"},
        {"role": "user"},
        {"enabled": False},
        {"allowed_groups": ["x"]},
    ]

    for actor in (admin, token):
        assert (403, "role_too_high") == refusal(await actor.delete(path(other)))
        for change in changes:
            assert (403, "role_too_high") == refusal(await actor.patch(path(other), json=change))
    assert before == granted(await root.get(path(other)))


async def test_an_admin_does_with_users_what_admins_do(admin: Client, user: Client):
    changed = granted(await admin.patch(path(user), json={"enabled": False, "allowed_groups": ["x"]}))

    assert (False, ["x"]) == (changed["enabled"], changed["allowed_groups"])
    assert 204 == (await admin.delete(path(user))).status_code
    assert (404, "user_not_found") == refusal(await admin.get(path(user)))


async def test_a_super_admin_hands_out_every_role_and_takes_it_back(root: Client, user: Client):
    for role in ("admin", "super_admin", "admin", "user"):
        assert role == granted(await root.patch(path(user), json={"role": role}))["role"]


async def test_nobody_deletes_disables_or_demotes_themselves(root: Client, admin: Client):
    assert (409, "not_yourself") == refusal(await root.delete(path(root)))
    assert (409, "not_yourself") == refusal(await root.patch(path(root), json={"enabled": False}))
    assert (409, "not_yourself") == refusal(await root.patch(path(root), json={"role": "admin"}))
    assert (409, "not_yourself") == refusal(await admin.patch(path(admin), json={"enabled": False}))
    for attempt in (admin.delete(path(admin)), admin.patch(path(admin), json={"role": "user"})):
        assert 400 <= (await attempt).status_code < 500

    assert ("super_admin", True) == (root.user["role"], granted(await root.get(path(root)))["enabled"])
    assert granted(await root.get(path(admin))) == granted(await admin.get(path(admin)))


async def test_an_admin_raises_themselves_no_higher(admin: Client):
    assert (403, "role_too_high") == refusal(await admin.patch(path(admin), json={"role": "super_admin"}))


async def test_admins_may_rename_themselves(admin: Client, root: Client):
    for actor in (admin, root):
        assert "New name" == granted(await actor.patch(path(actor), json={"name": "New name"}))["name"]


async def test_a_super_admin_can_be_deleted_only_after_losing_the_role(house: RunningHouse, root: Client):
    other = await house.make_user(root, "second", role="super_admin")

    assert (409, "super_admin_stays") == refusal(await root.delete(path(other)))
    granted(await root.patch(path(other), json={"role": "user"}))
    granted(await root.delete(path(other)))


async def test_a_disabled_super_admin_can_be_enabled_again(house: RunningHouse, root: Client):
    other = await house.make_user(root, "second", role="super_admin")

    assert granted(await root.patch(path(other), json={"enabled": False}))["enabled"] is False
    assert granted(await root.patch(path(other), json={"enabled": True}))["enabled"] is True


@pytest.mark.parametrize("blow", [{"role": "user"}, {"enabled": False}], ids=["demote", "disable"])
async def test_super_admins_who_remove_each_other_at_once_leave_one_on_every_engine(
    house_everywhere: RunningHouse, blow: dict[str, Any]
):
    root = await house_everywhere.make_root()
    duellists = [await house_everywhere.make_user(root, f"duellist{n}", role="super_admin") for n in range(3)]
    everyone = [root, *duellists]

    await together(
        *[one.patch(path(other), json=blow) for one in everyone for other in everyone if one is not other]
    )

    left = select(users.c.id).where(users.c.role == "super_admin", users.c.enabled == 1)
    async with house_everywhere.house.database.read() as tx:
        assert (await tx.execute(left)).all()


async def test_a_deleted_user_is_shut_out_at_once_with_everything_they_had(
    house: RunningHouse, root: Client, user: Client
):
    key = house.bearing(granted(await user.post("/api/keys", json={"name": "laptop"}))["secret"])
    granted(await key.get("/api/me"))

    granted(await root.delete(path(user)))

    assert (401, "invalid_credential") == refusal(await user.get("/api/me"))
    assert (401, "invalid_credential") == refusal(await key.get("/api/me"))


async def test_a_disabled_user_is_shut_out_at_once_and_let_in_again_when_enabled(
    house: RunningHouse, root: Client, user: Client, visitor: Client
):
    key = house.bearing(granted(await user.post("/api/keys", json={"name": "laptop"}))["secret"])
    granted(await key.get("/api/me"))
    login = {"name": "alice", "password": PASSWORD}

    granted(await root.patch(path(user), json={"enabled": False}))

    assert (403, "account_disabled") == refusal(await key.get("/api/me"))
    assert (403, "account_disabled") == refusal(await visitor.post("/api/auth/login", json=login))
    assert (401, "invalid_credential") == refusal(await user.get("/api/me"))
    granted(await root.patch(path(user), json={"enabled": True}))
    granted(await key.get("/api/me"))
    granted(await visitor.post("/api/auth/login", json=login))
    assert (401, "invalid_credential") == refusal(await user.get("/api/me")), "disabling ended the session"


async def test_a_password_that_an_administrator_sets_replaces_the_old_one_and_ends_every_session(
    root: Client, user: Client, visitor: Client
):
    granted(await root.patch(path(user), json={"password": "a brand new password"}))

    assert (401, "invalid_credential") == refusal(await user.get("/api/me"))
    for password, status in ((PASSWORD, 401), ("a brand new password", 200)):
        login = {"name": "alice", "password": password}
        assert status == (await visitor.post("/api/auth/login", json=login)).status_code


async def test_a_new_address_is_not_a_verified_one(root: Client, user: Client, house: RunningHouse):
    async with house.house.database.write() as tx:
        await tx.execute(update(users).where(users.c.username == "alice").values(email_verified=utc_now()))
    granted(await root.patch(path(user), json={"email": "alice@example.com"}))
    assert granted(await user.get("/api/me"))["user"]["email_verified"]

    granted(await user.patch("/api/me", json={"email": "elsewhere@example.com"}))

    assert granted(await user.get("/api/me"))["user"]["email_verified"] is None


async def test_people_change_their_name_and_address_and_nothing_of_their_standing(user: Client):
    before = granted(await user.get("/api/me"))["user"]

    for field in (*STANDING, "username", "password"):
        assert (422, "invalid_request") == refusal(await user.patch("/api/me", json={field: before.get(field)}))
    after = granted(await user.patch("/api/me", json={"name": "Alice", "email": "new@example.com"}))

    assert ("Alice", "new@example.com") == (after["name"], after["email"])
    assert {name: before[name] for name in STANDING} == {name: after[name] for name in STANDING}


async def test_a_user_moves_to_another_tenant_only_if_it_is_there(root: Client, user: Client):
    tenant = granted(await root.post("/api/tenants", json={"name": "elsewhere"}))

    assert (404, "tenant_not_found") == refusal(await root.patch(path(user), json={"tenant_id": NOBODY}))
    moved = granted(await root.patch(path(user), json={"tenant_id": tenant["id"]}))

    assert tenant["id"] == moved["tenant_id"] == granted(await user.get("/api/me"))["tenant_id"]
