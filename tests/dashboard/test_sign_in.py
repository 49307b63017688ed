from pathlib import Path

import pytest
from dashboard.surfer import ORIGIN, Page, Surfer
from support.house import PASSWORD, open_house, test_settings

from monoize.control.identity import errors
from monoize.control.identity.actions import first_account
from monoize.infra.settings import OAuthProvider

DETAILS = {"username": "carol", "email": "carol@example.com", "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
async def open_door(sqlite: str, tmp_path: Path):
    """A house in which strangers may register, with one sign-in provider."""
    github = OAuthProvider(client_id="us", client_secret="shh")
    settings = test_settings(sqlite, tmp_path, registration_enabled=True, oauth={"github": github})
    async with open_house(settings) as running:
        await running.make_root()
        yield running


async def test_signing_in_leads_home(root, stranger):
    answer = await stranger.submit("/login", name="root", password=PASSWORD)

    assert (303, "/") == (answer.status_code, answer.headers["location"])
    assert "Welcome, root" == Page(await stranger.get("/")).one("h1").text
    assert "httponly" in answer.headers["set-cookie"].lower()


async def test_signing_in_leads_back_to_the_page_that_was_asked_for(root, stranger):
    asked = await stranger.get("/audit?action=user")
    form = Page(await stranger.get(asked.headers["location"])).one("input", name="next")
    answer = await stranger.submit("/login", name="root", password=PASSWORD, next=form["value"])

    assert "/login?next=/audit%3Faction%3Duser" == asked.headers["location"]
    assert "/audit?action=user" == answer.headers["location"]


@pytest.mark.parametrize("next", ["//evil.example", "/\\evil.example", "https://evil.example", "/\r\nx: y", "keys"])
async def test_signing_in_never_leads_to_another_host(root, stranger, next):
    answer = await stranger.submit("/login", name="root", password=PASSWORD, next=next)

    assert "/" == answer.headers["location"]


async def test_an_endless_address_is_forgotten_on_the_way_to_the_door(root, stranger):
    assert "/login" == (await stranger.get("/audit?action=" + "x" * 3000)).headers["location"]


async def test_a_wrong_password_is_refused_on_the_same_form(root, stranger):
    answer = await stranger.submit("/login", name="root", password="battery staple", next="/keys")

    page = Page(answer)
    assert 401 == answer.status_code
    assert "The name or the password is wrong." in page.one("div", role="alert").text
    assert ("root", "/keys") == (page.one("input", name="name")["value"], page.one("input", name="next")["value"])
    assert "battery staple" not in answer.text
    assert "set-cookie" not in answer.headers


async def test_empty_fields_are_named(root, stranger):
    page = Page(await stranger.submit("/login", name=" ", password=""))

    assert ["Fill this in."] * 2 == [page.one("p", id=f"{name}-error").text for name in ("name", "password")]


async def test_too_many_attempts_say_when_to_come_back(root, stranger):
    for _ in range(11):
        answer = await stranger.submit("/login", name="root", password="battery staple")

    assert 429 == answer.status_code
    assert answer.headers["retry-after"] in Page(answer).one("div", role="alert").text


async def test_somebody_signed_in_is_led_past_the_door(boss):
    assert [(303, "/")] * 2 == [
        (answer.status_code, answer.headers["location"])
        for answer in (await boss.get("/login"), await boss.get("/register"))
    ]


async def test_a_dead_cookie_is_thrown_away_and_does_not_bar_the_door(house, root, stranger):
    stranger.cookies.set("monoize_session", "mzs_gone", domain="monoize.test")
    answer = await stranger.get("/keys")

    assert (303, "/login?next=/keys") == (answer.status_code, answer.headers["location"])
    assert 'monoize_session=""' in answer.headers["set-cookie"]
    assert not stranger.cookies
    stale = Surfer(house.app, ip="10.9.9.9")
    for _ in range(25):
        stale.cookies.set("monoize_session", "mzs_gone", domain="monoize.test")
        assert 200 == (await stale.get("/login")).status_code


async def test_signing_out_ends_the_session(house, boss):
    token = boss.cookies["monoize_session"]
    answer = await boss.submit("/logout")

    assert (303, "/login?done=signed_out") == (answer.status_code, answer.headers["location"])
    assert "You are signed out." in (await boss.get(answer.headers["location"])).text
    assert 401 == (await house.bearing(token).get("/api/me")).status_code


async def test_only_the_cookie_opens_a_page(house, root):
    stranger = Surfer(house.app)
    stranger.headers["authorization"] = root.headers["authorization"]

    assert "/login?next=/keys" == (await stranger.get("/keys")).headers["location"]


async def test_registering_is_not_offered_when_it_is_switched_off(root, stranger):
    looked, posted = await stranger.get("/register"), await stranger.submit("/register", **DETAILS)

    assert not Page(await stranger.get("/login")).all("a", href="/register")
    assert [403, 403] == [looked.status_code, posted.status_code]
    assert not Page(looked).all("form")


async def test_registering_makes_an_account_of_the_lowest_role(open_door):
    stranger = Surfer(open_door.app)
    assert Page(await stranger.get("/login")).one("a", href="/register")
    assert 200 == (await stranger.get("/register")).status_code
    answer = await stranger.submit("/register", **DETAILS, role="super_admin")

    assert (303, "/") == (answer.status_code, answer.headers["location"])
    assert "user" == (await stranger.get("/api/me")).json()["role"]


async def test_a_taken_name_is_refused_on_the_same_form(open_door):
    answer = await Surfer(open_door.app).submit("/register", **DETAILS | {"username": "root"})

    assert 409 == answer.status_code
    assert "already in use" in Page(answer).one("div", role="alert").text
    assert "carol@example.com" == Page(answer).one("input", name="email")["value"]


async def test_configured_providers_have_a_button(open_door):
    page = Page(await Surfer(open_door.app).get("/login"))

    assert "Sign in with GitHub" == page.one("a", href="/api/auth/providers/github/start").text


async def test_what_a_provider_refuses_leads_back_to_the_door_with_the_reason(open_door):
    stranger = Surfer(open_door.app)
    answer = await stranger.get("/api/auth/providers/github/callback?error=access_denied")
    page = await stranger.get(answer.headers["location"])

    assert (303, "/login?refused=sign_in_failed") == (answer.status_code, answer.headers["location"])
    assert 200 == page.status_code
    assert errors.SignInFailed.__doc__ in Page(page).one("div", role="alert").text


async def test_a_provider_that_is_not_configured_leads_back_too(root, stranger):
    answer = await stranger.get("/api/auth/providers/nobody/start")

    assert "/login?refused=provider_not_found" == answer.headers["location"]


async def test_no_link_puts_its_own_words_on_a_page(root, stranger):
    for address in ("/login?refused=You+have+won", "/login?done=You+have+won", "/login?next=You+have+won"):
        page = Page(await stranger.get(address))
        assert "You have won" not in page.one("body").text


async def test_a_suspended_organisation_finds_no_page_but_the_door(house, root, stranger):
    tenant = (await root.post("/api/tenants", json={"name": "acme"})).json()["id"]
    await house.make_user(root, "carol", tenant_id=tenant)
    await stranger.sign_in("carol")
    await root.patch(f"/api/tenants/{tenant}", json={"status": "suspended"})
    answer = await stranger.get("/keys")

    assert 403 == answer.status_code
    assert "has been suspended" in Page(answer).one("h1").text
    assert Page(answer).one("a", href="/login")
    assert 200 == (await stranger.get("/login")).status_code


async def test_the_first_account_is_not_made_by_signing_in(house, stranger):
    await first_account.offer_link(house.house.database)
    answer = await stranger.post("/login", data={"name": "root", "password": PASSWORD}, headers={"origin": ORIGIN})

    assert 401 == answer.status_code
