"""Sessions of people: their cookie, their end, and whose they are."""

import datetime as dt
import hashlib
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select, update
from support.answers import granted, refusal
from support.house import PASSWORD, Client, RunningHouse, open_house, test_settings
from support.rows import every_row

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.identity.store.sessions import purge
from monoize.control.identity.tables import sessions, users, verification_tokens

LOGIN = {"name": "root", "password": PASSWORD}
OUR_PAGE = {"sec-fetch-site": "same-origin"}


def cookies(answer: httpx2.Response) -> dict[str, "Morsel[str]"]:
    return {
        name: morsel
        for header in answer.headers.get_list("set-cookie")
        for name, morsel in SimpleCookie(header).items()
    }


async def test_a_sign_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(root: Client, visitor: Client):
    answer = await visitor.post("/api/auth/login", json=LOGIN)

    (cookie,) = cookies(answer).values()
    assert ("monoize_session", granted(answer)["token"]) == (cookie.key, cookie.value)
    assert (True, "lax", "/", "", "") == (
        cookie["httponly"],
        cookie["samesite"],
        cookie["path"],
        cookie["domain"],
        cookie["secure"],
    )


async def test_the_cookie_lives_as_long_as_the_session_and_that_is_a_setting(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path, session_ttl_days=3)) as house:
        await house.make_root()
        answer = await house.visitor().post("/api/auth/login", json=LOGIN)

    expires = dt.datetime.fromisoformat(granted(answer)["expires"])
    assert abs(expires - utc_now() - dt.timedelta(days=3)) < dt.timedelta(minutes=1)
    (cookie,) = cookies(answer).values()
    assert expires.strftime("%a, %d %b %Y %H:%M:%S GMT") == cookie["expires"]


@pytest.mark.parametrize(
    ("public_url", "peer", "headers", "secure"),
    [
        ("", "127.0.0.1", {}, False),
        ("http://ai.example.com", "127.0.0.1", {}, False),
        ("https://ai.example.com", "127.0.0.1", {}, True),
        ("https://ai.example.com", "203.0.113.9", {"x-forwarded-proto": "http"}, True),
        ("", "127.0.0.1", {"x-forwarded-proto": "https"}, True),
        ("", "127.0.0.1", {"x-forwarded-proto": "http"}, False),
        ("", "127.0.0.1", {"x-forwarded-proto": "gopher"}, False),
        ("", "203.0.113.9", {"x-forwarded-proto": "https"}, False),
    ],
)
async def test_the_cookie_is_secure_exactly_when_the_browser_speaks_https(
    sqlite: str, tmp_path: Path, public_url: str, peer: str, headers: dict[str, str], secure: bool
):
    async with open_house(test_settings(sqlite, tmp_path, public_url=public_url)) as house:
        await house.make_root()
        answer = await house.visitor(peer).post("/api/auth/login", json=LOGIN, headers=headers)

    (cookie,) = cookies(answer).values()
    expected = ("__Host-monoize_session", True) if secure else ("monoize_session", "")
    assert expected == (cookie.key, cookie["secure"])
    assert secure == ("strict-transport-security" in answer.headers)


async def test_a_session_opens_the_same_door_as_cookie_and_as_bearer(
    house: RunningHouse, root: Client, visitor: Client
):
    token = granted(await visitor.post("/api/auth/login", json=LOGIN))["token"]

    as_cookie = granted(await visitor.get("/api/me"))
    as_bearer = granted(await house.bearing(token).get("/api/me"))
    assert as_cookie == as_bearer
    assert ("user", "root") == (as_bearer["kind"], as_bearer["name"])


async def test_a_shown_bearer_counts_more_than_a_cookie(house: RunningHouse, root: Client, user: Client):
    user.cookies.set("monoize_session", root.headers["authorization"].removeprefix("Bearer "))

    assert "alice" == granted(await user.get("/api/me"))["name"]
    user.headers["authorization"] = "Bearer mzs_" + "0" * 64
    assert (401, "invalid_credential") == refusal(await user.get("/api/me"))


