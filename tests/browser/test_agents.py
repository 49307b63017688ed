"""An agent from its name to its machine and to its end, with a real process for a machine."""

from browser.visit import JOURNEYS, Visit
from playwright.async_api import expect

pytestmark = JOURNEYS


async def test_an_agent_gets_a_machine_whose_steps_are_watched_and_both_go(visit: Visit):
    await visit.go("/agents/new", "Create an agent")
    await visit.enters(Name="traveller")
    await visit.presses("Create the agent")
    await visit.sees("The agent traveller is made")
    await visit.follows("Give it a machine")
    await visit.presses("Make the machine")

    live = visit.main.locator("[data-live]")
    await expect(live).to_contain_text("running")
    await expect(live.get_by_role("listitem").filter(has_text="Ask the provider for it")).to_be_visible()
    await visit.picture("machine-runs")
    await live.get_by_role("link", name="Destroy").click()
    await visit.enters(Enter_the_name="another")
    await visit.presses("Destroy the machine")
    await expect(visit.main.get_by_role("alert")).to_be_visible()
    await visit.enters(Enter_the_name="traveller")
    await visit.presses("Destroy the machine")
    await expect(visit.main.locator("[data-live]")).to_contain_text("destroyed")
    await visit.picture("machine-destroyed")

    await visit.go("/agents")
    await visit.follows("traveller")
    await visit.follows("Delete")
    await visit.enters(Enter_the_name="traveller")
    await visit.presses("Delete the agent")
    await visit.is_told("The agent is deleted")
