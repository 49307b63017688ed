"""Signing in with an account elsewhere: one contract for every kind of provider, and the faults of each kind."""

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from dashboard.surfer import Page, Surfer
from fakes import github, oidc
from fakes.person import Person
from sqlalchemy import select, update
from support.answers import granted, refusal
from support.house import PASSWORD, Client, RunningHouse, open_house, test_settings
from support.rows import every_row, last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.identity.api.foreign_sign_in import HANDSHAKE_COOKIE
from monoize.control.identity.tables import accounts, users
from monoize.infra.settings import OAuthProvider, Settings

Provider = oidc.OidcProvider | github.GitHub

FAULTS_OF_BOTH: Final = (
    "denied",
    "token_endpoint_away",
    "token_endpoint_refuses",
    "token_endpoint_is_not_json",
    "token_endpoint_sends_a_list",
)
FAULTS_OF_OIDC: Final = (
    "unsigned",
    "signed_with_the_public_key_as_a_shared_secret",
    "signed_by_a_stranger",
    "not_a_token",
    "no_id_token",
    "no_keys",
    "keys_away",
)
FAULTS_OF_DISCOVERY: Final = (
    "discovery_away",
    "discovery_of_another_issuer",
    "discovery_without_endpoints",
    "discovery_is_a_list",
    "discovery_of_numbers",
    "discovery_is_not_json",
)
FAULTS_OF_GITHUB: Final = ("user_away", "emails_away", "emails_are_an_object")


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Provider]]:
    with oidc.OidcProvider() as corp, github.GitHub() as hub:
        yield {"corp": corp, "github": hub}


@pytest.fixture
def both(running: dict[str, Provider]) -> dict[str, Provider]:
    """Both providers, well-behaved and with Alice at them."""
    for provider in running.values():
        provider.person, provider.misbehaviour, provider.more = Person(), "", {}
        provider.claims = lambda claims: claims
        provider.issued.clear()
    return running


@pytest.fixture(params=["corp", "github"])
def name(request: pytest.FixtureRequest) -> str:
    """What the provider is called in the settings; the test runs once for each kind."""
    return request.param


@pytest.fixture
def provider(both: dict[str, Provider], name: str) -> Provider:
    return both[name]


def oauth(providers: dict[str, Provider]) -> dict[str, OAuthProvider]:
    corp, hub = providers["corp"], providers["github"]
    client = {"client_id": oidc.CLIENT_ID, "client_secret": oidc.CLIENT_SECRET}
    return {
        "corp": OAuthProvider(**client, issuer=corp.url, title="Our company"),
        "github": OAuthProvider(**client, base_url=hub.url, api_url=f"{hub.url}/api"),
    }


@pytest.fixture
def settings(sqlite: str, tmp_path: Path, both: dict[str, Provider]) -> Settings:
    return test_settings(sqlite, tmp_path, registration_enabled=True, oauth=oauth(both))


OUR_PAGE: Final = {"sec-fetch-site": "same-origin"}


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[RunningHouse]:
    """With its first account, since strangers come after it."""
    async with open_house(settings) as running:
        await running.make_root()
        yield running


async def start(visitor: Client, name: str) -> str:
    """Set out; where at the provider the browser is sent."""
    answer = await visitor.get(f"/api/auth/providers/{name}/start")
    assert 303 == answer.status_code, answer.text
    return answer.headers["location"]


async def at_provider(address: str) -> str:
    """Agree there; where the browser is sent back to."""
    async with httpx2.AsyncClient(verify=False) as browser:
        answer = await browser.get(address)
    assert 302 == answer.status_code, answer.text
    return answer.headers["location"]


async def walk(visitor: Client, name: str) -> httpx2.Response:
    """All the way: away, and back."""
    return await visitor.get(await at_provider(await start(visitor, name)))


async def signed_in(visitor: Client, name: str) -> dict[str, Any]:
    answer = await walk(visitor, name)
    assert (303, "/") == (answer.status_code, answer.headers.get("location")), answer.text
    return granted(await visitor.get("/api/me"))["user"]


def refused(answer: httpx2.Response) -> str:
    """The code with which the visitor is led back to the sign-in page, without a session."""
    assert 303 == answer.status_code, answer.text
    back = urlsplit(answer.headers["location"])
    assert "/login" == back.path, back
    assert not [header for header in answer.headers.get_list("set-cookie") if "session=" in header]
    return parse_qs(back.query)["refused"][0]


