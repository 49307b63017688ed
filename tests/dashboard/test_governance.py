"""The rooms of governance: records, policies, versions, approvals, limits, stops."""

import json
import re

import msgspec
from dashboard.surfer import Page, Surfer

from monoize.base.clock import utc_now
from monoize.contract.events import Charged
from monoize.contract.gates.windows import lasting
from monoize.contract.policies.budgets import Budgets
from monoize.control.governance.actions import escalations, spending
from monoize.control.identity.model import DEFAULT_TENANT_ID

LOOSE = {"name": "sam", "role_name": "writer", "template": "starter-worker"}
MODELS = {"blocked_models": ["gpt-*"]}


async def _made(boss: Surfer, **fields: str) -> str:
    answer = await boss.submit("/agent-records", **{**LOOSE, **fields})
    assert 303 == answer.status_code, answer.text
    return answer.headers["location"].partition("?")[0]


async def _previewed(boss: Surfer, address: str, **fields: str) -> tuple[str, dict[str, str]]:
    """What the page shows, and what it would post to save that."""
    answer = await boss.submit(address, step="show", **fields)
    digest = Page(answer).one("input", name="digest")["value"]
    return answer.text, {**fields, "step": "save", "digest": digest}


async def test_a_policy_is_compared_before_it_is_saved_and_what_loosens_waits_for_another(house, root, boss):
    record = await _made(boss, template="")
    address = f"{record}/policies/model_policy_json"
    version = Page(await boss.get(address)).one("input", name="version")["value"]

    unseen = await boss.submit(address, step="save", digest="0" * 64, version=version, document=json.dumps(MODELS))
    assert 200 == unseen.status_code and "What would change" in unseen.text
    shown, save = await _previewed(boss, address, version=version, document=json.dumps(MODELS))
    assert "blocked_models" in shown
    saved = await boss.submit(address, **save)
    assert (303, f"{record}?done=policy_saved") == (saved.status_code, saved.headers["location"])
    assert 409 == (await boss.submit(address, **save)).status_code

    shown, save = await _previewed(boss, address, version=str(int(version) + 1), document="{}")
    assert "another administrator is asked first" in shown
    waits = (await boss.submit(address, **save)).headers["location"].partition("?")[0]
    assert waits.startswith("/approvals/")
    assert "Take it back" in (await boss.get(waits)).text and "Deny" not in (await boss.get(waits)).text

    await house.make_user(root, "carol", role="admin")
    carol = await Surfer(house.app, ip="10.0.0.3").sign_in("carol")
    assert "agent record sam" in (await carol.get("/approvals")).text
    assert 303 == (await carol.submit(f"{waits}/approve", comment="fine")).status_code
    applied = await carol.submit(f"{waits}/apply")
    assert f"{record}?done=change_applied" == applied.headers["location"]
    assert "carol said yes" in (await boss.get(waits)).text
    assert "agent record sam" in (await boss.get("/approvals/history?status=executed")).text


async def test_mistakes_in_a_policy_are_pointed_at(boss):
    address = f"{await _made(boss)}/policies/model_policy_json"
    broken = await boss.submit(address, step="show", version="1", document='{"speed": }')
    wrong = await boss.submit(address, step="show", version="1", document='{"speed": "warp", "nothing": 1}')

    assert "line 1, column 11" in broken.text
    for hostile in ('{"max_input_tokens": NaN}', '{"max_input_tokens": 1e999}', f"[{'9' * 5000}]", "[" * 6000):
        assert 422 == (await boss.submit(address, step="save", version="1", document=hostile)).status_code
    assert 400 == wrong.status_code
    assert {"/speed", "/nothing"} <= {cell.text for cell in Page(wrong).all("th", scope="row")}
    assert "warp" in Page(wrong).one("textarea", name="document").text


async def test_a_draft_is_tried_on_requests_that_were_made(boss):
    address = f"{await _made(boss)}/policies/model_policy_json"
    tried = await boss.submit(address, step="try", days="7", version="1", document=json.dumps(MODELS))

    assert 200 == tried.status_code
    assert "0 requests of the last seven days" in tried.text and "Newly denied" in tried.text


