"""Where the money went: requests, the ledger, costs, prices, and reading their charts."""

import csv

from browser.visit import JOURNEYS, Visit, axe_findings
from playwright.async_api import expect
from support.demo.each import CAPTURED

pytestmark = JOURNEYS


async def test_a_request_is_found_and_why_it_failed(visit: Visit):
    await visit.go("/requests", "Requests")
    await visit.chooses("Outcome", "Failed")
    await visit.presses("Filter")
    await expect(visit.table.get_by_role("row").nth(1)).to_contain_text("upstream_timeout")

    await visit.table.get_by_role("link").first.click()
    await expect(visit.main.get_by_role("group", name="At a glance")).to_contain_text("Failed")
    await expect(visit.main.get_by_role("region", name="Why")).to_be_visible()
    await visit.picture("why-a-request-failed")


async def test_an_account_is_topped_up_and_its_statement_taken_away(visit: Visit):
    await visit.go("/ledger", "Ledger")
    await visit.follows("Book a payment")
    await visit.enters(User_name="root", Amount="25.00", Reference="journey-1")
    await visit.presses("Book")
    await visit.is_told("The payment is booked.")
    await visit.go("/ledger")
    await expect(visit.table.get_by_role("row").nth(1)).to_contain_text("Payment")
    await visit.picture("statement")

    async with visit.page.expect_download() as download:
        await visit.follows("As CSV")
    rows = list(csv.DictReader((await (await download.value).path()).read_text().splitlines()))
    assert [row for row in rows if "25" in str(row.values()) and "top_up" in row.values()]


async def test_costs_are_drilled_into_and_their_chart_is_read(visit: Visit):
    page = visit.page
    await visit.go("/costs?range=30d", "Costs")
    await expect(visit.table.get_by_role("row")).to_have_count(8)
    plot = visit.main.get_by_role("slider", name="Charge by model")
    readout = visit.main.locator(".readout")

    box = await plot.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    await expect(readout).to_contain_text("claude-opus-4-6")
    await visit.picture("chart-under-the-pointer")
    await page.mouse.move(0, 0)
    await expect(readout).to_have_count(0)

    await plot.focus()
    await page.keyboard.press("Home")
    first = await plot.get_attribute("aria-valuetext")
    await page.keyboard.press("ArrowRight")
    assert "2" == await plot.get_attribute("aria-valuenow")
    assert first != await plot.get_attribute("aria-valuetext")
    await expect(readout).to_be_visible()
    assert [] == await axe_findings(page)
    await page.keyboard.press("Escape")
    await expect(readout).to_have_count(0)

    await visit.table.get_by_role("link", name="gpt-5.1-mini").click()
    await expect(visit.main.get_by_role("link", name="Model: gpt-5.1-mini")).to_be_visible()
    await visit.picture("costs-of-one-model")


async def test_a_price_is_set_and_its_history_shown(visit: Visit):
    await visit.go("/prices/new?provider=openai&model_key=gpt-journey", "Set a price")
    await visit.enters(Input="2", Output="8", Source="https://example.com/prices")
    await visit.presses("Set the price")
    await visit.is_told("The price is set.")

    await visit.go("/prices", "Price book")
    await expect(visit.main).to_contain_text("gpt-journey")
    await visit.go("/models/claude-sonnet-4-5", "claude-sonnet-4-5")
    await expect(visit.main.get_by_role("slider", name="USD per million tokens")).to_be_visible()
    await visit.picture("price-history")


async def test_what_was_kept_of_a_request_is_read_and_deleted(visit: Visit):
    await visit.go("/requests")
    await visit.follows("Captures")
    await visit.sees("Captures")
    await visit.picture("captures")
    await visit.table.get_by_role("row").nth(1).get_by_role("link").click()
    await visit.sees("What was kept of a request")
    await expect(visit.main).to_contain_text("What the caller was told")
    await visit.picture("capture")
    await visit.follows("Delete")
    await visit.enters(Enter_the_name=CAPTURED[1])
    await visit.presses("Delete")
    await visit.is_told("What was kept of the request is deleted.")
