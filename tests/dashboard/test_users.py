import pytest
from dashboard.surfer import Page, Surfer
from support.house import PASSWORD

from monoize.control.identity.store import users

DETAILS = {"username": "bob", "name": "Bob", "email": "bob@example.com", "role": "user", "password": PASSWORD}


def _switch(page, name):
    """The address that the button beside this name posts to."""
    forms = {
        form.text.split()[-1]: form["action"] for form in page.all("form") if form["action"].startswith("/users/")
    }
    return forms[name]


async def test_an_administrator_makes_accounts(house, boss):
    answer = await boss.submit("/users", **DETAILS)
    page = await boss.get(answer.headers["location"])

    assert (303, "/users?done=user_created") == (answer.status_code, answer.headers["location"])
    assert "Bob · bob@example.com" in page.text
    await Surfer(house.app, ip="10.0.0.3").sign_in("bob")


async def test_a_refused_account_keeps_what_was_entered_but_never_the_password(boss):
    answer = await boss.submit("/users", **DETAILS | {"username": "root", "role": "admin"})

    page = Page(answer)
    assert 409 == answer.status_code
    assert "bob@example.com" == page.one("input", name="email")["value"]
    assert page.one("option", value="admin", selected="")
    assert PASSWORD not in answer.text


async def test_an_admin_is_offered_and_given_only_roles_below_their_own(house, root, boss):
    await house.make_user(root, "carol", role="admin")
    carol = await Surfer(house.app, ip="10.0.0.3").sign_in("carol")
    offered = [option["value"] for option in Page(await carol.get("/users/new")).all("option")]

    assert ["user"] == offered
    assert 403 == (await carol.submit("/users", **DETAILS | {"role": "admin"})).status_code
    assert 303 == (await carol.submit("/users", **DETAILS)).status_code
    assert 3 == len(Page(await boss.get("/users/new")).all("option"))


async def test_disabling_shuts_somebody_out_until_they_are_enabled(boss, alice):
    disable = _switch(Page(await boss.get("/users")), "alice")
    disabled = await boss.submit(disable)
    assert "/users?done=user_disabled" == disabled.headers["location"]
    assert 303 == (await alice.get("/keys")).status_code
    assert 403 == (await alice.submit("/login", name="alice", password=PASSWORD)).status_code

    enable = _switch(Page(await boss.get("/users")), "alice")
    assert "/users?done=user_enabled" == (await boss.submit(enable)).headers["location"]
    await alice.sign_in("alice")


async def test_nobody_is_offered_to_disable_themselves_or_somebody_above(house, root, boss):
    await house.make_user(root, "carol", role="admin")
    carol = await Surfer(house.app, ip="10.0.0.3").sign_in("carol")

    assert not [f for f in Page(await carol.get("/users")).all("form") if f["action"].startswith("/users/")]
    assert 409 == (await boss.submit(f"/users/{root.user['id']}/disable")).status_code
    assert 403 == (await carol.submit(f"/users/{root.user['id']}/disable")).status_code


@pytest.mark.parametrize("address", ["/users", "/users/new", "/audit"])
async def test_a_user_sees_that_this_is_not_for_them(alice, address):
    answer = await alice.get(address)

    assert 403 == answer.status_code
    assert "Ask an administrator" in Page(answer).one("main").text


async def test_a_user_cannot_post_what_only_administrators_may(alice, root):
    for address in ("/users", f"/users/{root.user['id']}/disable", f"/users/{root.user['id']}/enable"):
        assert 403 == (await alice.submit(address, **DETAILS)).status_code


async def test_the_list_has_pages(boss, alice):
    newest = Page(await boss.get("/users?limit=1"))
    older = await boss.get(newest.one("a", rel="next")["href"])

    assert "alice" in newest.one("tbody").text
    assert "root" in Page(older).one("tbody").text
    assert Page(older).one("nav", **{"aria-label": "Further pages"}).text.strip() == "Newest"


async def test_balances_are_exact(house, boss, root):
    async with house.house.database.write() as tx:
        await users.change(tx, root.user["id"], {"balance_nano_usd": 1_234_567_890_000_000_001})

    assert "$1,234,567,890.000000001" in (await boss.get("/users")).text
    assert "$1,234,567,890.000000001" in (await boss.get("/")).text
