"""Approvals as agents and people meet them: one use, by others than who asked, of exactly what they saw."""

import asyncio
import json

import pytest
from sqlalchemy import select, update
from support.agents import AgentRuntime, make_agent_runtime
from support.answers import granted, refusal
from support.house import PASSWORD, Client, RunningHouse
from support.rows import logs_after

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.governance.tables import approvals

ARGUMENTS = '{"a": 1, "b": 2}'
ARGUMENTS_HASH = "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777"


@pytest.fixture
async def runtime(house: RunningHouse) -> AgentRuntime:
    return await make_agent_runtime(house)


@pytest.fixture
async def everywhere(house_everywhere: RunningHouse) -> AgentRuntime:
    return await make_agent_runtime(house_everywhere)


async def proposed(runtime: AgentRuntime, **fields: object) -> str:
    """Its address."""
    return f"/api/approvals/{granted(await runtime.propose(**fields))['id']}"


async def approved(runtime: AgentRuntime, **fields: object) -> str:
    path = await proposed(runtime, **fields)
    granted(await runtime.root.post(f"{path}/approve", json={}))
    return path


async def used(runtime: AgentRuntime, path: str, arguments: str = ARGUMENTS, **more: str):
    return await runtime.program.post(f"{path}/consume", json={"arguments": arguments, **more})


async def expired(runtime: AgentRuntime, path: str) -> None:
    """Its time is over this moment."""
    async with runtime.house.house.database.write() as tx:
        here = approvals.c.id == path.rpartition("/")[2]
        await tx.execute(update(approvals).where(here).values(expires_at=utc_now()))


@pytest.mark.case(52)
async def test_from_proposal_to_the_end(everywhere: AgentRuntime):
    made = granted(await everywhere.propose(rationale="It is empty.", affected=["orders"], environment="staging"))
    assert ("pending", 1, "high", "d1_execute") == tuple(made[n] for n in ("status", "needed", "risk", "subject"))
    assert ARGUMENTS_HASH == made["arguments_hash"]
    path = f"/api/approvals/{made['id']}"

    done = granted(await everywhere.root.post(f"{path}/approve", json={"comment": "looked at"}))
    assert ("approved", "user:root", "looked at") == (done["status"], done["decided_by"], done["decided_reason"])
    assert [("approve", "looked at")] == [(vote["decision"], vote["comment"]) for vote in done["votes"]]
    run = granted(await used(everywhere, path, '{"b": 2, "a": 1}', environment="staging", execution_id="run-1"))
    assert ({"a": 1, "b": 2}, "consumed", "run-1") == (
        run["arguments"],
        run["approval"]["status"],
        run["approval"]["execution_id"],
    )
    ended = granted(await everywhere.program.post(f"{path}/outcome", json={"outcome": "failed"}))
    assert "failed" == ended["status"]
    assert (409, "approval_state") == refusal(
        await everywhere.program.post(f"{path}/outcome", json={"outcome": "executed"})
    )
    assert (409, "approval_state") == refusal(await used(everywhere, path, environment="staging"))


async def test_an_approval_is_used_once_however_many_try_at_once(everywhere: AgentRuntime):
    path = await approved(everywhere)

    answers = await asyncio.gather(*(used(everywhere, path) for _ in range(20)))

    assert [200] + [409] * 19 == sorted(answer.status_code for answer in answers)
    assert {"approval_state"} == {answer.json()["code"] for answer in answers if answer.is_error}


@pytest.mark.case(52)
async def test_it_holds_for_the_arguments_that_people_saw_and_where_they_were_told(runtime: AgentRuntime):
    path = await approved(runtime, environment="staging")

    changed = (409, "approval_arguments_changed")
    assert changed == refusal(await used(runtime, path, '{"a": 1, "b": 3}', environment="staging"))
    assert changed == refusal(await used(runtime, path, ARGUMENTS, environment="production"))
    assert changed == refusal(await used(runtime, path, ARGUMENTS))
    granted(await used(runtime, path, '{"b":2,"a":1}', environment="staging"))