async def verified_alice(house: RunningHouse, root: Client) -> Client:
    alice = await house.make_user(root, "alice", email="alice@example.com")
    async with house.house.database.write() as tx:
        await tx.execute(update(users).where(users.c.username == "alice").values(email_verified=utc_now()))
    return alice


async def test_who_is_new_becomes_a_user_and_is_signed_in(house: RunningHouse, name: str, provider: Provider):
    before = await last_seq(house.house.database)

    user = await signed_in(house.visitor(), name)

    assert user["username"].startswith("alice_")
    assert user["email_verified"]
    assert ("user", "alice@example.com", "Alice Liddell", "https://example.com/alice.png") == (
        user["role"],
        user["email"],
        user["name"],
        user["image"],
    )
    rows = await logs_after(house.house.database, before)
    assert [("user.link_account", "visitor:visitor"), ("session.open", f"user:{user['username']}")] == [
        (row.action, row.actor) for row in rows
    ]


async def test_who_comes_back_is_the_same_user_whatever_else_has_changed(
    house: RunningHouse, name: str, provider: Provider
):
    first = await signed_in(house.visitor(), name)
    provider.person = Person(email="new@example.com", username="renamed", email_verified=False)

    again = await signed_in(house.visitor(), name)

    assert (first["id"], first["email"], first["username"]) == (again["id"], again["email"], again["username"])
    assert 1 == len((await every_row(house.house.database))["accounts"])


async def test_where_strangers_make_no_accounts_a_stranger_is_refused_and_nothing_is_kept(
    sqlite: str, tmp_path: Path, name: str, both: dict[str, Provider]
):
    async with open_house(test_settings(sqlite, tmp_path, oauth=oauth(both))) as house:
        await house.make_root()
        before = await every_row(house.house.database)

        assert "registration_disabled" == refused(await walk(house.visitor(), name))
        assert before == await every_row(house.house.database)


async def test_an_address_that_both_sides_verified_links_to_its_user_even_where_strangers_are_refused(
    sqlite: str, tmp_path: Path, name: str, both: dict[str, Provider]
):
    both[name].person = Person(email="Alice@Example.com")
    async with open_house(test_settings(sqlite, tmp_path, oauth=oauth(both))) as house:
        await house.make_root()
        alice = await verified_alice(house, await house.make_root())

        assert alice.user["id"] == (await signed_in(house.visitor(), name))["id"]
        both[name].person = Person(email="elsewhere@example.com")
        assert alice.user["id"] == (await signed_in(house.visitor(), name))["id"]


async def test_an_address_that_we_have_not_verified_is_not_linked(
    house: RunningHouse, root: Client, name: str, provider: Provider
):
    await house.make_user(root, "alice", email="alice@example.com")
    before = await every_row(house.house.database)

    assert "email_not_linked" == refused(await walk(house.visitor(), name))
    assert before == await every_row(house.house.database)


@pytest.mark.parametrize("claim", [False, "true", 1, None], ids=str)
async def test_an_address_that_the_provider_has_not_verified_is_not_believed(
    house: RunningHouse, root: Client, name: str, provider: Provider, claim: Any
):
    alice = await verified_alice(house, root)
    provider.person = Person(email_verified=claim)

    stranger = await signed_in(house.visitor(), name)

    assert alice.user["id"] != stranger["id"]
    assert (None, None) == (stranger["email"], stranger["email_verified"])


async def test_who_shows_no_address_becomes_a_user_without_one(house: RunningHouse, name: str, provider: Provider):
    provider.person = Person(email=None, name=None, image=None)

    user = await signed_in(house.visitor(), name)

    assert (None, None, None) == (user["email"], user["name"], user["image"])


async def test_one_subject_at_two_providers_is_two_people(house: RunningHouse, both: dict[str, Provider]):
    for fake in both.values():
        fake.person = Person(email=None)

    assert (await signed_in(house.visitor(), "corp"))["id"] != (await signed_in(house.visitor(), "github"))["id"]


