"""What was asked, what it came to and who paid, as pages: one's own, and everybody's for whoever may see it."""

import pytest
from control.telemetry.bench import event
from dashboard.surfer import Page, Surfer
from support.fleet import enrol, told
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.contract.events import RequestLog, encode
from monoize.control.bridge.intake import Intake
from monoize.infra.spool import Entry


@pytest.fixture
async def spent(house: RunningHouse, root: Client, alice: Surfer) -> dict[str, str]:
    """Two requests, one of alice's and one of the administrator's; by whom, their request ids."""
    users = (await root.get("/api/users")).json()["items"]
    ids = {user["username"]: user["id"] for user in users}
    log = RequestLog(model="sonnet", tried_providers_json='[{"channel": "c", "model": "sonnet"}]', duration_ms=80)
    now_ms = int(utc_now().timestamp() * 1000)
    events = {name: event(at_ms=now_ms, changes={"user_id": ids[name], "log": log}) for name in ("alice", "root")}
    intake = Intake(house.house.database, house.house.seal)
    rejected = await intake.post([Entry(event.request_id, encode(event)) for event in events.values()])
    assert not rejected
    return {name: event.request_id for name, event in events.items()}


async def test_everybody_sees_their_own_requests_and_administrators_all(spent, alice: Surfer, boss: Surfer):
    own, all_of_them = (await alice.get("/requests")).text, (await boss.get("/requests")).text

    assert [True, False] == [f"/requests/{spent[name]}" in own for name in ("alice", "root")]
    assert [True, True] == [f"/requests/{spent[name]}" in all_of_them for name in ("alice", "root")]
    assert f"/requests/{spent['alice']}" not in (await boss.get("/requests?whose=own")).text
    assert "Nothing was found" in (await boss.get("/requests?model=nobody-asked-for-this")).text


async def test_a_request_is_told_from_attempts_to_charge_to_whose_it_is_and_to_no_other(
    spent, alice: Surfer, boss: Surfer
):
    page = Page(await boss.get(f"/requests/{spent['alice']}"))

    assert {"Why", "Attempts", "What it came to"} <= {heading.text for heading in page.all("h2")}
    assert "Cost to us" in {term.text for term in page.all("dt")}
    seen_by_alice = await alice.get(f"/requests/{spent['alice']}")
    assert (200, False) == (seen_by_alice.status_code, "Cost to us" in seen_by_alice.text)
    assert 404 == (await alice.get(f"/requests/{spent['root']}")).status_code


@pytest.mark.parametrize(
    "query", ["", "?range=24h&by=user&then=key&measure=calls", "?by=x&then=y&measure=z&range=w"]
)
async def test_costs_add_up_for_whoever_asks(spent, alice: Surfer, boss: Surfer, query: str):
    for surfer, calls in ((alice, "1"), (boss, "2")):
        figures = Page(await surfer.get(f"/costs{query}")).all("p", **{"class": "figure"})
        assert calls == figures[1].text


async def test_what_hosts_report_is_shown_apart_from_what_went_through_the_gateway(
    spent, house: RunningHouse, root: Client, alice: Surfer, boss: Surfer
):
    for name, owner in (("alices", spent_by(root, "alice")), ("nobodys", None)):
        host = await enrol(root, house, name, user_id=await owner if owner else None)
        told(await host.calls().post("/usage", json={"input": 1_000, "output": 10, "model": "gpt-5"}))

    by_host = await boss.get("/costs?source=reported&by=host&then=model")
    page = Page(by_host)
    own = (await alice.get("/costs?source=reported&by=host")).text

    assert {"alices", "nobodys"} == {cell.text for cell in page.all("th", scope="row")}
    assert "Would have cost" in by_host.text and "/api/telemetry/usage.csv?source=reported" in by_host.text
    closer = next(link["href"] for link in page.all("a") if link.text == "alices")
    assert ["alice"] == [cell.text for cell in Page(await boss.get(closer)).all("th", scope="row")]
    assert ("alices" in own, "nobodys" in own, "Would have cost" in own) == (True, False, False)
    for query in ("source=reported&by=key&then=agent&measure=slow", "source=reported&host=x", "by=host&host=1"):
        assert 200 == (await boss.get(f"/costs?{query}")).status_code


