"""What a person does first, in a real browser against a real server: with scripts, without them, and on a phone."""

from typing import Final

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from support.server import Server

pytestmark = pytest.mark.browser

PASSWORD: Final = "correct horse battery"
NEW_PASSWORD: Final = "staple horse correct"
PHONE: Final = {"width": 390, "height": 844}
PAGES: Final = ("/", "/keys", "/keys/new", "/users", "/users/new", "/audit", "/account", "/nowhere")


async def _make_account(page: Page, server: Server) -> None:
    await page.goto(f"{server.address}/setup?link={server.read_link()}")
    await page.get_by_label("Username").fill("root")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Password, once more").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, root")


async def _sign_in(page: Page, server: Server, password: str) -> None:
    await page.goto(f"{server.address}/login")
    await page.get_by_label("Username or e-mail address").fill("root")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


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


def _listen(context: BrowserContext) -> list[str]:
    """What the browser complains about, such as something that the content security policy forbids."""
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return complaints


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
async def test_the_first_minutes(server: Server, chromium: Browser, scripts: bool):
    here = await chromium.new_context(java_script_enabled=scripts)
    elsewhere = await chromium.new_context(java_script_enabled=scripts)
    complaints = _listen(here)
    page, other = await here.new_page(), await elsewhere.new_page()

    await _make_account(page, server)
    secret = await _create_key(page)
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {secret}"}) as program:
        me = (await program.get(f"{server.address}/api/me")).json()
    assert ("api_key", "root") == (me["kind"], me["user"]["username"])

    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("status")).to_have_text("You are signed out.")
    await page.goto(f"{server.address}/keys")
    await expect(page).to_have_url(f"{server.address}/login?next=/keys")

    await _sign_in(page, server, PASSWORD)
    await _sign_in(other, server, PASSWORD)
    await expect(other.get_by_role("heading", level=1)).to_have_text("Welcome, root")
    await _change_password(page, server)
    await other.goto(f"{server.address}/account")
    await expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")

    assert [] == complaints
    assert secret not in server.logged()
    assert PASSWORD not in server.logged()


async def test_every_page_fits_a_phone(server: Server, chromium: Browser):
    phone = await chromium.new_context(viewport=PHONE, color_scheme="dark")
    page = await phone.new_page()
    await _make_account(page, server)
    await _create_key(page)

    for path in PAGES:
        await page.goto(server.address + path)
        assert PHONE["width"] == await page.evaluate("document.documentElement.scrollWidth"), path


async def test_everything_is_reached_by_the_keyboard(server: Server, chromium: Browser):
    page = await (await chromium.new_context()).new_page()
    await _make_account(page, server)

    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("main").get_by_role("link").first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
