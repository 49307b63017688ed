"""Providers and models."""

from browser.visit import JOURNEYS, Visit
from playwright.async_api import expect

pytestmark = JOURNEYS


async def test_providers_are_added_ordered_and_tested(visit: Visit):
    page = visit.page
    await visit.go("/providers/new?preset=openai")
    await visit.enters(Name="journey", API_key="sk-not-a-real-credential", Models="gpt-test")
    await visit.presses("Add the provider")
    await visit.sees("journey")
    await visit.go("/providers/new?preset=echo")
    await visit.enters(Models="echo")
    await visit.presses("Add the provider")
    await visit.sees("echo")

    await visit.go("/providers", "Providers")
    rows = page.locator("tr[data-order]")
    for place in range(await rows.count() - 1, 0, -1):
        await expect(rows.nth(place)).to_contain_text("echo")
        await page.get_by_role("button", name="Try echo earlier").focus()
        await page.keyboard.press("Enter")
        await expect(rows.nth(place - 1)).to_contain_text("echo")
    await visit.is_told("in this order")
    await rows.nth(1).drag_to(rows.first, target_position={"x": 40, "y": 2})
    await expect(rows.nth(1)).to_contain_text("echo")
    await visit.picture("providers-in-order")

    await rows.nth(1).get_by_role("link", name="echo").click()
    await visit.presses("Test the channel")
    await expect(page.get_by_text("answered in")).to_be_visible()
    await visit.picture("channel-tested")