async def test_who_came_by_a_provider_gives_themselves_a_first_password(
    house: RunningHouse, root: Client, name: str, provider: Provider
):
    visitor, change = house.visitor(), {"new_password": PASSWORD}
    user = await signed_in(visitor, name)
    assert user["has_password"] is False
    robot = await house.make_token(root, "robot", role="admin", scopes=["self", "impersonate"])
    acting = await robot.post("/api/me/password", json=change, headers={"x-user-id": user["id"]})
    assert (403, "not_permitted") == refusal(acting)

    granted(await visitor.post("/api/me/password", json=change, headers=OUR_PAGE))
    granted(await house.visitor().post("/api/auth/login", json={"name": user["username"], "password": PASSWORD}))

    again = await visitor.post("/api/me/password", json=change, headers=OUR_PAGE)
    assert (401, "invalid_credentials") == refusal(again)


async def test_somebody_disabled_is_refused_though_the_provider_knows_them(
    house: RunningHouse, root: Client, name: str, provider: Provider
):
    user = await signed_in(house.visitor(), name)
    granted(await root.patch(f"/api/users/{user['id']}", json={"enabled": False}))

    assert "account_disabled" == refused(await walk(house.visitor(), name))


async def test_one_person_who_comes_twice_at_once_becomes_one_user_on_every_engine(
    engine: str, tmp_path: Path, both: dict[str, Provider], name: str
):
    async with open_house(test_settings(engine, tmp_path, registration_enabled=True, oauth=oauth(both))) as house:
        await house.make_root()
        visitors = [house.visitor() for _ in range(4)]
        returns = [await at_provider(await start(visitor, name)) for visitor in visitors]

        answers = await asyncio.gather(
            *[visitor.get(back) for visitor, back in zip(visitors, returns, strict=True)]
        )

        assert "/" in {answer.headers["location"] for answer in answers}
        codes = {refused(answer) for answer in answers if answer.headers["location"] != "/"}
        assert {"sign_in_failed", "email_exists"} >= codes
        stored = await every_row(house.house.database)
        assert (2, 1) == (len(stored["users"]), len(stored["accounts"]))


async def test_the_way_back_belongs_to_the_browser_that_set_out(house: RunningHouse, name: str, provider: Provider):
    victim, thief = house.visitor(), house.visitor()
    of_victim = await at_provider(await start(victim, name))
    of_thief = await at_provider(await start(thief, name))

    assert "sign_in_failed" == refused(await house.visitor().get(of_victim)), "without the cookie"
    assert "sign_in_failed" == refused(await victim.get(of_thief)), "the thief's way back"
    address, _, asked = of_victim.partition("?")
    state, code = parse_qs(asked)["state"][0], parse_qs(of_thief.partition("?")[2])["code"][0]
    for params in (
        {"code": code, "state": state},
        {"code": parse_qs(asked)["code"][0]},
        {"code": parse_qs(asked)["code"][0], "state": state[:-1]},
        {"code": "", "state": state},
        {"state": state},
        {},
        {"code": "invented", "state": state},
    ):
        assert "sign_in_failed" == refused(await victim.get(address, params=params)), params


async def test_a_way_back_leads_in_once(house: RunningHouse, name: str, provider: Provider):
    visitor = house.visitor()
    back = await at_provider(await start(visitor, name))
    handshake = visitor.cookies[HANDSHAKE_COOKIE]
    answer = await visitor.get(back)
    assert "/" == answer.headers["location"]
    before = await every_row(house.house.database)

    assert HANDSHAKE_COOKIE not in visitor.cookies
    again = await house.visitor().get(back, headers={"cookie": f"{HANDSHAKE_COOKIE}={handshake}"})

    assert "sign_in_failed" == refused(again)
    assert before == await every_row(house.house.database)


async def test_a_handshake_is_good_for_one_provider_for_ten_minutes_and_unchanged(
    house: RunningHouse, name: str, provider: Provider
):
    visitor = house.visitor()
    answer = await visitor.get(f"/api/auth/providers/{name}/start")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert f"path=/api/auth/providers/{name};" in f"{cookie};"
    assert "max-age=600" in cookie
    back = await at_provider(answer.headers["location"])
    handshake = visitor.cookies[HANDSHAKE_COOKIE]
    other = {"corp": "github", "github": "corp"}[name]

    moved = back.replace(f"/{name}/", f"/{other}/")
    assert "sign_in_failed" == refused(
        await house.visitor().get(moved, headers={"cookie": f"{HANDSHAKE_COOKIE}={handshake}"})
    )
    for changed in (handshake[:-4] + "AAAA", handshake[:20], "v1.x.y", "", "ü".encode().decode("latin-1")):
        cookies = {"cookie": f"{HANDSHAKE_COOKIE}={changed}".encode("latin-1")}
        assert "sign_in_failed" == refused(await house.visitor().get(back, headers=cookies))