async def test_what_is_in_force_names_the_level_that_says_it(boss):
    record = await _made(boss)
    house_rules = await _made(boss, name="house rules", baseline="platform", template="")
    address = f"{house_rules}/policies/model_policy_json"
    _, save = await _previewed(boss, address, version="1", document=json.dumps(MODELS))
    await boss.submit(address, **save)
    shown = (await boss.get(f"{record}/effective")).text

    row = re.search(r"<tr>\s*<th scope=\"row\"><code>/blocked_models</code>.*?</tr>", shown, re.DOTALL)
    assert row and "gpt-*" in row[0] and ">house rules<" in row[0]
    assert 404 == (await boss.get(f"{house_rules}/effective")).status_code


async def test_a_record_is_edited_and_brought_back(boss):
    record = await _made(boss)
    page = Page(await boss.get(f"{record}/edit"))
    fields = {each["name"]: each.get("value") or "" for each in page.all("input") if each.get("type") != "checkbox"}
    fields |= {box["name"]: "yes" for box in page.all("input", type="checkbox") if box.get("checked") is not None}
    chosen = [each for each in page.elements if each.tag == "option" and each.get("selected") is not None]
    names = [each["name"] for each in page.all("select")]
    fields |= dict(zip(names, [each["value"] for each in chosen], strict=True))
    fields |= {area["name"]: area.text for area in page.all("textarea")}
    fields["mode"] = "observer"
    shown, save = await _previewed(boss, f"{record}/edit", **fields)
    assert "- /mode" in shown
    saved = await boss.submit(f"{record}/edit", **save)
    assert (303, f"{record}?done=agent_record_saved") == (saved.status_code, saved.headers["location"])
    assert "Observer" in (await boss.get(record)).text

    assert "Go back to version 1" in (await boss.get(f"{record}/diff?from=2&to=1")).text
    back = await boss.submit(f"{record}/rollback", to="1", version="2", sole_admin="yes")
    assert f"{record}?done=rolled_back" == back.headers["location"]
    assert "Worker" in (await boss.get(record)).text
    conflict = await boss.submit(f"{record}/rollback", to="1", version="2")
    assert 409 == conflict.status_code


async def test_agents_are_stopped_and_let_go(boss):
    record = await _made(boss)
    await boss.submit(f"{record}/stop", reason="it loops")
    assert "it loops" in (await boss.get(record)).text
    assert "it loops" in (await boss.get("/stops")).text
    await boss.submit(f"{record}/lift", reason="fixed")
    assert "Nothing is stopped" in (await boss.get("/stops")).text

    assert 422 == (await boss.submit("/stops", what="global:", reason="")).status_code
    await boss.submit("/stops", what="global:", reason="fire drill")
    stops = Page(await boss.get("/stops"))
    lift = next(form["action"] for form in stops.all("form") if form["action"].endswith("/lift"))
    assert "Everything is stopped" in (await boss.get(record)).text
    assert 303 == (await boss.submit(lift)).status_code

    assert 422 == (await boss.submit(f"{record}/archive", name="other")).status_code
    await boss.submit(f"{record}/archive", name="sam")
    assert "sam" in (await boss.get("/agent-records?status=archived")).text


async def test_limits_are_set_raised_and_deleted(boss):
    made = await boss.submit("/agent-limits", agent_role_id="writer", cost_tier="low")
    address = made.headers["location"].partition("?")[0]
    page = Page(await boss.get(address))
    assert "0 of 200" in page.one("main").text
    wrong = await boss.submit(address, max_ai_calls_per_day="many")
    assert "Use a whole number" in wrong.text
    values = {"max_ai_calls_per_day": "7", "allowed_operations": "r2_*\nd1_query", "version": "1"}
    assert 303 == (await boss.submit(address, **values)).status_code
    assert 409 == (await boss.submit(address, **values)).status_code
    raised = {"limit_name": "max_ai_calls_per_day", "value": "70", "hours": "8", "reason": "launch"}
    assert 303 == (await boss.submit(f"{address}/overrides", **raised)).status_code
    shown = Page(await boss.get(address)).one("main").text
    assert "0 of 70" in shown and "launch" in shown
    await boss.submit(f"{address}/tier", cost_tier="unlimited")
    assert "∞" in (await boss.get("/agent-limits")).text
    await boss.submit(f"{address}/delete", name="writer")
    assert "No role has limits of its own" in (await boss.get("/agent-limits")).text


async def test_who_may_not_govern_sees_only_what_they_may_decide(boss, alice):
    record = await _made(boss)

    for address in (record, "/agent-records", "/agent-limits", "/stops", "/shadow", f"{record}/policies"):
        assert 403 == (await alice.get(address)).status_code
    assert 403 == (await alice.submit("/stops", what="global:", reason="x")).status_code
    assert "Nothing waits for you" in (await alice.get("/approvals")).text
    assert "/agent-records" not in {a["href"] for a in Page(await alice.get("/")).all("a")}