async def test_signing_out_ends_this_session_clears_its_cookie_and_leaves_the_others(
    house: RunningHouse, root: Client, visitor: Client
):
    token = granted(await visitor.post("/api/auth/login", json=LOGIN))["token"]

    answer = await visitor.post("/api/auth/logout", headers=OUR_PAGE)

    assert 204 == answer.status_code
    assert ("", "0") == ((gone := cookies(answer)["monoize_session"]).value, gone["max-age"])
    assert (401, "unauthenticated") == refusal(await visitor.get("/api/me"))
    assert (401, "invalid_credential") == refusal(await house.bearing(token).get("/api/me"))
    granted(await root.get("/api/me"))


async def test_what_is_no_session_cannot_be_signed_out(house: RunningHouse, root: Client):
    token = await house.make_token(root, "ci", role="admin")

    assert (403, "not_permitted") == refusal(await token.post("/api/auth/logout"))


async def test_a_session_ends_when_its_time_has_come(house: RunningHouse, root: Client):
    async with house.house.database.write() as tx:
        await tx.execute(update(sessions).values(expires=utc_now() - dt.timedelta(seconds=1)))

    assert (401, "invalid_credential") == refusal(await root.get("/api/me"))


async def test_only_a_digest_of_a_session_is_stored_and_it_opens_nothing(house: RunningHouse, root: Client):
    token = root.headers["authorization"].removeprefix("Bearer ")
    async with house.house.database.read() as tx:
        stored = (await tx.execute(select(sessions))).one()

    assert "sha256:" + hashlib.sha256(token.encode()).hexdigest() == stored.session_token
    for shown in (stored.session_token, stored.session_token.removeprefix("sha256:"), stored.id):
        thief = house.visitor()
        assert (401, "invalid_credential") == refusal(
            await thief.get("/api/me", headers={"cookie": f"monoize_session={shown}"})
        )
        assert (401, "invalid_credential") == refusal(await house.bearing(shown).get("/api/me"))


async def test_a_new_password_ends_every_session_but_the_one_that_set_it(
    house: RunningHouse, root: Client, user: Client, visitor: Client
):
    other = await house.enter_again(user)
    key = house.bearing(granted(await user.post("/api/keys", json={"name": "laptop"}))["secret"])
    change = {"current_password": PASSWORD, "new_password": "a brand new password"}

    granted(await user.post("/api/me/password", json=change))

    granted(await user.get("/api/me"))
    assert (401, "invalid_credential") == refusal(await other.get("/api/me"))
    granted(await root.get("/api/me"))
    granted(await key.get("/api/me"))
    for password, status in ((PASSWORD, 401), ("a brand new password", 200)):
        login = {"name": "alice", "password": password}
        assert status == (await visitor.post("/api/auth/login", json=login)).status_code


async def test_a_new_password_needs_the_present_one(house: RunningHouse, user: Client, visitor: Client):
    other = await house.enter_again(user)

    guess = {"current_password": "a wrong password", "new_password": "a brand new password"}
    assert (401, "invalid_credentials") == refusal(await user.post("/api/me/password", json=guess))

    granted(await other.get("/api/me"))
    granted(await visitor.post("/api/auth/login", json={"name": "alice", "password": PASSWORD}))


async def test_guessing_the_present_password_is_limited(house: RunningHouse, user: Client):
    guess = {"current_password": "a wrong password", "new_password": "a brand new password"}
    for _ in range(20):
        await house.identity.limiter.failed("127.0.0.1", "alice")

    right = {**guess, "current_password": PASSWORD}
    assert (429, "too_many_failures") == refusal(await user.post("/api/me/password", json=right))


async def test_a_session_of_somebody_who_was_disabled_says_so(house: RunningHouse, root: Client, user: Client):
    async with house.house.database.write() as tx:
        await tx.execute(update(users).where(users.c.username == "alice").values(enabled=0))

    assert (403, "account_disabled") == refusal(await user.get("/api/me"))


async def test_people_see_and_end_their_own_sessions_and_nobody_elses(
    house: RunningHouse, root: Client, user: Client
):
    other = await house.enter_again(user)
    own = granted(await user.get("/api/me/sessions"))["items"]
    (foreign,) = granted(await root.get("/api/me/sessions"))["items"]

    assert 2 == len(own)
    assert {user.user["id"]} == {session["user_id"] for session in own}
    assert (404, "session_not_found") == refusal(await user.delete(f"/api/me/sessions/{foreign['id']}"))
    granted(await root.get("/api/me"))
    granted(await user.delete(f"/api/me/sessions/{own[0]['id']}"))
    assert (401, "invalid_credential") == refusal(await other.get("/api/me"))
    assert (404, "session_not_found") == refusal(await user.delete(f"/api/me/sessions/{own[0]['id']}"))