async def spent_by(root: Client, name: str) -> str:
    users = (await root.get("/api/users")).json()["items"]
    return next(user["id"] for user in users if user["username"] == name)


async def test_what_users_may_not_know_is_in_no_choice_and_no_address(spent, alice: Surfer):
    answer = await alice.get("/costs?by=provider&measure=cost")

    assert "Provider" not in answer.text
    assert "Cost to us" not in answer.text


async def test_a_payment_is_booked_and_refunded_once(alice: Surfer, boss: Surfer):
    wrong = await boss.submit("/ledger/top-up", user="nobody", amount="25")
    assert (422, True) == (wrong.status_code, "There is no account of this name" in wrong.text)
    assert 422 == (await boss.submit("/ledger/top-up", user="alice", amount="lots")).status_code

    booked = await boss.submit("/ledger/top-up", user="alice", amount="25", reference="invoice 7")
    again = await boss.submit("/ledger/top-up", user="alice", amount="25", reference="invoice 7")
    assert booked.headers["location"] == again.headers["location"]
    assert "$25.00" in (await alice.get("/ledger")).text

    entry = booked.headers["location"].partition("?")[0]
    assert 303 == (await boss.submit(f"{entry}/refund", amount="5", reason="too much")).status_code
    assert "$20.00" in (await alice.get("/ledger")).text
    too_much = await boss.submit(f"{entry}/refund", reason="all of it", amount="21")
    assert 409 == too_much.status_code
    assert 403 == (await alice.submit(f"{entry}/refund", reason="please")).status_code
    nowhere = (await alice.get(f"/ledger/{new_id()}")).status_code
    assert (404, 404) == (nowhere, (await alice.get(await _entry_of_another(boss))).status_code)


async def _entry_of_another(boss: Surfer) -> str:
    booked = await boss.submit("/ledger/top-up", user="root", amount="1")
    return str(booked.headers["location"]).partition("?")[0]


async def test_what_an_agent_was_charged_is_shown_and_exported(house: RunningHouse, root: Client, boss: Surfer):
    root_id = (await root.get("/api/me")).json()["user"]["id"]
    record, agent = new_id(), new_id()
    call = event(agent_id=agent).call
    log = RequestLog(model="sonnet", agent_record_id=record)
    of_agent = event(changes={"user_id": root_id, "log": log, "call": call})
    of_nobody = event(changes={"user_id": root_id, "log": RequestLog(model="opus")})
    intake = Intake(house.house.database, house.house.seal)
    assert not await intake.post([Entry(each.request_id, encode(each)) for each in (of_agent, of_nobody)])

    for query, filter in (
        (f"agent={agent}", f"agent_id={agent}"),
        (f"record={record}", f"agent_record_id={record}"),
    ):
        page = (await boss.get(f"/ledger?{query}")).text
        assert (True, False) == ("<p>sonnet</p>" in page, "<p>opus</p>" in page)
        assert f"/api/ledger/entries.csv?everybody=true&amp;{filter}" in page


async def test_what_becomes_of_uncovered_requests_is_chosen_and_shown(alice: Surfer, boss: Surfer):
    def policy(page: Page) -> list[str | None]:
        return [option["value"] for option in page.all("input", type="radio") if option.get("checked") is not None]

    assert 422 == (await boss.submit("/ledger/limit", user="alice", policy="overdraft")).status_code
    assert 403 == (await alice.submit("/ledger/limit", user="alice", policy="unlimited")).status_code
    for chosen, amount in (("overdraft", "20"), ("clamp", ""), ("unlimited", ""), ("reject", "")):
        assert 303 == (await boss.submit("/ledger/limit", user="alice", policy=chosen, amount=amount)).status_code
        shown = await boss.get("/ledger/limit?user=alice")
        assert ([chosen], amount == "20") == (policy(Page(shown)), 'value="20"' in shown.text)


async def test_an_adjustment_takes_as_well_as_gives(alice: Surfer, boss: Surfer):
    answer = await boss.submit("/ledger/adjust", user="alice", amount="-2.5", reason="a correction")

    assert 303 == answer.status_code
    entry = (await boss.get(answer.headers["location"])).text
    assert "-$2.50" in entry
    assert "a correction" in entry