async def test_several_approvals_are_denied_at_once_or_none(house, boss):
    record = (await _made(boss)).rsplit("/", 1)[1]
    secret = Page(await boss.submit("/tokens", name="bot", role="deployer", lifetime="30")).one(
        "input", id="secret"
    )
    program = house.visitor()
    program.headers["authorization"] = f"Bearer {secret['value']}"
    for subject in ("drop table orders", "deploy web", "send mail"):
        body = {"agent_id": record, "kind": "command", "subject": subject, "arguments": "{}"}
        assert 201 == (await program.post("/api/approvals", json=body)).status_code
    boxes = Page(await boss.get("/approvals/deny")).all("input", type="checkbox")
    assert 3 == len(boxes)
    assert "Nothing is ticked" in (await boss.submit("/approvals/deny", comment="no")).text

    ticked = {box["name"]: box["value"] for box in boxes[:2]}
    gone = await boss.submit("/approvals/deny", **ticked, **{"deny:00000000-0000-7000-8000-00000000dead": "yes"})
    assert 404 == gone.status_code
    assert 3 == len(Page(await boss.get("/approvals/deny")).all("input", type="checkbox"))
    assert 303 == (await boss.submit("/approvals/deny", comment="not today", **ticked)).status_code
    assert 1 == len(Page(await boss.get("/approvals/deny")).all("input", type="checkbox"))
    assert 2 == (await boss.get("/approvals/history?status=denied")).text.count("not today")


async def test_people_say_that_they_look_after_an_escalation(house, boss):
    record = (await _made(boss)).rsplit("/", 1)[1]
    async with house.house.database.write() as tx:
        await escalations.escalate(
            tx, record, "run_failed", "timeout", subject="error upstream_timeout", detail="Often.", now=utc_now()
        )
    assert "1 escalation that nobody looks after" in (await boss.get("/")).text
    shown = Page(await boss.get("/escalations"))
    assert "sam" in shown.one("tbody").text and "upstream_timeout" in shown.one("tbody").text
    look = next(form["action"] for form in shown.all("form") if form["action"].endswith("/acknowledge"))
    assert 303 == (await boss.submit(look)).status_code
    assert "Nobody is called for" in (await boss.get("/escalations")).text
    assert "user:root" in Page(await boss.get("/escalations?which=all")).one("tbody").text
    assert 409 == (await boss.submit(look)).status_code


async def test_a_budget_of_an_agent_is_shown_with_what_is_spent_of_it(house, boss):
    record = await _made(boss, template="")
    windows = {"windows": [{"id": "daily", "period": "day", "limit_usd": "8"}]}
    address = f"{record}/policies/budgets_json"
    _, save = await _previewed(boss, address, version="1", document=json.dumps(windows))
    await boss.submit(address, **save)
    await boss.submit(f"{record}/status", status="active")
    account = lasting(
        msgspec.convert(windows, Budgets), record.rsplit("/", 1)[1], DEFAULT_TENANT_ID, int(utc_now().timestamp())
    )[0][1]
    charged = Charged("1", "1", "somebody", 0, 6_000_000_000, budgets={account.budget: 6_000_000_000})
    async with house.house.database.write() as tx:
        await spending.add_up(tx, [charged])

    assert "$6.00 of $8.00" in (await boss.get(record)).text
    assert "Agent sam, today" in (await boss.get("/")).text and "$6.00 of $8.00" in (await boss.get("/")).text


async def test_a_policy_test_begins_with_an_agent_and_ends_with_what_would_change(boss):
    assert "There is no agent record yet" in (await boss.get("/policy-test")).text
    record = await _made(boss)
    chosen = await boss.get(f"/policy-test?record_id={record.rsplit('/', 1)[1]}&policy=model_policy_json")
    assert f"{record}/policies/model_policy_json" == chosen.headers["location"]

    tried = await boss.submit(
        chosen.headers["location"], step="try", days="31", version="1", document=json.dumps(MODELS)
    )
    assert "of the last 31 days" in tried.text and "What would change" in tried.text
    odd = await boss.submit(chosen.headers["location"], step="try", days="9999", version="1", document="{}")
    assert 422 == odd.status_code
