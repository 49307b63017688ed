"""Named tokens: made by the server, found by their public part, and never stronger than who made them."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update
from support.answers import granted, refusal
from support.house import Client, RunningHouse, open_house, test_settings

from monoize.base.clock import utc_now
from monoize.base.principal import ROLE_PERMISSIONS, SCOPES
from monoize.control.edge.house import Presented
from monoize.control.identity.actions import first_account
from monoize.control.identity.authenticator import GRANT_TTL_S
from monoize.control.identity.tables import tokens

OPERATORS_TOKEN = "an-operators-own-secret-of-some-length"


async def made(client: Client, name: str = "ci", **fields: Any) -> dict[str, Any]:
    return granted(await client.post("/api/tokens", json={"name": name, **fields}))


@contextlib.contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL that is executed meanwhile."""
    seen: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


async def test_the_server_makes_the_secret_and_shows_it_once(root: Client):
    created = await made(root)

    start, lookup, secret = created["secret"].split("_")
    assert ("mzt", 16, 64) == (start, len(lookup), len(secret))
    assert created["token"] in (listed := granted(await root.get("/api/tokens")))["items"]
    assert secret not in str(listed)
    for field in ("secret", "plain", "token", "hash"):
        own = await root.post("/api/tokens", json={"name": "own", field: "a secret of my own choice"})
        assert (422, "invalid_request") == refusal(own)


async def test_a_token_is_stored_as_its_bcrypt_of_cost_10_and_what_is_stored_opens_nothing(
    house: RunningHouse, root: Client
):
    created = await made(root)
    async with house.house.database.read() as tx:
        row = (await tx.execute(select(tokens))).one()

    _, lookup, secret = created["secret"].split("_")
    assert ("$2b$10$", lookup) == (row.hash[:7], row.lookup)
    assert not [value for value in row if secret in str(value)]
    for shown in (row.hash, f"mzt_{lookup}_{'0' * 64}", f"mzt_{'0' * 16}_{secret}", f"{lookup}_{secret}", secret):
        assert (401, "invalid_credential") == refusal(await house.bearing(shown).get("/api/me"))


@pytest.mark.parametrize("role", ["admin", "deployer", "viewer"])
async def test_a_token_may_what_its_role_may(house: RunningHouse, root: Client, role: Any):
    token = await house.make_token(root, "ci", role=role)

    me = granted(await token.get("/api/me"))
    assert ("token", "ci", role, None) == (me["kind"], me["name"], me["role"], me["user"])
    assert sorted(ROLE_PERMISSIONS[role]) == me["permissions"]


async def test_without_a_role_a_token_is_a_viewer(root: Client):
    assert "viewer" == (await made(root))["token"]["role"]


@pytest.mark.parametrize("role", ["super_admin", "user", "root", "", None])
async def test_a_token_has_no_other_role(root: Client, role: Any):
    refused = await root.post("/api/tokens", json={"name": "ci", "role": role})

    assert (422, "invalid_request") == refusal(refused)


@pytest.mark.parametrize("role", ["admin", "deployer", "viewer"])
async def test_scopes_take_away_and_never_add_but_impersonation(house: RunningHouse, root: Client, role: Any):
    scopes: list[list[str]] = [[], ["users.read"], ["self", "tenants.read"], sorted(SCOPES), ["impersonate"]]
    for number, scope in enumerate(scopes):
        token = await house.make_token(root, f"ci-{number}", role=role, scopes=scope)

        included = {"self.read"} if "self" in scope else set()
        allowed = (set(ROLE_PERMISSIONS[role]) | {"impersonate"}) & {*scope, *included}
        assert sorted(allowed) == granted(await token.get("/api/me"))["permissions"]


@pytest.mark.parametrize("scopes", [["everything"], ["users.*"], [""], "users.read", [["self"]], ["self"] * 51])
async def test_a_scope_is_a_permission_that_exists(root: Client, scopes: Any):
    refused = await root.post("/api/tokens", json={"name": "ci", "scopes": scopes})

    assert (422, "invalid_request") == refusal(refused)


MAKER = ["tokens.write", "tokens.read", "users.read", "self", "projects.read"]


async def test_a_scoped_token_makes_no_stronger_one(house: RunningHouse, root: Client):
    maker = await house.make_token(root, "maker", role="admin", scopes=MAKER)
    as_strong: list[dict[str, Any]] = [
        {"role": "viewer"},
        {"role": "viewer", "scopes": []},
        {"role": "viewer", "scopes": ["users.read"]},
        {"role": "admin", "scopes": ["users.read"]},
        {"role": "admin", "scopes": MAKER},
    ]
    stronger: list[dict[str, Any]] = [
        {"role": "admin"},
        {"role": "deployer"},
        {"role": "admin", "scopes": ["users.write"]},
        {"role": "admin", "scopes": [*MAKER, "audit.read"]},
        {"role": "admin", "scopes": ["self", "impersonate"]},
        {"role": "viewer", "scopes": ["impersonate"]},
    ]

    for number, fields in enumerate(as_strong):
        await made(maker, f"child-{number}", **fields)
    for fields in stronger:
        refused = await maker.post("/api/tokens", json={"name": "child", **fields})
        assert (403, "role_too_high") == refusal(refused), fields