async def test_secrets_in_arguments_are_executed_and_shown_to_nobody(runtime: AgentRuntime):
    secret = "hunter2-and-more"
    made = granted(await runtime.propose(arguments={"password": secret, "user": "x"}))
    path = f"/api/approvals/{made['id']}"
    assert {"password": "[redacted]", "user": "x"} == made["arguments"]
    granted(await runtime.root.post(f"{path}/approve", json={}))

    run = granted(await used(runtime, path, json.dumps({"password": secret, "user": "x"})))

    assert secret == run["arguments"]["password"]
    async with runtime.house.house.database.read() as tx:
        row = (await tx.execute(select(approvals))).one()
    assert secret not in repr(row)
    told = await logs_after(runtime.house.house.database, 0)
    assert secret not in repr(told)


async def test_what_was_edited_behind_our_back_is_not_executed(runtime: AgentRuntime):
    path = await approved(runtime)
    other = await approved(runtime, arguments={"a": 1, "b": 3})
    async with runtime.house.house.database.write() as tx:
        ids = [address.rpartition("/")[2] for address in (path, other)]
        sealed = await tx.scalar(select(approvals.c.args_sealed).where(approvals.c.id == ids[1]))
        await tx.execute(update(approvals).where(approvals.c.id == ids[0]).values(args_sealed=sealed))

    assert (409, "approval_arguments_changed") == refusal(await used(runtime, path))
    assert "approved" == granted(await runtime.root.get(path))["status"]


async def test_the_first_no_ends_it(everywhere: AgentRuntime):
    path = await proposed(everywhere, needed=2)
    admin = await everywhere.house.make_user(everywhere.root, "boss", role="admin")

    granted(await admin.post(f"{path}/approve", json={}))
    denied = granted(await everywhere.root.post(f"{path}/deny", json={"comment": "not today"}))

    assert ("denied", "not today") == (denied["status"], denied["decided_reason"])
    assert (409, "approval_state") == refusal(await used(everywhere, path))
    third = await everywhere.house.make_user(everywhere.root, "third", role="admin")
    assert (409, "approval_state") == refusal(await third.post(f"{path}/approve", json={}))


async def test_two_people_are_two_people(everywhere: AgentRuntime):
    path = await proposed(everywhere, needed=2)
    root, admin = everywhere.root, await everywhere.house.make_user(everywhere.root, "boss", role="admin")

    assert "pending" == granted(await root.post(f"{path}/approve", json={}))["status"]
    assert (409, "approval_voted") == refusal(await root.post(f"{path}/approve", json={}))
    again = await everywhere.house.enter_again(root)
    assert (409, "approval_voted") == refusal(await again.post(f"{path}/approve", json={}))
    assert (409, "approval_state") == refusal(await used(everywhere, path))
    assert "approved" == granted(await admin.post(f"{path}/approve", json={}))["status"]


@pytest.mark.case(51)
async def test_what_is_approved_cannot_be_approved_once_more(everywhere: AgentRuntime):
    path = await approved(everywhere)
    another = await everywhere.house.make_user(everywhere.root, "boss", role="admin")

    for who in (everywhere.root, another):
        assert (409, "approval_state") == refusal(await who.post(f"{path}/approve", json={}))
    assert 1 == len(granted(await everywhere.root.get(path))["votes"])


async def test_of_two_last_votes_at_once_both_count(everywhere: AgentRuntime):
    path = await proposed(everywhere, needed=2)
    admin = await everywhere.house.make_user(everywhere.root, "boss", role="admin")

    answers = await asyncio.gather(*(who.post(f"{path}/approve", json={}) for who in (everywhere.root, admin)))

    assert ["approved", "pending"] == sorted(granted(answer)["status"] for answer in answers)
    assert "approved" == granted(await everywhere.root.get(path))["status"]


async def test_a_critical_action_of_a_strict_agent_takes_two(runtime: AgentRuntime):
    made = granted(await runtime.propose(kind="deploy", subject="web", is_irreversible=True))

    assert ("critical", 2) == (made["risk"], made["needed"])


@pytest.mark.case(51)
async def test_nobody_approves_what_they_asked_for(runtime: AgentRuntime):
    body = runtime.proposal()
    made = granted(await runtime.root.post("/api/approvals", json=body))

    path = f"/api/approvals/{made['id']}"
    assert (403, "self_approval") == refusal(await runtime.root.post(f"{path}/approve", json={}))
    assert (403, "self_approval") == refusal(await runtime.root.post(f"{path}/deny", json={}))
    granted(await runtime.root.patch("/api/me", json={"name": "Somebody else"}))
    assert (403, "self_approval") == refusal(await runtime.root.post(f"{path}/approve", json={}))


