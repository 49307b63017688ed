from pathlib import Path

import pytest
from dashboard.surfer import Page, Surfer
from fakes.smtp import MailSink
from support.house import PASSWORD, open_house, test_settings

NEW = "staple horse correct"


async def _change_password(surfer, *, present=PASSWORD, new=NEW, again=NEW):
    fields = {"current_password": present, "new_password": new, "new_password_again": again}
    return await surfer.submit("/account/password", **fields)


def _ending(page):
    """The addresses that end a session, the newest first."""
    return [form["action"] for form in page.all("form") if form["action"].startswith("/account/sessions/")]


@pytest.fixture
async def mailing(sqlite: str, tmp_path: Path):
    """A house that can send mail, and where its mail arrives."""
    async with MailSink() as sink:
        settings = test_settings(sqlite, tmp_path, smtp_url=sink.url, mail_from="monoize@example.com")
        async with open_house(settings) as running:
            await running.make_root()
            yield running, sink


async def test_name_and_address_can_be_changed_and_cleared(alice):
    saved = await alice.submit("/account", name=" Alice A. ", email="Alice@Example.org")
    page = Page(await alice.get(saved.headers["location"]))

    assert 303 == saved.status_code
    assert "Your account is saved." == page.one("p", role="status").text
    assert ("Alice A.", "alice@example.org") == (
        page.one("input", id="name")["value"],
        page.one("input", id="email")["value"],
    )

    await alice.submit("/account", name="", email="")
    user = (await alice.get("/api/me")).json()["user"]
    assert (None, None) == (user["name"], user["email"])


async def test_a_taken_address_is_refused_beside_the_form(alice):
    answer = await alice.submit("/account", name="Alice", email="root@example.com")

    assert 409 == answer.status_code
    assert "already in use" in Page(answer).one("div", role="alert").text
    assert "root@example.com" == Page(answer).one("input", id="email")["value"]
    assert "alice@example.com" == (await alice.get("/api/me")).json()["user"]["email"]


async def test_a_new_password_ends_the_other_sessions(house, alice):
    elsewhere = await Surfer(house.app, ip="10.0.0.3").sign_in("alice")
    answer = await _change_password(alice)

    assert (303, "/account?done=password_changed") == (answer.status_code, answer.headers["location"])
    assert 200 == (await alice.get("/account")).status_code
    assert "/login?next=/account" == (await elsewhere.get("/account")).headers["location"]
    await Surfer(house.app, ip="10.0.0.4").sign_in("alice", NEW)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"present": "battery staple"}, "current_password"),
        ({"again": "something else"}, "new_password_again"),
        ({"new": "", "again": ""}, "new_password"),
    ],
)
async def test_a_refused_password_is_named_and_changes_nothing(house, alice, fields, wrong):
    answer = await _change_password(alice, **fields)

    assert 422 == answer.status_code
    assert Page(answer).one("p", id=f"{wrong}-error")
    assert not any(secret in answer.text for secret in ("battery staple", "something else", NEW, PASSWORD))
    await Surfer(house.app, ip="10.0.0.4").sign_in("alice")


async def test_guessing_ones_password_has_a_limit(alice):
    answers = [await _change_password(alice, present="battery staple") for _ in range(21)]

    assert 429 == answers[-1].status_code


async def test_sessions_are_listed_and_ended(house, alice):
    elsewhere = await Surfer(house.app, ip="10.0.0.3").sign_in("alice")
    page = Page(await alice.get("/account"))
    answer = await alice.submit(_ending(page)[0])

    assert "10.0.0.3" in page.one("main").text
    assert "/account?done=session_ended" == answer.headers["location"]
    assert 303 == (await elsewhere.get("/account")).status_code
    assert 200 == (await alice.get("/account")).status_code


async def test_a_session_of_somebody_else_is_not_there(house, alice, boss):
    await Surfer(house.app, ip="10.0.0.3").sign_in("alice")
    address = _ending(Page(await alice.get("/account")))[0]

    assert 404 == (await boss.submit(address)).status_code


async def test_without_a_mail_server_no_link_is_offered(alice):
    page = Page(await alice.get("/account"))

    assert not page.all("form", action="/account/email-verification")
    assert 503 == (await alice.submit("/account/email-verification")).status_code


async def test_a_mailed_link_confirms_the_address_only_by_a_button(mailing):
    running, sink = mailing
    root = await Surfer(running.app).sign_in()
    assert Page(await root.get("/")).one("form", action="/account/email-verification")
    sent = await root.submit("/account/email-verification")
    link = next(word for word in sink.mails[0].get_content().split() if "/verify-email?link=" in word)

    stranger = Surfer(running.app, ip="10.0.0.2")
    looked = Page(await stranger.get(link))
    assert "/account?done=email_sent" == sent.headers["location"]
    assert (await root.get("/api/me")).json()["user"]["email_verified"] is None

    secret = looked.one("input", name="link")["value"]
    confirmed = await stranger.submit("/verify-email", link=secret)
    assert (303, "/login?done=email_verified") == (confirmed.status_code, confirmed.headers["location"])
    assert (await root.get("/api/me")).json()["user"]["email_verified"]

    again = await root.submit("/verify-email", link=secret)
    assert 410 == again.status_code
    assert "already used" in Page(again).one("div", role="alert").text


async def test_confirming_while_signed_in_leads_to_the_account(mailing):
    running, sink = mailing
    root = await Surfer(running.app).sign_in()
    await root.submit("/account/email-verification")
    secret = sink.mails[0].get_content().split("link=")[1].split()[0]

    assert "/account?done=email_verified" == (await root.submit("/verify-email", link=secret)).headers["location"]


async def test_a_refused_form_still_leads_on_to_the_further_sessions(house, root, alice):
    for _ in range(50):
        await house.enter_again(root)
    boss = await Surfer(house.app, ip="10.0.0.7").sign_in()
    refused = await boss.submit("/account", name="", email="nonsense")
    further = await boss.get(Page(refused).one("a", rel="next")["href"])

    assert 422 == refused.status_code
    assert 200 == further.status_code
    assert "Until" in Page(further).one("main").text
