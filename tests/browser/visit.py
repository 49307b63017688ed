"""What journeys are made of: somebody in front of a browser, what they enter, and what axe says at their stops."""

import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect
from support.house import PASSWORD
from support.server import Server

ROOT: Final = Path(__file__).parents[2]
AXE: Final = ROOT / "node_modules/axe-core/axe.min.js"
PICTURES: Final = ROOT / ".work" / "screenshots"
WEIGHTY: Final = ("serious", "critical")
WIDE: Final = {"width": 1440, "height": 900}
JOURNEYS: Final = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
"""For each module of them: the browser lives as long as the session does, and so does its loop."""


@dataclasses.dataclass(frozen=True)
class Visit:
    """One person in one window."""

    server: Server
    context: BrowserContext
    page: Page

    async def go(self, path: str, heading: str | None = None) -> None:
        await self.page.goto(self.server.address + path)
        if heading is not None:
            await self.sees(heading)

    async def sees(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    async def is_told(self, text: str) -> None:
        await expect(self.page.get_by_role("status").first).to_contain_text(text)

    async def enters(self, **fields: str) -> None:
        """By how their labels begin, with _ for a space."""
        for label, value in fields.items():
            await self.main.get_by_label(re.compile(f"^{label.replace('_', ' ')}")).first.fill(value)

    async def chooses(self, label: str, option: str) -> None:
        await self.main.get_by_label(re.compile(f"^{label}")).first.select_option(label=option)

    async def presses(self, button: str) -> None:
        await self.main.get_by_role("button", name=button).first.click()

    async def follows(self, link: str) -> None:
        await self.main.get_by_role("link", name=link).first.click()

    async def picture(self, name: str) -> None:
        """Of the whole page, for people to look at."""
        folder = PICTURES / "journeys"
        folder.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    @property
    def table(self) -> Locator:
        return self.main.get_by_role("table").first


@contextlib.asynccontextmanager
async def new_visit(
    browser: Browser,
    server: Server,
    session: str | None = None,
    *,
    also: frozenset[str] = frozenset(),
    **context: Any,
) -> AsyncIterator[Visit]:
    """With the cookie of a session, by whoever opened that; `also` are hosts that may be asked beside ours."""
    opened = await browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **context})
    if session is not None:
        await opened.add_cookies([{"name": "monoize_session", "value": session, "url": server.address}])
    complaints, hosts = listened(opened)
    yield Visit(server, opened, await opened.new_page())
    await opened.close()
    assert [] == complaints
    assert hosts <= {server.address.removeprefix("http://"), *also}


def listened(context: BrowserContext) -> tuple[list[str], set[str]]:
    """What the browser complains about, such as what the security policy forbids, and which hosts it asks."""
    complaints: list[str] = []
    hosts: set[str] = set()
    context.on("console", lambda message: complaints.append(message.text) if _is_trouble(message) else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    return complaints, hosts


def _is_trouble(message: Any) -> bool:
    """Not that the server refused what was entered, which the page tells; nor that this machine got a network."""
    harmless = ("the server responded with a status of 4", "net::ERR_NETWORK_CHANGED")
    return message.type == "error" and not any(each in message.text for each in harmless)


async def make_account(page: Page, server: Server) -> None:
    await page.goto(f"{server.address}/setup?link={server.read_link()}")
    await page.get_by_label("Username").fill("root")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Password, once more").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Add a provider")


async def sign_in(page: Page, server: Server, name: str = "root", password: str = PASSWORD) -> None:
    await page.goto(f"{server.address}/login")
    await page.get_by_label("Username or e-mail address").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def axe_findings(page: Page) -> list[str]:
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("axe.run()")
    return [
        f"{one['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in WEIGHTY
        for node in one["nodes"]
    ]