async def test_a_handshake_with_one_provider_is_not_finished_at_another(
    house: RunningHouse, both: dict[str, Provider]
):
    visitor = house.visitor()
    asked = urlsplit(await start(visitor, "corp"))
    mixed_up = {**dict(parse_qsl(asked.query)), "scope": "read:user user:email"}
    address = f"{both['github'].url}/login/oauth/authorize?{urlencode(mixed_up)}"
    back = (await at_provider(address)).replace("/corp/", "/github/")
    handshake = visitor.cookies[HANDSHAKE_COOKIE]

    answer = await house.visitor().get(back, headers={"cookie": f"{HANDSHAKE_COOKIE}={handshake}"})

    assert "sign_in_failed" == refused(answer)
    assert [] == both["github"].issued, "the code was not even redeemed"


async def test_what_a_visitor_carries_to_the_provider_holds_no_secret(
    house: RunningHouse, name: str, provider: Provider
):
    visitor = house.visitor()
    asked = urlsplit(await start(visitor, name))
    query = {field: values[0] for field, values in parse_qs(asked.query).items()}

    assert ("code", "S256", f"http://monoize.test/api/auth/providers/{name}/callback") == (
        query["response_type"],
        query["code_challenge_method"],
        query["redirect_uri"],
    )
    assert min(len(query["state"]), len(query["code_challenge"])) >= 43
    assert oidc.CLIENT_SECRET not in asked.geturl()
    assert query["state"] not in visitor.cookies[HANDSHAKE_COOKIE]
    assert query["state"] != parse_qs(urlsplit(await start(house.visitor(), name)).query)["state"][0]


async def test_what_the_provider_gave_us_is_kept_sealed_and_renewed(
    house: RunningHouse, name: str, provider: Provider
):
    for expected in (1, 2):
        await signed_in(house.visitor(), name)
        assert expected == len(provider.issued)
        issued = provider.issued[-1]
        async with house.house.database.read() as tx:
            row = (await tx.execute(select(accounts))).one()

        assert (name, provider.person.subject, provider.kind) == (row.provider, row.provider_account_id, row.type)
        assert issued["scope"] == row.scope
        for secret in ("access_token", "refresh_token", "id_token"):
            kept = getattr(row, secret)
            assert issued.get(secret) == (
                kept and house.house.seal.open(kept, "accounts", name, row.provider_account_id, secret)
            )
            assert not kept or issued[secret] not in str(await every_row(house.house.database))


async def test_an_unknown_provider_is_named_as_such(house: RunningHouse):
    for step in ("start", "callback?code=x&state=y"):
        assert "provider_not_found" == refused(await house.visitor().get(f"/api/auth/providers/nobody/{step}"))


async def test_the_list_of_providers_says_what_a_button_needs_and_no_more(house: RunningHouse):
    assert [
        {"name": "corp", "title": "Our company", "start": "/api/auth/providers/corp/start"},
        {"name": "github", "title": "GitHub", "start": "/api/auth/providers/github/start"},
    ] == granted(await house.visitor().get("/api/auth/providers"))


async def test_setting_out_is_limited_like_signing_in(house: RunningHouse, name: str):
    visitor = house.visitor("203.0.113.9")
    for _ in range(10):
        await start(visitor, name)

    assert "too_many_attempts" == refused(await visitor.get(f"/api/auth/providers/{name}/start"))


@pytest.mark.parametrize("fault", FAULTS_OF_BOTH)
async def test_a_provider_that_does_not_answer_as_it_should_lets_nobody_in(
    house: RunningHouse, name: str, provider: Provider, fault: str
):
    before = await every_row(house.house.database)
    provider.misbehaviour = fault

    assert "sign_in_failed" == refused(await walk(house.visitor(), name))
    assert before == await every_row(house.house.database)


@pytest.mark.parametrize("fault", FAULTS_OF_GITHUB)
async def test_a_github_that_does_not_say_who_somebody_is_lets_nobody_in(
    house: RunningHouse, both: dict[str, Provider], fault: str
):
    both["github"].misbehaviour = fault

    assert "sign_in_failed" == refused(await walk(house.visitor(), "github"))