async def test_programs_decide_nothing_not_even_in_a_persons_name(runtime: AgentRuntime):
    path = await proposed(runtime)
    admin = await runtime.house.make_token(runtime.root, "admin", role="admin")
    acting = await runtime.house.make_token(
        runtime.root, "acting", role="admin", scopes=["impersonate", "approvals.decide", "approvals.read"]
    )
    boss = await runtime.house.make_user(runtime.root, "boss", role="admin")
    acting.headers["x-user-id"] = boss.user["id"]

    for program in (admin, acting):
        assert (403, "approval_needs_person") == refusal(await program.post(f"{path}/approve", json={}))


@pytest.mark.case(51)
async def test_at_the_moment_it_expires_nothing_can_be_done_with_it_any_more(everywhere: AgentRuntime):
    asked, given = await proposed(everywhere), await approved(everywhere)
    for path in (asked, given):
        await expired(everywhere, path)

    gone = (409, "approval_expired")
    assert gone == refusal(await everywhere.root.post(f"{asked}/approve", json={}))
    assert gone == refusal(await everywhere.root.post(f"{asked}/deny", json={}))
    assert gone == refusal(await everywhere.program.post(f"{asked}/withdraw"))
    assert gone == refusal(await used(everywhere, given))


async def test_what_was_asked_for_can_be_taken_back_until_it_is_decided(runtime: AgentRuntime):
    path = await proposed(runtime)
    assert (403, "not_the_requester") == refusal(await runtime.root.post(f"{path}/withdraw"))
    assert "withdrawn" == granted(await runtime.program.post(f"{path}/withdraw"))["status"]
    assert (409, "approval_state") == refusal(await runtime.root.post(f"{path}/approve", json={}))

    later = await approved(runtime)
    assert (409, "approval_state") == refusal(await runtime.program.post(f"{later}/withdraw"))


async def test_only_whoever_asked_uses_it(runtime: AgentRuntime):
    path = await approved(runtime)
    other = await runtime.house.make_token(runtime.root, "other", role="admin")

    body = {"arguments": ARGUMENTS}
    assert (403, "not_the_requester") == refusal(await other.post(f"{path}/consume", json=body))
    assert (403, "not_the_requester") == refusal(await other.post(f"{path}/outcome", json={"outcome": "failed"}))


async def stranger_of(runtime: AgentRuntime, role: str) -> Client:
    name = f"t{new_id()[-8:]}"
    tenant = granted(await runtime.root.post("/api/tenants", json={"name": name}))["id"]
    return await runtime.house.make_user(runtime.root, role=role, tenant_id=tenant)


@pytest.mark.case(51)
async def test_of_other_tenants_nobody_finds_it(everywhere: AgentRuntime):
    path = await proposed(everywhere)
    outside = await stranger_of(everywhere, "admin")
    missing = (404, "approval_not_found")

    assert missing == refusal(await outside.get(path))
    assert missing == refusal(await outside.post(f"{path}/approve", json={}))
    assert missing == refusal(await outside.post(f"{path}/deny", json={}))
    assert missing == refusal(await outside.post(f"{path}/consume", json={"arguments": ARGUMENTS}))
    assert missing == refusal(
        await outside.post("/api/approvals/deny", json={"approval_ids": [path.rpartition("/")[2]]})
    )
    assert [] == granted(await outside.get("/api/approvals"))["items"]


async def rules(runtime: AgentRuntime, *given: dict[str, object]) -> None:
    await runtime.change(policies={**runtime.agent["policies"], "approvals_policy_json": {"rules": list(given)}})


async def test_people_who_are_named_see_it_and_decide_it_and_others_do_not(everywhere: AgentRuntime):
    house, root = everywhere.house, everywhere.root
    alice, bob = await house.make_user(root, "alice"), await house.make_user(root, "bob")
    await rules(everywhere, {"match": {"tools": ["d1_*"]}, "approvers": {"users": [alice.user["id"]]}})
    path = await proposed(everywhere)

    assert (404, "approval_not_found") == refusal(await bob.post(f"{path}/approve", json={}))
    assert [] == granted(await bob.get("/api/approvals"))["items"]
    assert [path.rpartition("/")[2]] == [a["id"] for a in granted(await alice.get("/api/approvals"))["items"]]
    assert (403, "not_an_approver") == refusal(await root.post(f"{path}/approve", json={}))
    assert "approved" == granted(await alice.post(f"{path}/approve", json={}))["status"]


