"""Conversations in the playground, in a real browser: as they come with a script, and whole without one."""

from browser.visit import JOURNEYS, axe_findings, make_account
from playwright.async_api import Browser, Locator, Page, expect
from support.server import Server

pytestmark = JOURNEYS


async def _enter(page: Page, server: Server) -> None:
    """As somebody who has a provider."""
    await make_account(page, server)
    await page.get_by_role("button", name="Use the echo").click()
    await expect(page.get_by_role("button", name="Create the key")).to_be_visible()


def _ask(page: Page) -> Locator:
    return page.get_by_role("button", name="Ask", exact=True)


async def _answered(page: Page, number: int = 1) -> Locator:
    """The last answer of a side, once it has ended."""
    await expect(_ask(page)).to_be_visible()
    await expect(page.locator(f"[data-side='{number}'] [data-outcome='answered']")).to_be_visible()
    return page.locator(f"[data-side='{number}'] .turn.answered").last


async def test_two_are_asked_and_answer_as_they_come(server: Server, chromium: Browser):
    page = await chromium.new_page(viewport={"width": 1440, "height": 900})
    await _enter(page, server)

    await page.goto(f"{server.address}/playground")
    await page.get_by_label("Model", exact=True).fill("echo")
    await expect(page.locator("#model-hint")).to_have_text("free")
    await page.get_by_label("Beside it").fill("gpt-nowhere")
    await page.get_by_label("Prompt").fill("/slow 300\none two three four five six")
    await _ask(page).click()
    under_way = page.locator("[data-side='1'] .under-way")
    await expect(under_way).to_contain_text("one")
    assert "six" not in (await under_way.text_content() or "")
    await expect(page.locator("[data-side='2']")).to_contain_text("It was not answered")
    await page.keyboard.press("Escape")
    side = page.locator("[data-side='1']")
    await expect(side).to_contain_text("You have stopped it here")
    await expect(side).not_to_contain_text("You said: one two three four five six")
    await expect(side.locator(".came-to")).to_contain_text("$0.00")
    assert [] == await axe_findings(page)

    await page.get_by_label("Beside it").fill("")
    await page.get_by_label("Protocol").select_option("messages")
    await page.get_by_text("The request", exact=True).click()
    await page.get_by_label("Prompt").fill('/think\n/call weather {"place": "Oslo"}')
    await expect(page.locator("#request-1")).to_contain_text('"role": "assistant"')
    await page.keyboard.press("Control+Enter")
    answer = await _answered(page)
    await expect(answer).to_contain_text("calls weather")
    await expect(page.locator("[data-side='2']")).to_be_empty()
    await page.get_by_role("textbox", name="weather").fill("sunny")
    assert [] == await axe_findings(page)
    await _ask(page).click()
    await expect(page.get_by_text("The tool said: sunny")).to_be_visible()
    await _answered(page)

    await page.locator(".came-to").get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Request to echo")
    # Four prompts, one key, one row that says that it was made.
    await page.goto(f"{server.address}/keys")
    await expect(page.get_by_role("link", name="Playground", exact=True)).to_have_count(2)  # one in the navigation
    await page.goto(f"{server.address}/audit?action=key.create")
    await expect(page.locator("tbody tr", has_text="key.create")).to_have_count(1)


async def test_without_scripts_the_answer_comes_as_a_page(server: Server, chromium: Browser):
    first = await chromium.new_context()
    await _enter(await first.new_page(), server)
    context = await chromium.new_context(
        storage_state=await first.storage_state(),
        java_script_enabled=False,
        viewport={"width": 390, "height": 900},
    )
    page = await context.new_page()

    await page.goto(f"{server.address}/playground?model=echo")
    await page.get_by_label("Beside it").fill("echo")
    await page.get_by_label("Prompt").fill("Both say this")
    await _ask(page).click()
    for number in (1, 2):
        await expect(await _answered(page, number)).to_contain_text("Both say this")
    await page.get_by_label("Protocol").select_option("gemini")
    await page.get_by_label("Prompt").fill("And this")
    await _ask(page).click()
    for number in (1, 2):
        await expect(page.locator(f"[data-side='{number}'] .turn")).to_have_count(4)
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.locator(".turn")).to_have_count(0)
    await expect(page.get_by_label("Beside it")).to_have_value("echo")
