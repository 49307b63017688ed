"""What loosens an agent record waits for the yes of another administrator; what tightens one holds at once."""

import json
from typing import Any

import pytest
from sqlalchemy import update
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.rows import last_seq, logs_after

from monoize.control.governance.tables import agent_ai_sam as records
from monoize.control.governance.tables import approvals

PATH = "/api/agent-records"
TIGHT = {"rate_limits_json": {"burst": 1}}
LOOSE = {"rate_limits_json": {"burst": 9}}


async def create(root: Client, **fields: Any) -> dict[str, Any]:
    body = {"name": "sam", "role_name": "helper", "policies": TIGHT, **fields}
    return granted(await root.post(PATH, json=body))


async def change(client: Client, record: dict[str, Any], **fields: Any):
    return await client.patch(f"{PATH}/{record['id']}", json={"version": record["config_version"], **fields})


async def apply(client: Client, record: dict[str, Any], approval: dict[str, Any]):
    return await client.post(f"{PATH}/{record['id']}/apply", json={"approval_id": approval["id"]})


async def test_another_administrator_approves_what_is_then_written_once_on_every_engine(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    tenant = granted(await root.post("/api/tenants", json={"name": "other"}))["id"]
    admin = await house_everywhere.make_user(root, "admin", role="admin", tenant_id=tenant)
    record = await create(root)
    before = await last_seq(house_everywhere.house.database)

    asked = await change(root, record, policies=LOOSE, notes="More work.", reason="December.")
    assert 202 == asked.status_code
    approval = asked.json()
    assert ("config", record["id"], ["/policies/rate_limits_json"], 1) == (
        approval["kind"],
        approval["applies_to"],
        approval["affected"],
        approval["needed"],
    )
    assert "/policies/rate_limits_json/burst: 1 -> 9" in approval["diff"]
    assert record == granted(await root.get(f"{PATH}/{record['id']}"))
    assert (409, "approval_state") == refusal(await apply(root, record, approval))
    vote = f"/api/approvals/{approval['id']}/approve"
    assert (403, "self_approval") == refusal(await root.post(vote, json={}))
    assert [approval["id"]] == [each["id"] for each in granted(await admin.get("/api/approvals"))["items"]]
    granted(await admin.post(vote, json={}))

    after = granted(await apply(root, record, approval))
    assert (2, LOOSE["rate_limits_json"], "More work.") == (
        after["config_version"],
        after["policies"]["rate_limits_json"],
        after["notes"],
    )
    assert (409, "approval_state") == refusal(await apply(root, record, approval))
    rows = await logs_after(house_everywhere.house.database, before)
    assert ["approval.propose", "approval.approve", "agent_record.update"] == [row.action for row in rows]
    assert [admin.user["id"]] == json.loads(rows[-1].details)["approved_by"]


async def test_what_was_approved_is_not_written_over_another_version_or_when_it_was_edited(
    house: RunningHouse, root: Client
):
    admin = await house.make_user(root, "admin", role="admin")
    record = await create(root)
    asked = [(await change(root, record, policies=LOOSE, reason=why)).json() for why in ("one", "two", "three")]
    for approval in asked[:2]:
        granted(await admin.post(f"/api/approvals/{approval['id']}/approve", json={}))
    assert (409, "approval_state") == refusal(await apply(root, record, asked[2]))
    other = await create(root, name="other")
    assert (404, "approval_not_found") == refusal(await apply(root, other, asked[0]))

    async with house.house.database.write() as tx:
        edited = update(approvals).where(approvals.c.id == asked[1]["id"])
        await tx.execute(edited.values(args_sealed="edited", args_json="{}"))
    assert (409, "approval_arguments_changed") == refusal(await apply(root, record, asked[1]))
    granted(await change(root, record, policies={"rate_limits_json": {"burst": 0}}))
    assert (409, "approval_config_changed") == refusal(await apply(root, record, asked[0]))


async def test_going_back_to_a_looser_version_waits_as_well(house: RunningHouse, root: Client):
    admin = await house.make_user(root, "admin", role="admin")
    record = await create(root, policies=LOOSE)
    tighter = granted(await change(root, record, policies=TIGHT))

    asked = await root.post(f"{PATH}/{record['id']}/rollback", json={"to": 1, "version": 2})
    assert (202, 2) == (asked.status_code, tighter["config_version"])
    granted(await admin.post(f"/api/approvals/{asked.json()['id']}/approve", json={}))
    back = granted(await apply(admin, record, asked.json()))

    assert (3, record["config_hash"]) == (back["config_version"], back["config_hash"])


async def test_a_baseline_goes_out_of_force_only_with_the_yes_of_another(house: RunningHouse, root: Client):
    admin = await house.make_user(root, "admin", role="admin")
    baseline = await create(root, baseline="platform")
    path = f"{PATH}/{baseline['id']}"

    assert (409, "baseline_in_force") == refusal(await root.delete(path))
    asked = await root.patch(path, json={"status": "paused"})
    assert (202, ["/status"]) == (asked.status_code, asked.json()["affected"])
    assert "active" == granted(await root.get(path))["status"]
    granted(await admin.post(f"/api/approvals/{asked.json()['id']}/approve", json={}))
    after = granted(await apply(root, baseline, asked.json()))
    assert ("paused", 1) == (after["status"], after["config_version"])
    granted(await root.delete(path))


async def test_only_who_is_the_sole_administrator_and_says_so_loosens_alone(house: RunningHouse, root: Client):
    record = await create(root)
    program = await house.make_token(root, "program", role="admin")

    assert (403, "not_the_sole_admin") == refusal(await change(program, record, policies=LOOSE, sole_admin=True))
    before = await last_seq(house.house.database)
    alone = granted(await change(root, record, policies=LOOSE, sole_admin=True))
    (row,) = await logs_after(house.house.database, before)
    assert (2, True) == (alone["config_version"], json.loads(row.details)["sole_admin"])

    admin = await house.make_user(root, "admin", role="admin")
    for client in (root, admin):
        asked = await change(client, alone, policies={"rate_limits_json": {}}, sole_admin=True)
        assert (403, "not_the_sole_admin") == refusal(asked)


async def test_what_a_program_asks_for_takes_two_people(house: RunningHouse, root: Client):
    admin = await house.make_user(root, "admin", role="admin")
    program = await house.make_token(root, "program", role="admin")
    record = await create(root)

    approval = (await change(program, record, policies=LOOSE)).json()
    assert 2 == approval["needed"]
    vote = f"/api/approvals/{approval['id']}/approve"
    assert "pending" == granted(await root.post(vote, json={}))["status"]
    assert (409, "approval_state") == refusal(await apply(root, record, approval))
    granted(await admin.post(vote, json={}))

    assert 2 == granted(await apply(program, record, approval))["config_version"]


async def test_a_baseline_that_was_tampered_with_does_not_become_a_version_by_being_paused(
    house: RunningHouse, root: Client
):
    baseline = await create(root, baseline="platform")
    async with house.house.database.write() as tx:
        await tx.execute(update(records).values(rate_limits_json="{}"))

    paused = await root.patch(f"{PATH}/{baseline['id']}", json={"status": "paused", "sole_admin": True})

    assert (409, "config_tampered") == refusal(paused)


@pytest.mark.parametrize("kind", ["config", "tool"])
async def test_an_approval_that_an_agent_asked_for_changes_no_record(house: RunningHouse, root: Client, kind: str):
    admin = await house.make_user(root, "admin", role="admin")
    record = await create(root)
    program = await house.make_token(root, "program", role="deployer")
    forged = json.dumps({"version": 1, "digest": record["config_hash"], "document": {}, "rest": {}})
    body = {"agent_id": record["id"], "kind": kind, "subject": "agent record sam", "arguments": forged}
    asked = granted(await program.post("/api/approvals", json=body))
    for person in (root, admin):
        await person.post(f"/api/approvals/{asked['id']}/approve", json={})

    assert (404, "approval_not_found") == refusal(await apply(root, record, asked))


async def test_a_change_of_a_record_is_applied_and_not_used(house: RunningHouse, root: Client):
    admin = await house.make_user(root, "admin", role="admin")
    record = await create(root)
    program = await house.make_token(root, "program", role="admin")
    approval = (await change(program, record, policies=LOOSE)).json()
    for person in (root, admin):
        granted(await person.post(f"/api/approvals/{approval['id']}/approve", json={}))

    used = await program.post(f"/api/approvals/{approval['id']}/consume", json={"arguments": "{}"})

    assert (409, "approval_applies_to_record") == refusal(used)