@pytest.mark.parametrize("fault", FAULTS_OF_OIDC)
async def test_an_identity_that_the_issuer_did_not_sign_lets_nobody_in(
    house: RunningHouse, both: dict[str, Provider], fault: str
):
    before = await every_row(house.house.database)
    both["corp"].misbehaviour = fault

    assert "sign_in_failed" == refused(await walk(house.visitor(), "corp"))
    assert before == await every_row(house.house.database)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody-else"},
        {"aud": ["somebody-else"]},
        {"aud": None},
        {"iss": "https://issuer.example.com"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": None},
        {"sub": ""},
        {"sub": 17},
        {"sub": ["1001"]},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"nbf": 32503680000},
    ],
    ids=lambda wrong: " ".join(f"{name}={str(value)[:12]}" for name, value in wrong.items()),
)
async def test_an_identity_that_is_not_for_us_now_lets_nobody_in(
    house: RunningHouse, both: dict[str, Provider], wrong: dict[str, Any]
):
    def changed(claims: dict[str, Any]) -> dict[str, Any]:
        return {claim: value for claim, value in {**claims, **wrong}.items() if value is not None}

    before = await every_row(house.house.database)
    both["corp"].claims = changed

    assert "sign_in_failed" == refused(await walk(house.visitor(), "corp"))
    assert before == await every_row(house.house.database)


@pytest.mark.parametrize("fault", FAULTS_OF_DISCOVERY)
async def test_an_issuer_that_does_not_describe_itself_is_not_gone_to(
    house: RunningHouse, both: dict[str, Provider], fault: str
):
    both["corp"].misbehaviour = fault

    assert "sign_in_failed" == refused(await house.visitor().get("/api/auth/providers/corp/start"))
    both["corp"].misbehaviour = ""
    await signed_in(house.visitor(), "corp")


async def test_a_provider_that_takes_its_time_is_not_waited_for(house: RunningHouse, both: dict[str, Provider]):
    both["corp"].misbehaviour = "slow"
    began = utc_now()

    assert "sign_in_failed" == refused(await walk(house.visitor(), "corp"))
    assert utc_now() - began < dt.timedelta(seconds=20)


HOSTILE: Final[tuple[Any, ...]] = (5, ["x"], {"a": "b"}, "", "a\x00b", "x" * 20_000, "' OR 1=1 --")


ABOUT_SOMEBODY: Final = frozenset({"email", "preferred_username", "login", "name", "picture", "avatar_url"})


async def test_what_a_provider_says_of_somebody_never_breaks_our_side_on_any_engine(
    engine: str, tmp_path: Path, both: dict[str, Provider], name: str
):
    async with open_house(test_settings(engine, tmp_path, registration_enabled=True, oauth=oauth(both))) as house:
        await house.make_root()
        for number, value in enumerate(HOSTILE):
            both[name].person = Person(subject=str(number))
            both[name].claims = lambda claims, value=value: {
                claim: value if claim in ABOUT_SOMEBODY else kept for claim, kept in claims.items()
            }

            user = await signed_in(house.visitor(f"203.0.113.{number}"), name)

            assert re.fullmatch("[A-Za-z0-9_]{3,22}", user["username"])
            assert user["email"] is None


@pytest.mark.parametrize("lifetime", [-1, 0, 10**10, 10**18, None], ids=str)
async def test_a_lifetime_that_is_none_does_not_keep_anybody_out(
    house: RunningHouse, both: dict[str, Provider], lifetime: Any
):
    both["corp"].more = {"expires_in": lifetime}

    await signed_in(house.visitor(), "corp")


async def set_out(surfer: Surfer, name: str) -> str:
    """To link an account; where the browser is sent to by the page in between."""
    page = Page(await surfer.submit(f"/account/sign-ins/{name}"))
    return next(link["href"] for link in page.all("a") if link.text.startswith("Go on to"))


async def linked(surfer: Surfer, name: str) -> str:
    """Where linking ends."""
    answer = await surfer.get(await at_provider(await set_out(surfer, name)))
    assert 303 == answer.status_code, answer.text
    return answer.headers["location"]


async def accounts_of(client: Client) -> list[dict[str, Any]]:
    return granted(await client.get("/api/me/accounts"))["items"]


def session_of(surfer: Surfer) -> str:
    return next(value for key, value in surfer.cookies.items() if key.endswith("monoize_session"))


