"""Deciding for agents: policies with their mistakes, approvals, and the kill switch; also without scripts."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from browser.conftest import LivedIn
from browser.visit import JOURNEYS, Visit, new_visit
from playwright.async_api import Browser, expect
from support.answers import granted

pytestmark = JOURNEYS


@pytest_asyncio.fixture(loop_scope="session", params=[True, False], ids=["with scripts", "without scripts"])
async def governor(
    request: pytest.FixtureRequest, lived_in: LivedIn, chromium: Browser
) -> AsyncIterator[tuple[Visit, str]]:
    """A visit, and the name of an agent's record that nobody else has."""
    scripts: bool = request.param
    async with new_visit(chromium, lived_in.server, lived_in.session, java_script_enabled=scripts) as visit:
        yield visit, "with-scripts" if scripts else "without-scripts"


async def test_a_policy_is_corrected_compared_saved_and_loosened_with_consent(governor: tuple[Visit, str]):
    visit, name = governor
    await visit.go("/agent-records/new")
    await visit.enters(Name=name, Role="writer")
    await visit.page.get_by_label("Begin with").select_option("")
    await visit.presses("Make the record")
    await visit.sees(name)
    record = visit.page.url.partition("?")[0].removeprefix(visit.server.address)

    await visit.go(f"{record}/policies/model_policy_json")
    await visit.enters(JSON='{"speed": "warp"}')
    await visit.presses("Show what would change")
    await expect(visit.table).to_contain_text("/speed")
    await visit.picture(f"policy-mistaken-{name}")
    await _save(visit, {"blocked_models": ["gpt-*"]})
    await visit.is_told("The policy is saved")

    await visit.go(f"{record}/policies/model_policy_json")
    await _save(visit, {})
    await visit.sees(f"agent record {name}")
    await visit.go("/approvals")
    await expect(visit.table).to_contain_text(f"agent record {name}")

    await visit.go("/stops", "Stops")
    await visit.chooses("Stop", f"Agent: {name}")
    await visit.enters(Why="it loops")
    await visit.presses("Stop it now")
    stopped = visit.table.get_by_role("row").filter(has_text=name)
    await expect(stopped).to_contain_text("it loops")
    await visit.picture(f"stopped-{name}")
    await stopped.get_by_role("button", name="Lift").click()
    await visit.is_told("The stop is lifted.")
    await expect(visit.main.get_by_text("it loops")).to_have_count(0)


async def test_what_agents_propose_is_approved_and_denied(lived_in: LivedIn, visit: Visit):
    as_root = {"authorization": f"Bearer {lived_in.session}"}
    async with httpx2.AsyncClient(base_url=visit.server.address, headers=as_root, timeout=60) as root:
        token = granted(await root.post("/api/tokens", json={"name": "journey", "role": "deployer"}))["secret"]
        agent = granted(await root.get("/api/agent-records"))["items"][0]["id"]
        for subject in ("rent_a_server", "erase_everything"):
            proposal = {"agent_id": agent, "kind": "tool", "subject": subject, "arguments": json.dumps({"size": 4})}
            bearer = {"authorization": f"Bearer {token}"}
            granted(await root.post("/api/approvals", json=proposal, headers=bearer))

    await visit.go("/approvals")
    await visit.follows("rent_a_server")
    await visit.enters(Comment="fine")
    await visit.presses("Approve")
    await visit.is_told("Your yes is counted.")
    await visit.picture("approved")
    await visit.go("/approvals")
    await visit.follows("erase_everything")
    await visit.presses("Deny")
    await visit.is_told("Your no ended it.")
    await visit.go("/approvals/history?status=denied")
    await expect(visit.table).to_contain_text("erase_everything")


async def _save(visit: Visit, document: dict[str, object]) -> None:
    await visit.enters(JSON=json.dumps(document))
    await visit.presses("Show what would change")
    await expect(visit.page.get_by_role("heading", name="What would change")).to_be_visible()
    await visit.presses("Save it")