async def test_a_token_without_scopes_passes_on_all_of_its_role_but_no_impersonation(
    house: RunningHouse, root: Client
):
    maker = await house.make_token(root, "maker", role="admin")

    await made(maker, "child", role="admin")
    beyond = await maker.post("/api/tokens", json={"name": "bff", "role": "admin", "scopes": ["impersonate"]})
    assert (403, "role_too_high") == refusal(beyond)


async def test_a_token_that_may_impersonate_lets_others_do_so_only_in_its_own_tenant(
    house: RunningHouse, root: Client
):
    tenant = granted(await root.post("/api/tenants", json={"name": "elsewhere"}))["id"]
    maker = await house.make_token(root, "maker", role="admin", scopes=["tokens.write", "impersonate"])
    child = {"role": "admin", "scopes": ["impersonate"]}

    await made(maker, "here", **child)
    elsewhere = await maker.post("/api/tokens", json={"name": "there", "tenant_id": tenant, **child})
    assert (403, "role_too_high") == refusal(elsewhere)
    await made(root, "there", tenant_id=tenant, **child)


async def test_a_viewer_or_deployer_makes_no_token(house: RunningHouse, root: Client):
    for role in ("viewer", "deployer"):
        token = await house.make_token(root, role, role=role, scopes=sorted(SCOPES))
        assert (403, "not_permitted") == refusal(await token.post("/api/tokens", json={"name": "child"}))


async def test_an_expired_token_opens_nothing(house: RunningHouse, root: Client):
    token = await house.make_token(root, "ci", expires_at="2099-01-01T00:00:00Z")
    async with house.house.database.write() as tx:
        await tx.execute(update(tokens).values(expires_at=utc_now() - dt.timedelta(seconds=1)))

    assert (401, "invalid_credential") == refusal(await token.get("/api/me"))
    late = await root.post("/api/tokens", json={"name": "late", "expires_at": "2020-01-01T00:00:00Z"})
    assert (422, "invalid_request") == refusal(late)


@pytest.mark.parametrize("name", ["", "-ci", ".ci", "c i", "c/i", "ü", "x" * 65, "ci\n"])
async def test_a_name_has_1_to_64_plain_characters(root: Client, name: str):
    assert (422, "invalid_request") == refusal(await root.post("/api/tokens", json={"name": name}))


async def test_a_name_belongs_to_one_token_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    await made(root, "ci")
    await made(root, "CI")

    assert (409, "token_exists") == refusal(await root.post("/api/tokens", json={"name": "ci"}))


async def test_a_deleted_token_is_shut_out_at_once_and_its_successor_has_another_secret(
    house: RunningHouse, root: Client
):
    old = await house.make_token(root, "ci")
    granted(await old.get("/api/me"))

    granted(await root.delete("/api/tokens/ci"))

    assert (401, "invalid_credential") == refusal(await old.get("/api/me"))
    assert (404, "token_not_found") == refusal(await root.delete("/api/tokens/ci"))
    new = await house.make_token(root, "ci")
    granted(await new.get("/api/me"))
    assert (401, "invalid_credential") == refusal(await old.get("/api/me"))


async def test_a_deleted_token_is_shut_out_of_another_process_within_a_second(
    sqlite: str, tmp_path: Path, root: Client, house: RunningHouse
):
    token = await house.make_token(root, "ci")
    secret = token.headers["authorization"].removeprefix("Bearer ")
    async with open_house(test_settings(house.house.settings.database_dsn, tmp_path)) as other:
        elsewhere = other.bearing(secret)
        granted(await elsewhere.get("/api/me"))
        granted(await root.delete("/api/tokens/ci"))
        deleted = utc_now()

        while (await elsewhere.get("/api/me")).is_success:
            assert (utc_now() - deleted).total_seconds() < GRANT_TTL_S + 0.5

    assert GRANT_TTL_S <= 1


async def test_no_token_deletes_itself(house: RunningHouse, root: Client):
    token = await house.make_token(root, "ci", role="admin")

    assert (409, "not_yourself") == refusal(await token.delete("/api/tokens/ci"))
    granted(await token.get("/api/me"))