async def test_an_account_is_linked_by_who_is_signed_in_whatever_its_address(
    house: RunningHouse, name: str, provider: Provider
):
    root = await Surfer(house.app).sign_in()
    provider.person = Person(email="somebody.else@example.com")
    before = await last_seq(house.house.database)

    assert "/account?done=account_linked" == await linked(root, name)
    assert "/account?done=account_linked" == await linked(root, name), "it is theirs already"

    assert [name] == [account["provider"] for account in await accounts_of(root)]
    told = await logs_after(house.house.database, before)
    assert ["user.link_account"] == [row.action for row in told]
    assert "root" == (await signed_in(house.visitor(), name))["username"]


async def test_an_account_of_somebody_else_is_not_linked(house: RunningHouse, name: str, provider: Provider):
    await signed_in(house.visitor(), name)
    root = await Surfer(house.app).sign_in()

    assert "/account?refused=account_taken" == await linked(root, name)

    assert [] == await accounts_of(root)
    assert "Somebody else signs in with this account" in (await root.get("/account?refused=account_taken")).text


async def test_a_link_is_made_in_the_session_that_set_out_and_once(
    house: RunningHouse, name: str, provider: Provider
):
    root, other = await Surfer(house.app).sign_in(), await Surfer(house.app).sign_in()
    back = await at_provider(await set_out(root, name))
    handshake = f"{HANDSHAKE_COOKIE}={root.cookies[HANDSHAKE_COOKIE]}"

    for cookies in (f"{handshake}; monoize_session={session_of(other)}", handshake):
        answer = await house.visitor().get(back, headers={"cookie": cookies})
        assert answer.headers["location"].startswith("/account?refused="), cookies
        assert not [each for each in answer.headers.get_list("set-cookie") if "session=" in each]
    assert [] == await accounts_of(root)

    cookies = f"{handshake}; monoize_session={session_of(root)}"
    first = await house.visitor().get(back, headers={"cookie": cookies})
    assert "/account?done=account_linked" == first.headers["location"]
    (account,) = await accounts_of(root)
    granted(await root.delete(f"/api/me/accounts/{account['id']}", headers=OUR_PAGE))
    again = await house.visitor().get(back, headers={"cookie": cookies})
    assert "/account?refused=sign_in_failed" == again.headers["location"]
    assert [] == await accounts_of(root)


async def test_nobody_is_made_to_set_out_by_another_site(house: RunningHouse, name: str, provider: Provider):
    root = await Surfer(house.app).sign_in()

    for headers in ({"origin": "https://evil.example"}, {}):
        assert 403 == (await root.post(f"/account/sign-ins/{name}", headers=headers)).status_code
    assert 405 == (await root.get(f"/account/sign-ins/{name}")).status_code
    assert HANDSHAKE_COOKIE not in root.cookies


async def test_the_last_way_in_stays_and_others_are_taken_away(house: RunningHouse, both: dict[str, Provider]):
    visitor = Surfer(house.app)
    await signed_in(visitor, "corp")
    (account,) = await accounts_of(visitor)

    answer = await visitor.delete(f"/api/me/accounts/{account['id']}", headers=OUR_PAGE)
    assert (409, "last_way_in") == refusal(answer)
    page = await visitor.submit(f"/account/sign-ins/{account['id']}/unlink")
    assert (409, True) == (page.status_code, "nobody could sign in" in page.text)

    both["github"].person = Person(subject="2002")
    assert "/account?done=account_linked" == await linked(visitor, "github")
    answer = await visitor.submit(f"/account/sign-ins/{account['id']}/unlink")
    assert "/account?done=account_unlinked" == answer.headers["location"]
    assert ["github"] == [each["provider"] for each in await accounts_of(visitor)]


async def test_an_account_of_another_user_is_not_there(house: RunningHouse, name: str, provider: Provider):
    visitor = Surfer(house.app)
    await signed_in(visitor, name)
    (account,) = await accounts_of(visitor)
    root = await Surfer(house.app).sign_in()

    answer = await root.delete(f"/api/me/accounts/{account['id']}", headers=OUR_PAGE)

    assert (404, "account_not_found") == refusal(answer)
    assert 404 == (await root.submit(f"/account/sign-ins/{account['id']}/unlink")).status_code
    assert [account] == await accounts_of(visitor)
