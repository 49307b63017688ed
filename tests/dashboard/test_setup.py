from dashboard.surfer import Page, Surfer
from support.house import PASSWORD

from monoize.control.identity.actions import first_account


def _details(link: str, **changes: str) -> dict[str, str]:
    details = {"link": link, "username": "root", "email": "", "password": PASSWORD, "password_again": PASSWORD}
    return details | changes


async def test_a_house_without_accounts_leads_to_where_the_link_is_explained(stranger):
    home = await stranger.get("/")
    login = await stranger.get(home.headers["location"])
    page = await stranger.get(login.headers["location"])

    assert 200 == page.status_code
    assert "Make the first account" == Page(page).one("h1").text
    assert "/setup?link=" in page.text


async def test_the_printed_link_makes_the_super_admin_and_signs_in(house, stranger):
    link = await first_account.offer_link(house.house.database)
    form = Page(await stranger.get(f"/setup?link={link}")).one("input", name="link")
    answer = await stranger.submit("/setup", **_details(form["value"]))

    assert (303, "/start") == (answer.status_code, answer.headers["location"])
    me = (await stranger.get("/api/me")).json()
    assert ("super_admin", "root") == (me["role"], me["user"]["username"])


async def test_a_refused_form_keeps_what_was_entered_but_never_the_password(house, stranger):
    link = await first_account.offer_link(house.house.database)
    details = _details(link, username="no spaces", email="somebody", password="battery staple")
    answer = await stranger.submit("/setup", **details)

    page = Page(answer)
    assert 422 == answer.status_code
    assert "no spaces" == page.one("input", name="username")["value"]
    assert "somebody" == page.one("input", name="email")["value"]
    assert link == page.one("input", name="link")["value"]
    assert "battery staple" not in answer.text
    assert "Use 3 to 22 letters" in page.one("p", id="username-error").text
    assert "username-hint username-error" == page.one("input", name="username")["aria-describedby"]
    assert "true" == page.one("input", name="username")["aria-invalid"]


async def test_two_different_passwords_make_no_account(house, stranger):
    link = await first_account.offer_link(house.house.database)
    answer = await stranger.submit("/setup", **_details(link, password_again="another one"))

    assert 422 == answer.status_code
    assert Page(answer).one("p", id="password_again-error")
    assert 200 == (await stranger.get(f"/setup?link={link}")).status_code


async def test_a_weak_password_is_refused_with_the_apis_own_words(house, stranger):
    link = await first_account.offer_link(house.house.database)
    answer = await stranger.submit("/setup", **_details(link, password="short", password_again="short"))

    assert 422 == answer.status_code
    assert "at least 8 characters" in Page(answer).one("div", role="alert").text


async def test_a_link_that_is_not_ours_says_how_to_get_one(house, stranger):
    await first_account.offer_link(house.house.database)
    looked, posted = await stranger.get("/setup?link=f00"), await stranger.submit("/setup", **_details("f00"))

    for answer in (looked, posted):
        assert 410 == answer.status_code
        assert "Restart Monoize" in answer.text
        assert not Page(answer).all("form")


async def test_once_there_is_an_account_setup_leads_to_signing_in(house, boss):
    stranger = Surfer(house.app)
    looked, posted = await stranger.get("/setup"), await stranger.submit("/setup", **_details("f00"))

    for answer in (looked, posted):
        assert 409 == answer.status_code
        assert Page(answer).one("a", href="/login")
    assert 409 == (await stranger.get("/setup?link=f00")).status_code