@pytest.fixture
async def operators(house: RunningHouse) -> Client:
    """The operator's own token, in a house without accounts: the only credential there is."""
    adopted = await first_account.adopt_admin_token(
        house.house.database, house.house.audit_log, house.identity.passwords, OPERATORS_TOKEN
    )
    assert adopted
    return house.bearing(OPERATORS_TOKEN)


async def test_the_last_credential_that_may_everything_cannot_be_deleted(house: RunningHouse, operators: Client):
    weaker = await house.make_token(operators, "weaker", role="admin", scopes=["tokens.write", "tokens.read"])

    assert (409, "last_admin") == refusal(await weaker.delete("/api/tokens/admin"))
    granted(await operators.get("/api/users"))


async def test_a_credential_that_may_everything_can_be_deleted_while_there_is_another(
    house: RunningHouse, operators: Client
):
    second = await house.make_token(operators, "second", role="admin")

    granted(await second.delete("/api/tokens/admin"))
    assert (401, "invalid_credential") == refusal(await operators.get("/api/users"))


async def test_the_last_admin_token_can_be_deleted_while_there_is_an_admin(house: RunningHouse, operators: Client):
    root = await house.make_root()

    granted(await root.delete("/api/tokens/admin"))


async def test_an_expired_admin_token_can_always_be_deleted(house: RunningHouse, operators: Client):
    await made(operators, "old", role="admin", expires_at="2099-01-01T00:00:00Z")
    async with house.house.database.write() as tx:
        late = update(tokens).where(tokens.c.name == "old")
        await tx.execute(late.values(expires_at=utc_now() - dt.timedelta(seconds=1)))

    granted(await operators.delete("/api/tokens/old"))


async def test_when_a_token_was_last_used_is_written_in_time_and_at_the_latest_when_the_house_closes(
    settings: Any,
):
    async with open_house(settings) as house:
        root = await house.make_root()
        token = await house.make_token(root, "ci")
        before = utc_now()
        granted(await token.get("/api/me"))
        (unwritten,) = granted(await root.get("/api/tokens"))["items"]
    async with open_house(settings) as house:
        root = await house.enter_again(root)
        (written,) = granted(await root.get("/api/tokens"))["items"]

    assert unwritten["last_used_at"] is None
    assert before <= dt.datetime.fromisoformat(written["last_used_at"]) <= utc_now()


async def test_recognising_a_token_finds_its_row_by_the_public_part_alone(house: RunningHouse, root: Client):
    for number in range(5):
        await made(root, f"other-{number}")
    token = await house.make_token(root, "ci")

    with statements() as seen:
        granted(await token.get("/api/me"))

    asked = [statement for statement in seen if "FROM tokens" in statement]
    assert 1 == len(asked)
    assert "tokens.lookup =" in asked[0]


async def test_a_token_that_was_recognised_a_moment_ago_costs_no_query_and_no_comparison(
    house: RunningHouse, root: Client
):
    token = await house.make_token(root, "ci")
    shown = Presented(bearer=token.headers["authorization"].removeprefix("Bearer "), ip="127.0.0.1")
    first = await house.identity.authenticator.authenticate(shown)

    with statements() as seen:
        for _ in range(200):
            assert first == await house.identity.authenticator.authenticate(shown)

    assert [] == seen


async def test_a_token_that_was_compared_once_is_not_compared_again_when_its_grant_is_renewed(
    house: RunningHouse, root: Client
):
    token = await house.make_token(root, "ci")
    granted(await token.get("/api/me"))
    # Nothing can be hashed from here on. A change to another token renews every grant.
    await made(root, "other")
    house.identity.passwords.close()

    with statements() as seen:
        granted(await token.get("/api/me"))
        granted(await root.delete("/api/tokens/other"))
        granted(await token.get("/api/me"))

    assert 2 == len([statement for statement in seen if "tokens.lookup =" in statement])


async def test_a_token_that_nobody_has_is_refused_without_hashing(house: RunningHouse, root: Client):
    await made(root)
    house.identity.passwords.close()

    for number in range(5):
        unknown = house.bearing(f"mzt_{number:016}_{'0' * 64}")
        assert (401, "invalid_credential") == refusal(await unknown.get("/api/me"))


async def test_an_operators_own_token_may_be_of_any_form_that_can_be_told_from_ours(house: RunningHouse):
    adopt = first_account.adopt_admin_token
    parts = (house.house.database, house.house.audit_log, house.identity.passwords)
    secret = "An operator's token: with blanks & signs!"

    assert await adopt(*parts, secret)

    me = granted(await house.bearing(secret).get("/api/me"))
    assert ("token", "admin", "admin") == (me["kind"], me["name"], me["role"])
    assert (401, "invalid_credential") == refusal(await house.bearing(secret[:-1]).get("/api/me"))