async def test_a_session_remembers_where_it_began(house: RunningHouse, root: Client):
    agent = {"user-agent": "browser " * 50}
    granted(await house.visitor("203.0.113.9").post("/api/auth/login", json=LOGIN, headers=agent))

    newest = granted(await root.get("/api/me/sessions"))["items"][0]
    assert ("203.0.113.9", ("browser " * 50)[:255]) == (newest["ip"], newest["user_agent"])


async def test_what_has_ended_is_forgotten_and_what_lives_stays_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    links = {"living": utc_now() + dt.timedelta(hours=1), "ended": utc_now() - dt.timedelta(hours=1)}
    await house_everywhere.enter_again(root)
    async with house_everywhere.house.database.write() as tx:
        first = (await tx.execute(select(sessions.c.id).order_by(sessions.c.id))).scalars().first()
        await tx.execute(update(sessions).where(sessions.c.id != first).values(expires=links["ended"]))
        for purpose, expires in links.items():
            await tx.execute(insert(verification_tokens).values(identifier=purpose, token=purpose, expires=expires))

    async with house_everywhere.house.database.write() as tx:
        await purge(tx, utc_now())

    stored = await every_row(house_everywhere.house.database)
    assert [first] == [row[0] for row in stored["sessions"]]
    assert ["living"] == [row[0] for row in stored["verification_tokens"]]
    granted(await root.get("/api/me"))


class TestAuthjs:
    """Sessions that a foreign Auth.js front end keeps in the same table, believed only when that is switched on."""

    async def stored(self, house: RunningHouse, token: str, **changes: Any) -> None:
        async with house.house.database.write() as tx:
            user = (await tx.execute(select(users.c.id))).scalar_one()
            row = {"id": new_id(), "user_id": user, "expires": utc_now() + dt.timedelta(hours=1), **changes}
            await tx.execute(insert(sessions).values(session_token=token, **row))

    @pytest.fixture
    def settings(self, sqlite: str, tmp_path: Path) -> Any:
        return test_settings(sqlite, tmp_path, authjs_sessions=True)

    @pytest.mark.parametrize("name", ["authjs.session-token", "__Secure-authjs.session-token"])
    async def test_its_cookie_opens_the_door(self, house: RunningHouse, root: Client, name: str):
        token = new_id()
        await self.stored(house, token)

        visitor = house.visitor()
        assert "root" == granted(await visitor.get("/api/me", headers={"cookie": f"{name}={token}"}))["name"]

    async def test_its_cookie_is_bound_to_our_pages_and_expires(self, house: RunningHouse, root: Client):
        await self.stored(house, "living")
        await self.stored(house, "expired", expires=utc_now() - dt.timedelta(seconds=1))
        visitor = house.visitor()

        forged = await visitor.patch("/api/me", json={}, headers={"cookie": "authjs.session-token=living"})
        assert (403, "foreign_origin") == refusal(forged)
        late = await visitor.get("/api/me", headers={"cookie": "authjs.session-token=expired"})
        assert (401, "invalid_credential") == refusal(late)

    async def test_what_is_stored_of_our_own_sessions_does_not_pass_for_one(
        self, house: RunningHouse, root: Client
    ):
        async with house.house.database.read() as tx:
            ours = (await tx.execute(select(sessions.c.session_token))).scalar_one()

        thief = await house.visitor().get("/api/me", headers={"cookie": f"authjs.session-token={ours}"})
        assert (401, "invalid_credential") == refusal(thief)

    async def test_it_is_no_bearer(self, house: RunningHouse, root: Client):
        await self.stored(house, "0123456789abcdef")

        assert (401, "invalid_credential") == refusal(await house.bearing("0123456789abcdef").get("/api/me"))


async def test_an_authjs_cookie_is_nothing_unless_it_is_switched_on(house: RunningHouse, root: Client):
    await TestAuthjs().stored(house, "living")

    answer = await house.visitor().get("/api/me", headers={"cookie": "authjs.session-token=living"})
    assert (401, "unauthenticated") == refusal(answer)