async def test_a_second_factor_is_the_password_once_more(runtime: AgentRuntime):
    await rules(runtime, {"match": {}, "approvers": {"min": 1}, "second_factor": True})
    path = await proposed(runtime)

    needed = (403, "second_factor_needed")
    assert needed == refusal(await runtime.root.post(f"{path}/approve", json={}))
    assert needed == refusal(await runtime.root.post(f"{path}/approve", json={"second_factor": "a guess"}))
    granted(await runtime.root.post(f"{path}/approve", json={"second_factor": PASSWORD}))


async def test_a_no_needs_no_second_factor(runtime: AgentRuntime):
    await rules(runtime, {"match": {}, "approvers": {"min": 1}, "second_factor": True})

    granted(await runtime.root.post(f"{await proposed(runtime)}/deny", json={}))


async def test_a_change_of_the_agents_record_takes_the_ground_from_what_was_granted(runtime: AgentRuntime):
    path = await approved(runtime)
    await rules(runtime, {"match": {"tools": ["d1_*"]}, "approvers": {"min": 2}})

    assert (409, "approval_config_changed") == refusal(await used(runtime, path))


async def test_a_paused_agent_neither_asks_nor_uses_what_it_was_given(runtime: AgentRuntime):
    path = await approved(runtime)
    await runtime.change(status="paused")

    assert (409, "agent_not_active") == refusal(await used(runtime, path))
    assert (409, "agent_not_active") == refusal(await runtime.propose())


async def test_several_are_denied_together_or_none(everywhere: AgentRuntime):
    ids = [granted(await everywhere.propose(subject=f"d1_{n}"))["id"] for n in range(3)]
    last = f"/api/approvals/{ids[2]}"
    granted(await everywhere.program.post(f"{last}/withdraw"))

    body = {"approval_ids": ids, "comment": "no"}
    assert (409, "approval_state") == refusal(await everywhere.root.post("/api/approvals/deny", json=body))
    assert "pending" == granted(await everywhere.root.get(f"/api/approvals/{ids[0]}"))["status"]
    body = {"approval_ids": ids[:2]}
    denied = granted(await everywhere.root.post("/api/approvals/deny", json=body))["denied"]
    assert ["denied", "denied"] == [approval["status"] for approval in denied]


async def test_the_queue_is_filtered_and_paged(runtime: AgentRuntime):
    ids = [granted(await runtime.propose())["id"] for _ in range(3)]
    granted(await runtime.root.post(f"/api/approvals/{ids[1]}/deny", json={}))

    async def listed(**params: object) -> list[str]:
        page = granted(await runtime.root.get("/api/approvals", params=params))
        return [approval["id"] for approval in page["items"]]

    assert ids[::-1] == await listed()
    assert [ids[2], ids[0]] == await listed(status="pending")
    assert [] == await listed(agent_id=new_id())
    first = granted(await runtime.root.get("/api/approvals", params={"limit": 2}))
    assert [ids[0]] == await listed(limit=2, cursor=first["next_cursor"])


@pytest.mark.parametrize("arguments", ["[]", "1", '"a"', "{", '{"a": NaN}', '{"a": "\\ud800"}', "[" * 5000])
async def test_arguments_are_one_json_object(runtime: AgentRuntime, arguments: str):
    body = {**runtime.proposal(), "arguments": arguments}

    assert (422, "invalid_request") == refusal(await runtime.program.post("/api/approvals", json=body))


async def test_the_key_of_webhooks_is_the_agents_own_and_shown_to_administrators(runtime: AgentRuntime):
    path = f"/api/agents/{runtime.agent['id']}/webhook-key"
    key = granted(await runtime.root.get(path))["key"]

    assert 64 == len(key)
    assert key == granted(await runtime.root.get(path))["key"]
    assert (403, "not_permitted") == refusal(await runtime.program.get(path))
    missing = f"/api/agents/{new_id()}/webhook-key"
    assert (404, "agent_record_not_found") == refusal(await runtime.root.get(missing))
