"""Coming in and going, keys, colleagues, and the record of all that."""

import re

import httpx2
from browser.conftest import LivedIn
from browser.visit import JOURNEYS, Visit, new_visit, sign_in
from playwright.async_api import Browser, expect

pytestmark = JOURNEYS

PASSWORD = "staple horse battery"


async def test_somebody_signs_in_after_a_wrong_password_and_out_again(stranger: Visit):
    page = stranger.page
    await stranger.go("/keys", "Sign in")

    await sign_in(page, stranger.server, password="not the password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("Username or e-mail address")).to_have_value("root")
    await stranger.picture("sign-in-refused")
    await sign_in(page, stranger.server)
    await stranger.sees("Welcome, root")

    await page.get_by_role("button", name="Log out").click()
    await stranger.is_told("You are signed out.")
    await stranger.go("/keys", "Sign in")


async def test_somebody_comes_in_by_way_of_the_company(lived_in: LivedIn, chromium: Browser):
    company = frozenset({re.sub("^https?://", "", lived_in.identity.url)})
    async with new_visit(chromium, lived_in.server, also=company) as visit:
        await visit.go("/login", "Sign in")
        await visit.page.get_by_role("link", name="Sign in with company").click()

        await visit.sees("Welcome, Alice Liddell")
        await visit.picture("came-by-way-of-the-company")
        await visit.go("/account", "Your account")


async def test_a_key_is_shown_once_opens_the_gateway_and_is_deleted(visit: Visit):
    await visit.go("/keys")
    await visit.follows("Create a key")
    await visit.enters(Name="journey")
    await visit.presses("Create the key")
    await visit.sees("The key journey is made")
    secret = await visit.page.get_by_label("API key").input_value()
    await visit.picture("key-made")
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {secret}"}) as program:
        me = await program.get(f"{visit.server.address}/api/me")
        assert "api_key" == me.json()["kind"]

        await visit.go("/keys")
        assert secret not in await visit.page.content()
        await visit.main.get_by_role("row", name="journey").get_by_role("link", name="Delete").click()
        await visit.enters(Enter="journey")
        await visit.presses("Delete the key")
        await visit.is_told("The key is deleted")
        assert 401 == (await program.get(f"{visit.server.address}/api/me")).status_code


async def test_a_colleague_is_made_an_account_and_the_audit_log_tells(visit: Visit, stranger: Visit):
    await visit.go("/users/new", "Make an account")
    await visit.enters(Username="bob", First_password=PASSWORD)
    await visit.presses("Make the account")
    await visit.is_told("The account is made.")

    await sign_in(stranger.page, stranger.server, "bob", PASSWORD)
    await stranger.sees("Welcome, bob")
    await expect(stranger.page.get_by_role("link", name="Audit log")).to_have_count(0)
    await stranger.picture("a-colleague-at-home")

    await visit.go("/audit", "Audit log")
    await visit.enters(Action="user.create")
    await visit.presses("Filter")
    row = visit.main.get_by_role("row").filter(has_text="bob")
    await expect(row).to_contain_text("user:root")
    await row.locator("summary").click()
    await expect(row).to_contain_text("Request")
    await visit.picture("audit-log")
    await visit.follows("Verify it")
    await expect(visit.main).to_contain_text("whole")

    await visit.go("/users")
    await visit.presses("Disable bob")
    await visit.is_told("The account is disabled")
    await stranger.go("/keys", "Sign in")
