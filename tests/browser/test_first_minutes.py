"""What a person does first, in a real browser against a real server: with scripts and without them."""

from typing import Final

import httpx2
import pytest
from browser.visit import JOURNEYS, listened, make_account, sign_in
from playwright.async_api import Browser, Page, expect
from support.house import PASSWORD
from support.server import Server

pytestmark = JOURNEYS

NEW_PASSWORD: Final = "staple horse correct"


async def _come_home(page: Page, server: Server) -> None:
    await make_account(page, server)
    await page.goto(server.address)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, root")


async def _create_key(page: Page) -> str:
    await page.get_by_role("link", name="Create a key").click()
    await page.get_by_label("Name").fill("laptop")
    await page.get_by_label("Expires").select_option("In 30 days")
    await page.get_by_role("button", name="Create the key").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The key laptop is made")
    return await page.get_by_label("API key").input_value()


async def _change_password(page: Page, server: Server) -> None:
    await page.goto(f"{server.address}/account")
    await page.get_by_label("Present password").fill(PASSWORD)
    await page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    await page.get_by_label("New password, once more").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_role("status")).to_contain_text("Your password is changed")


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
async def test_the_first_minutes(server: Server, chromium: Browser, scripts: bool):
    here = await chromium.new_context(java_script_enabled=scripts)
    elsewhere = await chromium.new_context(java_script_enabled=scripts)
    complaints, hosts = listened(here)
    page, other = await here.new_page(), await elsewhere.new_page()

    await _come_home(page, server)
    secret = await _create_key(page)
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {secret}"}) as program:
        me = (await program.get(f"{server.address}/api/me")).json()
    assert ("api_key", "root") == (me["kind"], me["user"]["username"])

    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("status")).to_have_text("You are signed out.")
    await page.goto(f"{server.address}/keys")
    await expect(page).to_have_url(f"{server.address}/login?next=/keys")

    await sign_in(page, server)
    await sign_in(other, server)
    await expect(other.get_by_role("heading", level=1)).to_have_text("Welcome, root")
    await _change_password(page, server)
    await other.goto(f"{server.address}/account")
    await expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")

    assert [] == complaints
    assert {server.address.removeprefix("http://")} == hosts
    assert secret not in server.logged()
    assert PASSWORD not in server.logged()


async def test_everything_is_reached_by_the_keyboard(server: Server, chromium: Browser):
    page = await (await chromium.new_context()).new_page()
    await _come_home(page, server)

    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("main").get_by_role("link").first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Costs")


async def test_what_keeps_up_leaves_the_focus_where_it_is(server: Server, chromium: Browser):
    page = await (await chromium.new_context()).new_page()
    await _come_home(page, server)
    await page.add_init_script("""
        addEventListener("DOMContentLoaded", () => document.querySelector("[data-live] a").focus());
        addEventListener("monoize:replaced", () => { document.documentElement.dataset.renewed = ""; });
    """)

    await page.goto(server.address)
    await expect(page.locator("html[data-renewed]")).to_be_attached()

    await expect(page.locator("[data-live] a").first).to_be_focused()
