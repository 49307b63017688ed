"""A host of the fleet is enrolled, and shut out again."""

from browser.visit import JOURNEYS, Visit
from playwright.async_api import expect

pytestmark = JOURNEYS


async def test_a_host_is_enrolled_found_and_suspended(visit: Visit):
    await visit.go("/hosts/new", "Enrol a host")
    await visit.enters(Name="journey-1.example.com")
    await visit.presses("Enrol")
    await visit.sees("journey-1.example.com is enrolled")
    await expect(visit.page.locator("#command")).to_contain_text("curl")
    await visit.picture("host-enrolled")

    await visit.go("/hosts?name=journey", "Hosts")
    await visit.follows("journey-1.example.com")
    await visit.presses("Suspend")
    await visit.is_told("The host is suspended.")
    await visit.go("/hosts?status=suspended")
    await expect(visit.table).to_contain_text("journey-1.example.com")
    await visit.picture("host-suspended")
