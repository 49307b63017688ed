"""What every page owes to whoever looks at it: nothing of weight for axe to find, nothing asked of another host.

Every page of a house full of things, also those of one thing. A picture of each, in light and wide, and dark on a
phone, is left in .work/screenshots.
"""

import re
from typing import Any, Final

from browser.conftest import LivedIn
from browser.visit import AXE, JOURNEYS, PICTURES, Visit, axe_findings, new_visit
from playwright.async_api import Browser, expect
from support.demo.addresses import FOR_STRANGERS
from support.engines import absent

pytestmark = JOURNEYS

WIDTHS: Final = {"light": 1440, "dark": 390}


async def test_pages_are_for_everybody_and_ask_nobody_else(lived_in: LivedIn, chromium: Browser):
    if not AXE.exists():
        absent("axe", f"{AXE} is not there; bin/assets dev fetches it")
    PICTURES.mkdir(parents=True, exist_ok=True)
    inside = {route: address for route, address in lived_in.addresses.items() if not route.endswith("/live")}
    doors = {route: route for route in sorted(FOR_STRANGERS)}
    findings: list[str] = []

    for session, pages in ((lived_in.session, inside), (None, doors)):
        async with new_visit(chromium, lived_in.server, session) as visit:
            for route, address in pages.items():
                await visit.go(address)
                for scheme, width in WIDTHS.items():
                    findings += [f"{route}, {scheme}: {each}" for each in await _looked_at(visit, scheme, width)]
                    name = re.sub(r"[{}]", "", route).strip("/").replace("/", "-").replace(":", "-") or "home"
                    await visit.page.screenshot(path=PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)
    assert [] == findings


async def _looked_at(visit: Visit, scheme: Any, width: int) -> list[str]:
    """The same page in another light and at another width, as when somebody turns a switch and a device."""
    await visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await visit.page.set_viewport_size({"width": width, "height": 900})
    needed = await visit.page.evaluate("document.documentElement.scrollWidth")
    return await axe_findings(visit.page) + ([f"scrolls sideways: {needed} of {width}"] if needed > width else [])


async def test_the_palette_is_walked_by_the_keyboard(visit: Visit):
    page = visit.page
    await visit.go("/")

    await page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search")
    await expect(palette.get_by_role("link", name="API keys")).to_be_visible()
    await page.keyboard.type("audit")
    await expect(palette.get_by_role("link")).to_have_count(1)
    assert [] == [finding for finding in await axe_findings(page) if "palette" in finding]
    await visit.picture("palette")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await visit.sees("Audit log")

    await page.keyboard.press("Control+k")
    await page.keyboard.press("Escape")
    await expect(palette).to_be_hidden()


async def test_light_and_dark_are_chosen_and_remembered(visit: Visit):
    for chosen, scheme in (("Dark", "dark"), ("Light", "light")):
        await visit.go("/")
        button = visit.page.get_by_role("button", name=chosen, exact=True)
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true")
        await visit.go("/keys")
        await expect(visit.page.locator("html")).to_have_css("color-scheme", scheme)
