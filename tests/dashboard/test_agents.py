"""Agents and their machines, as people see and move them on pages."""

import pytest
from dashboard.surfer import Page, Surfer
from support.house import RunningHouse

from monoize.base.ids import new_id


async def _on_plan(house: RunningHouse, root, client, plan: str = "team") -> None:
    user_id = client if isinstance(client, str) else (await client.get("/api/me")).json()["user"]["id"]
    answer = await root.put(f"/api/users/{user_id}/plan", json={"plan": plan})
    assert answer.status_code == 200, answer.text


@pytest.fixture
async def preset(root) -> str:
    """Of the provider that is always there, in the plan of the team."""
    terms = {"provider": "process", "image": "sh -c 'sleep 60'", "cpu_millicores": 500, "memory_mb": 64}
    answer = await root.post("/api/vps-configs", json={"name": "idle", **terms})
    if answer.status_code == 409:
        answer = await root.get("/api/vps-configs/idle")
    await root.post("/api/plans", json={"name": "team", "max_agents": 5, "max_vpses": 2})
    await root.put("/api/plans/team/vps-configs/idle")
    found: str = answer.json()["id"]
    return found


async def _agent(surfer: Surfer, name: str) -> str:
    """Its address, made on the page."""
    answer = await surfer.submit("/agents", name=name)
    assert answer.status_code == 201, answer.text
    return next(a["href"] for a in Page(answer).all("a") if a.text.strip() == "To the agent")


async def test_an_agent_gets_a_machine_whose_steps_are_told(house, root, alice, preset):
    assert 403 == (await alice.submit("/agents", name="helper")).status_code
    await _on_plan(house, root, alice)

    made = await alice.submit("/agents", name="helper")
    token = Page(made).one("input", id="token")["value"]
    agent = await _agent(alice, "second")
    assert token not in (await alice.get("/agents")).text

    offered = Page(await alice.get(f"{agent}/machine"))
    assert preset in {option["value"] for option in offered.all("input", type="radio")}
    assert 422 == (await alice.submit(f"{agent}/machine", vps_config_id="nonsense")).status_code
    begun = await alice.submit(f"{agent}/machine", vps_config_id=preset)
    machine = begun.headers["location"]
    assert 303 == begun.status_code

    shown = await alice.get(machine)
    assert "being made" in shown.text
    assert "Ask the provider for it" in shown.text
    assert f"{machine}/live" == Page(shown).one("div", **{"aria-live": "polite"}).get("data-live")
    assert 409 == (await alice.submit(f"{machine}/power/stop")).status_code
    assert "being made" in (await alice.get("/machines")).text
    assert "helper" not in (await alice.get("/machines?state=running")).text
    assert 404 == (await alice.submit(f"{machine}/power/explode")).status_code

    assert 422 == (await alice.submit(f"{machine}/destroy", name="another")).status_code
    assert machine == (await alice.submit(f"{machine}/destroy", name="second")).headers["location"]
    assert "being destroyed" in (await alice.get(machine)).text


async def test_what_is_somebody_elses_is_not_there_and_administrators_see_all(house, root, alice, boss, preset):
    await _on_plan(house, root, alice)
    await _on_plan(house, root, root.user["id"])
    mine, theirs = await _agent(alice, "of alice"), await _agent(boss, "of root")

    assert "of root" not in (await alice.get("/agents")).text
    for address in (theirs, f"{theirs}/machine", f"{theirs}/delete", f"/machines/{new_id()}", "/plans", "/presets"):
        assert (await alice.get(address)).status_code in (403, 404), address
    for address in (f"{theirs}/disable", f"{theirs}/rotate-token", f"{theirs}/channels", f"{theirs}/delete"):
        assert 404 == (await alice.submit(address, name="of root", kind="web", credentials="a=b")).status_code
    everybody = (await boss.get("/agents")).text
    assert "of alice" in everybody and "alice</td>" in everybody
    assert "of alice" not in (await boss.get("/agents?whose=own")).text
    assert 200 == (await boss.get(mine)).status_code


async def test_credentials_of_a_channel_go_in_and_never_come_out(house, root, alice, preset):
    await _on_plan(house, root, alice)
    agent = await _agent(alice, "helper")

    wrong = await alice.submit(f"{agent}/channels", kind="telegram", credentials="no equals sign s3cret")
    assert (422, False) == (wrong.status_code, "s3cret" in wrong.text)
    assert 422 == (await alice.submit(f"{agent}/channels", kind="pigeon", credentials="a=b")).status_code
    done = await alice.submit(
        f"{agent}/channels", kind="telegram", credentials="botToken=12:s3cret=\nchat=7", webhook_secret="h00k"
    )
    assert f"{agent}?done=channel_set#channels" == done.headers["location"]
    shown = (await alice.get(agent)).text
    assert "botToken, chat, webhook secret" in shown
    assert not [secret for secret in ("s3cret", "h00k") if secret in shown]
    assert 303 == (await alice.submit(f"{agent}/channels/telegram/remove")).status_code
    assert "botToken, chat" not in (await alice.get(agent)).text


