"""From nothing to a first answer with its cost, in one go: with scripts, the request appears by itself."""

import os
import re
import subprocess
import sys

from browser.visit import JOURNEYS, make_account
from playwright.async_api import Browser, Page, expect
from support.server import Server

pytestmark = JOURNEYS


async def test_from_nothing_to_a_first_answer(server: Server, chromium: Browser):
    page = await (await chromium.new_context()).new_page()
    hosts = _hosts_asked(page)
    await make_account(page, server)

    await page.get_by_role("button", name="Use the echo").click()
    await page.get_by_role("button", name="Create the key").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Make the first request")
    await expect(page.get_by_text("Waiting for your first request")).to_be_visible()
    secret = await page.get_by_label("API key").input_value()

    said = _run_in_shell(await page.locator("#snippet-curl").text_content() or "")
    assert "Monoize" in said
    await expect(page.get_by_text("answered", exact=True)).to_be_visible()
    await expect(page.get_by_role("group", name="The request in figures")).to_contain_text("$0.00")
    await expect(page.get_by_role("list", name="Who was asked")).to_contain_text(
        "at echo, channel default: answered"
    )

    for name in ("openai", "anthropic"):
        text = await page.locator(f"#snippet-{name}").text_content() or ""
        assert "Say hello to Monoize." in _run([sys.executable, "-c", text])

    await page.goto(f"{server.address}/start")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Make the first request")
    assert secret not in await page.content()
    assert secret not in server.logged()
    assert {re.sub(r"^https?://", "", server.address)} == hosts


def _hosts_asked(page: Page) -> set[str]:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    return hosts


def _run_in_shell(text: str) -> str:
    return _run(["/bin/sh", "-c", text])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout
