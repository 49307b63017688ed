"""A service from nothing to its second release and back, on a real engine."""

from browser.conftest import LivedIn
from browser.visit import JOURNEYS, Visit
from playwright.async_api import expect

pytestmark = JOURNEYS


async def test_a_service_is_deployed_read_and_rolled_back(lived_in: LivedIn, visit: Visit):
    engine = lived_in.engine.needed()
    engine.import_image("site:2")
    await visit.go("/projects/new", "Make a project")
    await visit.enters(Name="journey")
    await visit.presses("Make the project")
    await visit.is_told("The project is made.")
    await visit.follows("Deploy a service")
    await visit.enters(Name="site", Image="busybox:test", Ports="80")
    await visit.chooses("It serves when", "It answers a request")
    await visit.presses("Deploy")
    await _is_live(visit)
    await visit.picture("deployment-live")
    await visit.follows("site")
    service = visit.page.url.removeprefix(visit.server.address)

    await visit.go(f"{service}/logs")
    await expect(visit.page.get_by_label("Log", exact=True)).to_contain_text("200")
    await visit.picture("logs")

    await visit.go(f"{service}/exec")
    await visit.enters(Command="sh -c 'echo from-inside; exit 3'")
    await visit.presses("Run")
    await expect(visit.page.get_by_label("Output")).to_contain_text("from-inside")
    await expect(visit.main).to_contain_text("ended with code 3")
    await visit.picture("exec")

    await visit.go(f"{service}/releases")
    await visit.enters(Image="site:2", Why="newest")
    await visit.presses("Deploy")
    await _is_live(visit)
    await visit.go(f"{service}/releases")
    await visit.presses("Roll back to release 1")
    await _is_live(visit)
    await visit.go(f"{service}/releases")
    live = visit.table.get_by_role("row").filter(has_text="live")
    await expect(live).to_contain_text("busybox:test")
    await visit.picture("rolled-back")


async def _is_live(visit: Visit) -> None:
    await expect(visit.main.get_by_role("region").first.get_by_role("heading", level=2)).to_contain_text("live")