async def test_an_agent_is_disabled_renamed_given_a_new_token_and_deleted(house, root, alice, preset):
    await _on_plan(house, root, alice)
    agent = await _agent(alice, "helper")

    assert 422 == (await alice.submit(agent, name=" ")).status_code
    await alice.submit(agent, name="renamed", config_id="of-an-administrator")
    await alice.submit(f"{agent}/disable")
    shown = (await alice.get(agent)).text
    assert "renamed" in shown and "This agent is disabled" in shown
    assert "Enable" in shown
    rotated = Page(await alice.submit(f"{agent}/rotate-token"))
    assert 64 == len(rotated.one("input", id="token")["value"])
    assert 422 == (await alice.submit(f"{agent}/delete", name="helper")).status_code
    assert (
        "/agents?done=agent_deleted" == (await alice.submit(f"{agent}/delete", name="renamed")).headers["location"]
    )
    assert 404 == (await alice.get(agent)).status_code


async def test_a_budget_is_set_in_dollars_and_cents(house, root, alice, preset):
    assert "You are on no plan" in (await alice.get("/plan")).text
    await _on_plan(house, root, alice)

    for wrong in ("a lot", "-1", "1.005", "1e400", ""):
        refused = await alice.submit("/plan/budget", budget_cents=wrong)
        assert (422, True) == (refused.status_code, bool(Page(refused).all("p", **{"class": "error"}))), wrong
    await alice.submit("/plan/budget", budget_cents="12.50")
    budget = (await alice.get("/api/users/me/overage-budget")).json()
    assert 1250 == budget["budget_cents"]
    assert "12.5" == Page(await alice.get("/plan")).one("input", id="budget_cents")["value"]


async def test_a_plan_is_written_in_the_units_that_people_speak(root, boss, alice, preset):
    terms = {"max_agents": "3", "max_vpses": "2", "max_bandwidth_bytes": "0.5", "max_cpu_ms": "10"}
    refused = await boss.submit("/plans", name="Not Lower", **terms)
    assert "name-error" in {error.get("id") for error in Page(refused).all("p")}
    plan = (await boss.submit("/plans", name="small", **terms)).headers["location"].split("?")[0]

    kept = (await root.get("/api/plans/small")).json()
    assert (2**29, 36_000_000) == (kept["max_bandwidth_bytes"], kept["max_cpu_ms"])
    form = Page(await boss.get(plan))
    assert ("0.5", "10") == tuple(form.one("input", id=id)["value"] for id in ("max_bandwidth_bytes", "max_cpu_ms"))
    await boss.submit(f"{plan}/presets/{preset}/include")
    assert "Leave out" in (await boss.get(plan)).text
    assert 422 == (await boss.submit(f"{plan}/assign", username="nobody")).status_code
    await boss.submit(f"{plan}/assign", username="alice")
    assert "small" in (await alice.get("/plan")).text
    await boss.submit(f"{plan}/presets/{preset}/leave-out")
    assert 422 == (await boss.submit(f"{plan}/delete", name="other")).status_code
    await boss.submit(f"{plan}/delete", name="small")
    assert "You are on no plan" in (await alice.get("/plan")).text


async def test_a_preset_is_made_changed_and_deleted(boss):
    terms = {"image": "debian", "cpu_millicores": "500", "memory_mb": "64", "disk_gb": "1"}
    assert 400 == (await boss.submit("/presets", name="cloud", provider="nowhere", **terms)).status_code
    wrong = await boss.submit("/presets", name="mini", provider="process", **(terms | {"disk_gb": "x"}))
    assert 422 == wrong.status_code
    await boss.submit("/presets", name="mini", provider="process", **terms)
    listed = Page(await boss.get("/presets"))
    preset = next(a["href"] for a in listed.all("a") if a.text == "mini")
    await boss.submit(preset, name="mini", **(terms | {"memory_mb": "128"}))
    assert "128" == Page(await boss.get(preset)).one("input", id="memory_mb")["value"]
    await boss.submit(f"{preset}/delete", name="mini")
    assert ">mini<" not in (await boss.get("/presets")).text
