"""Agent records: every change is a version for good, nothing stale overwrites, and tampering is noticed."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import exc, select, update
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse
from support.rows import last_seq, logs_after
from support.tampering import without_triggers

from monoize.contract.policies.catalogue import NAMES
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.errors import ConfigTampered
from monoize.control.governance.tables import agent_ai_sam as records
from monoize.control.governance.tables import agent_ai_sam_revisions as revisions
from monoize.control.identity.model import DEFAULT_TENANT_ID

PATH = "/api/agent-records"
NOWHERE = "01a1fc11-0000-7000-8000-000000000000"
DAY_CAP = {"windows": [{"id": "day", "period": "day", "limit_usd": "1"}]}


async def create(root: Client, name: str = "sam", **fields: Any) -> dict[str, Any]:
    return granted(await root.post(PATH, json={"name": name, "role_name": "helper", **fields}))


async def change(root: Client, record: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"version": record["config_version"], "sole_admin": True, **fields}
    return granted(await root.patch(f"{PATH}/{record['id']}", json=body))


async def in_force(root: Client, record: dict[str, Any], **params: str) -> dict[str, Any]:
    return granted(await root.get(f"{PATH}/{record['id']}/effective", params=params))["policy"]


async def test_a_record_is_kept_as_it_was_written_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    made = await create(
        root,
        description="Helps.",
        mode="worker",
        safety_level="moderate",
        required_roles={"all": ["admin", "auditor"]},
        blocked_tenants=[NOWHERE],
        policies={"budgets_json": DAY_CAP, "mcp_services_json": [{"service_id": "docs"}]},
        additional_alert_emails=["B@example.com", "a@example.com"],
        owner_user_id=root.user["id"],
    )

    assert made == granted(await root.get(f"{PATH}/{made['id']}"))
    assert ("sam", 1, "active", True, DEFAULT_TENANT_ID, "user:root") == (
        made["name"],
        made["config_version"],
        made["status"],
        made["intact"],
        made["tenant_id"],
        made["created_by"],
    )
    assert set(NAMES) == set(made["policies"])
    assert (DAY_CAP, {}) == (made["policies"]["budgets_json"], made["policies"]["cost_policy_json"])
    assert ["a@example.com", "b@example.com"] == made["additional_alert_emails"]
    assert {"all": ["admin", "auditor"]} == made["required_roles"]


@pytest.mark.case(53)
async def test_a_new_version_is_made_only_by_what_says_something_else_on_every_engine(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    made = await create(root, policies={"budgets_json": DAY_CAP, "rate_limits_json": {"burst": 1}})
    reordered = {"windows": [dict(reversed(DAY_CAP["windows"][0].items()))]}

    same = await change(root, made, policies={"budgets_json": reordered}, notes="Seen.", description="New.")
    assert (1, made["config_hash"], "Seen.") == (same["config_version"], same["config_hash"], same["notes"])

    raised = {"windows": [{**DAY_CAP["windows"][0], "limit_usd": "2"}]}
    later = await change(root, same, policies={"budgets_json": raised}, reason="More work.")
    assert 2 == later["config_version"]
    assert later["config_hash"] != made["config_hash"]
    assert {"burst": 1} == later["policies"]["rate_limits_json"]

    listed = granted(await root.get(f"{PATH}/{made['id']}/revisions"))["items"]
    assert [(2, "More work.", True), (1, None, True)] == [
        (each["version"], each["reason"], each["intact"]) for each in listed
    ]
    assert made["config_hash"] == listed[1]["config_hash"]
    assert "1" == listed[1]["config"]["policies"]["budgets_json"]["windows"][0]["limit_usd"]


@pytest.mark.case(53)
async def test_a_stale_writer_changes_nothing(root: Client):
    made = await create(root)
    await change(root, made, mode="worker")

    stale = await root.patch(f"{PATH}/{made['id']}", json={"version": 1, "mode": "observer"})
    assert (409, "version_conflict") == refusal(stale)
    assert 2 == stale.json()["config_version"]
    by_header = await root.patch(f"{PATH}/{made['id']}", json={"mode": "observer"}, headers={"if-match": '"1"'})
    assert (409, "version_conflict") == refusal(by_header)
    without = await root.patch(f"{PATH}/{made['id']}", json={"mode": "observer"})
    assert (422, "version_needed") == refusal(without)
    assert "worker" == granted(await root.get(f"{PATH}/{made['id']}"))["mode"]


async def test_what_an_etag_says_can_be_sent_as_if_match(root: Client):
    made = await create(root)
    etag = (await root.get(f"{PATH}/{made['id']}")).headers["etag"]

    answer = await root.patch(f"{PATH}/{made['id']}", json={"mode": "worker"}, headers={"if-match": etag})

    assert 2 == granted(answer)["config_version"]


async def test_of_writers_at_the_same_moment_one_wins_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    made = await create(root)
    caps = [{"rate_limits_json": {"requests_per_day": cap}} for cap in range(6)]

    answers = await together(
        *(root.patch(f"{PATH}/{made['id']}", json={"version": 1, "policies": each}) for each in caps)
    )

    assert [200, *[409] * 5] == sorted(answer.status_code for answer in answers)
    assert 2 == granted(await root.get(f"{PATH}/{made['id']}"))["config_version"]


async def test_whether_an_agent_runs_is_decided_without_a_version(root: Client):
    made = await create(root)

    for status in ("paused", "disabled", "active", "archived", "draft"):
        answer = await root.patch(f"{PATH}/{made['id']}", json={"status": status})
        assert (status, 1) == (granted(answer)["status"], answer.json()["config_version"])


async def test_an_archived_record_stays_on_record_and_is_not_changed(root: Client):
    made = await create(root)

    granted(await root.delete(f"{PATH}/{made['id']}"))

    assert [] == granted(await root.get(PATH))["items"]
    assert [made["id"]] == [each["id"] for each in granted(await root.get(f"{PATH}?status=archived"))["items"]]
    changed = await root.patch(f"{PATH}/{made['id']}", json={"version": 1, "mode": "worker"})
    assert (409, "agent_record_archived") == refusal(changed)
    taken = await root.post(PATH, json={"name": "sam", "role_name": "helper"})
    assert (409, "agent_record_exists") == refusal(taken)


async def test_a_name_belongs_to_one_record_of_a_tenant_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    other = granted(await root.post("/api/tenants", json={"name": "other"}))["id"]
    await create(root)
    second = await create(root, "second")

    assert other == (await create(root, tenant_id=other))["tenant_id"]
    taken = await root.patch(f"{PATH}/{second['id']}", json={"version": 1, "name": "sam"})
    assert (409, "agent_record_exists") == refusal(taken)
    assert ["sam"] == [each["name"] for each in granted(await root.get(f"{PATH}?tenant_id={other}"))["items"]]


async def test_going_back_makes_a_new_version_that_says_what_an_old_one_said(root: Client):
    first = await create(root, policies={"budgets_json": DAY_CAP})
    second = await change(root, first, mode="worker", policies={"budgets_json": {}})
    back = f"{PATH}/{first['id']}/rollback"

    assert (409, "version_conflict") == refusal(await root.post(back, json={"to": 1, "version": 1}))
    assert (404, "revision_not_found") == refusal(await root.post(back, json={"to": 9, "version": 2}))
    third = granted(await root.post(back, json={"to": 1, "version": 2, "reason": "It broke.", "sole_admin": True}))

    assert (3, first["config_hash"]) == (third["config_version"], third["config_hash"])
    assert (first["policies"], first["mode"]) == (third["policies"], third["mode"])
    again = granted(await root.post(back, json={"to": 1, "version": 3}))
    assert 3 == again["config_version"]
    assert 3 == len(granted(await root.get(f"{PATH}/{second['id']}/revisions"))["items"])


async def test_two_versions_are_compared_value_by_value(root: Client):
    made = await create(root, policies={"rate_limits_json": {"burst": 1, "requests_per_day": 5}})
    await change(root, made, mode="worker", policies={"rate_limits_json": {"burst": 2, "concurrent_runs": 3}})
    path = f"{PATH}/{made['id']}/diff"

    found = granted(await root.get(path, params={"from": 1, "to": 2}))["items"]

    assert [
        ("/mode", "changed", "orchestrator", "worker"),
        ("/policies/rate_limits_json/burst", "changed", 1, 2),
        ("/policies/rate_limits_json/concurrent_runs", "added", None, 3),
        ("/policies/rate_limits_json/requests_per_day", "removed", 5, None),
    ] == [(each["pointer"], each["kind"], each["before"], each["after"]) for each in found]
    assert [] == granted(await root.get(path, params={"from": 2, "to": 2}))["items"]
    assert (404, "revision_not_found") == refusal(await root.get(path, params={"from": 1, "to": 3}))


async def test_no_version_can_be_rewritten_or_removed_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    await create(root)

    for statement in (update(revisions).values(reason="Never said."), revisions.delete()):
        with pytest.raises(exc.DBAPIError):
            async with house_everywhere.house.database.write() as tx:
                await tx.execute(statement)


TAMPERED: dict[str, dict[str, Any]] = {
    "the hash": {"config_hash": "0" * 64},
    "a cap": {"budgets_json": json.dumps({"windows": []})},
    "a flag": {"requires_human_approval": 0},
    "a list": {"blocked_tenants_json": "no JSON"},
    "a policy": {"security_policy_json": "no JSON"},
    "what it is a baseline of": {"baseline_of": "*"},
    "the version": {"config_version": 7},
    "no hash": {"config_hash": None},
}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(values, id=name, marks=pytest.mark.case(53) if name == "the hash" else ())
        for name, values in TAMPERED.items()
    ],
)
async def test_what_was_changed_past_the_house_governs_nothing_until_it_is_rolled_back(
    house: RunningHouse, root: Client, values: dict[str, Any]
):
    made = await create(root, policies={"budgets_json": DAY_CAP}, status="active")
    path = f"{PATH}/{made['id']}"
    async with house.house.database.write() as tx:
        await tx.execute(update(records).values(**values))

    shown = granted(await root.get(path))
    assert shown["intact"] is ("config_version" in values)
    if "baseline_of" not in values:
        assert (409, "config_tampered") == refusal(await root.get(f"{path}/effective"))
    now = shown["config_version"]
    changed = await root.patch(path, json={"version": now, "mode": "worker"})
    assert (409, "config_tampered") == refusal(changed)

    back = granted(await root.post(f"{path}/rollback", json={"to": 1, "version": now}))
    assert (made["config_hash"], True, now + 1) == (back["config_hash"], back["intact"], back["config_version"])
    assert (
        DAY_CAP["windows"][0].items()
        <= (await in_force(root, made))["policies"]["budgets_json"]["windows"][0].items()
    )


async def test_an_agent_is_stopped_also_when_its_record_was_tampered_with_and_that_heals_nothing(
    house: RunningHouse, root: Client
):
    made = await create(root)
    path = f"{PATH}/{made['id']}"
    async with house.house.database.write() as tx:
        await tx.execute(update(records).values(security_policy_json="no JSON", safety_level="permissive"))

    stopped = granted(await root.patch(path, json={"status": "disabled", "notes": "Look into it."}))

    assert ("disabled", False, 1) == (stopped["status"], stopped["intact"], stopped["config_version"])
    assert 1 == len(granted(await root.get(f"{path}/revisions"))["items"])
    granted(await root.patch(path, json={"status": "active"}))
    assert (409, "config_tampered") == refusal(await root.get(f"{path}/effective"))


async def test_a_version_that_was_rewritten_past_the_database_is_not_gone_back_to(
    house: RunningHouse, root: Client
):
    made = await create(root, policies={"budgets_json": DAY_CAP})
    await change(root, made, mode="worker")
    async with without_triggers(house.house.database, revisions) as tx:
        config = await tx.scalar(select(revisions.c.config).where(revisions.c.version == 1))
        await tx.execute(
            update(revisions)
            .where(revisions.c.version == 1)
            .values(config={**config, "safety_level": "permissive"})
        )

    back = await root.post(f"{PATH}/{made['id']}/rollback", json={"to": 1, "version": 2})

    assert (409, "config_tampered") == refusal(back)


async def test_a_newest_version_that_was_rewritten_stops_the_agent(house: RunningHouse, root: Client):
    made = await create(root)
    async with without_triggers(house.house.database, revisions) as tx:
        await tx.execute(update(revisions).values(config={"nothing": "of it"}))

    assert (409, "config_tampered") == refusal(await root.get(f"{PATH}/{made['id']}/effective"))


async def test_a_record_whose_hash_and_content_were_both_forged_is_still_noticed(house: RunningHouse, root: Client):
    made, forged = await create(root, policies={"budgets_json": DAY_CAP}), await create(root, "other")
    async with house.house.database.write() as tx:
        other = (await tx.execute(select(records).where(records.c.id == forged["id"]))).one()
        await tx.execute(update(records).where(records.c.id == forged["id"]).values(name="gone"))
        copied = {"name": other.name, "budgets_json": other.budgets_json, "config_hash": other.config_hash}
        await tx.execute(update(records).where(records.c.id == made["id"]).values(**copied))
        with pytest.raises(ConfigTampered):
            await effective(tx, made["id"])


async def test_a_record_that_was_set_back_past_the_house_is_noticed(house: RunningHouse, root: Client):
    made = await create(root, mode="worker")
    async with house.house.database.read() as tx:
        first = dict((await tx.execute(select(records))).one()._mapping)
    await change(root, made, mode="observer")
    async with house.house.database.write() as tx:
        await tx.execute(update(records).values(**first))

    assert (409, "config_tampered") == refusal(await root.get(f"{PATH}/{made['id']}/effective"))


async def test_wrong_policies_are_refused_with_pointers_and_change_nothing(root: Client):
    made = await create(root)
    wrong = {"budgets_json": {"windows": [{"id": "a", "period": "eon"}]}, "rate_limits_json": {"burst": -1}}

    refused = await root.patch(f"{PATH}/{made['id']}", json={"version": 1, "policies": wrong})

    assert (400, "policy_invalid") == refusal(refused)
    assert {
        "/body/policies/budgets_json/windows/0/period",
        "/body/policies/budgets_json/windows/0/limit_usd",
        "/body/policies/rate_limits_json/burst",
    } == {error["pointer"] for error in refused.json()["errors"]}
    assert 1 == granted(await root.get(f"{PATH}/{made['id']}"))["config_version"]
    unknown = await root.post(PATH, json={"name": "a", "role_name": "b", "policies": {"nonsense_json": {}}})
    assert (422, "invalid_request") == refusal(unknown)


@pytest.mark.parametrize(
    "fields",
    [
        {"is_global": True, "tenant_scope": "single_tenant"},
        pytest.param({"allowed_tenants": [NOWHERE], "blocked_tenants": [NOWHERE]}, marks=pytest.mark.case(47)),
        {"blocked_tenants": [DEFAULT_TENANT_ID]},
    ],
)
async def test_a_scope_that_contradicts_itself_is_refused(root: Client, fields: dict[str, Any]):
    refused = await root.post(PATH, json={"name": "a", "role_name": "b", **fields})

    assert (422, "scope_contradictory") == refusal(refused)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        (
            {"mode": "worker", "security_policy_json": {"max_spawn_depth": 1}},
            "/security_policy_json/max_spawn_depth",
        ),
        (
            {"mode": "reviewer", "security_policy_json": {"shell": {"enabled": True}}},
            "/security_policy_json/shell/enabled",
        ),
        (
            {"mode": "dispatcher", "security_policy_json": {"sql": {"read_only": False}}},
            "/security_policy_json/sql/read_only",
        ),
        (
            {"mode": "dispatcher", "integrations_json": {"github": {"write": True}}},
            "/integrations_json/github/write",
        ),
        (
            {"mode": "observer", "tool_permissions_json": {"rules": [{"tool": "a", "effect": "approve"}]}},
            "/tool_permissions_json",
        ),
        ({"mode": "worker", "tool_permissions_json": {"*": True}}, "/tool_permissions_json/default"),
    ],
)
async def test_no_policy_lifts_an_agent_above_its_mode_or_its_safety(
    root: Client, fields: dict[str, Any], pointer: str
):
    mode, *_ = fields.values()
    policies = {name: value for name, value in fields.items() if name != "mode"}

    refused = await root.post(PATH, json={"name": "a", "role_name": "b", "mode": mode, "policies": policies})

    assert (400, "policy_invalid") == refusal(refused)
    assert [f"/body/policies{pointer}"] == [error["pointer"] for error in refused.json()["errors"]]


async def test_only_what_can_spawn_has_any_depth_to_spawn(root: Client):
    worker, orchestrator = await create(root, "w", mode="worker"), await create(root, "o")

    depths = [
        (await in_force(root, each))["policies"]["security_policy_json"]["max_spawn_depth"]
        for each in (worker, orchestrator)
    ]

    assert [0, 2] == depths


async def test_baselines_of_the_house_and_of_both_tenants_tighten_what_a_record_says(root: Client):
    other = granted(await root.post("/api/tenants", json={"name": "other"}))["id"]
    record = await create(
        root,
        safety_level="permissive",
        auth_strategy="session",
        requires_human_approval=False,
        policies={"rate_limits_json": {"requests_per_day": 50}, "model_policy_json": {"allowed_models": ["gpt-*"]}},
    )
    assert "permissive" == (await in_force(root, record))["safety_level"]
    house = await create(
        root, "house", baseline="platform", safety_level="moderate", policies={"rate_limits_json": {"burst": 4}}
    )
    owner = await create(
        root,
        "owner",
        baseline="tenant",
        requires_human_approval=True,
        blocked_tenants=[NOWHERE],
        policies={"rate_limits_json": {"requests_per_day": 9, "burst": 7}},
    )
    guest = await create(
        root,
        "guest",
        baseline="tenant",
        tenant_id=other,
        auth_strategy="mtls",
        policies={"model_policy_json": {"allowed_models": ["*-mini"]}},
    )

    at_home, away = await in_force(root, record), await in_force(root, record, tenant_id=other)

    assert [house["id"], owner["id"], record["id"]] == [each["config_id"] for each in at_home["sources"]]
    assert guest["id"] in [each["config_id"] for each in away["sources"]]
    assert ("moderate", True, "session", [NOWHERE]) == (
        at_home["safety_level"],
        at_home["requires_human_approval"],
        at_home["auth_strategy"],
        at_home["scope"]["blocked"],
    )
    limits = at_home["policies"]["rate_limits_json"]
    assert (9, 4) == (limits["requests_per_day"], limits["burst"])
    assert ["gpt-*"] == at_home["policies"]["model_policy_json"]["allowed_models"]
    assert "mtls" == away["auth_strategy"]
    assert ["gpt-*-mini", "gpt-mini"] == away["policies"]["model_policy_json"]["allowed_models"]


async def test_a_baseline_holds_while_it_is_active_and_there_is_one_of_a_kind(root: Client):
    record = await create(root)
    house = await create(root, "house", baseline="platform", policies={"rate_limits_json": {"burst": 4}})

    second = await root.post(PATH, json={"name": "b", "role_name": "b", "baseline": "platform"})
    assert (409, "baseline_exists") == refusal(second)
    granted(await root.patch(f"{PATH}/{house['id']}", json={"status": "paused", "sole_admin": True}))
    assert (await in_force(root, record))["policies"]["rate_limits_json"]["burst"] is None
    assert (404, "agent_record_not_found") == refusal(await root.get(f"{PATH}/{house['id']}/effective"))


async def test_a_tampered_baseline_stops_every_agent_within_it(house: RunningHouse, root: Client):
    record, outer = await create(root), await create(root, "house", baseline="platform")
    async with house.house.database.write() as tx:
        await tx.execute(
            update(records).where(records.c.id == outer["id"]).values(safety_level="permissive", mode="worker")
        )

    refused = await root.get(f"{PATH}/{record['id']}/effective")

    assert ((409, "config_tampered"), outer["id"]) == (refusal(refused), refused.json()["record"])


async def test_whether_a_tenant_is_let_in_is_told_with_what_holds_for_it(root: Client):
    first, second = [
        granted(await root.post("/api/tenants", json={"name": name}))["id"] for name in ("first", "second")
    ]
    record = await create(root, allowed_tenants=[first])
    path = f"{PATH}/{record['id']}/effective"

    told = [
        granted(await root.get(path, params={"tenant_id": tenant}))["admission"]
        for tenant in (DEFAULT_TENANT_ID, first, second)
    ]

    assert ["admitted", "admitted", "tenant_not_allowed"] == told
    assert granted(await root.get(path))["admission"] is None
    assert (404, "tenant_not_found") == refusal(await root.get(path, params={"tenant_id": NOWHERE}))


async def test_a_template_fills_in_what_is_not_said(root: Client):
    listed = granted(await root.get(f"{PATH}/templates"))["items"]
    assert 15 == len(listed)
    for each in listed:
        made = await create(root, each["id"], template=each["id"])
        assert (each["mode"], each["safety_level"]) == (made["mode"], made["safety_level"])
        assert each["policies"].items() <= made["policies"].items()

    own = await create(root, template="starter-worker", mode="observer", policies={"budgets_json": DAY_CAP})
    assert ("observer", DAY_CAP) == (own["mode"], own["policies"]["budgets_json"])
    assert 20 == own["policies"]["rate_limits_json"]["requests_per_minute"]
    unknown = await root.post(PATH, json={"name": "a", "role_name": "b", "template": "no-such"})
    assert (422, "template_not_found") == refusal(unknown)


async def test_every_policy_is_listed_with_its_schema(root: Client):
    listed = granted(await root.get(f"{PATH}/policies"))["items"]

    assert list(NAMES) == [each["name"] for each in listed]
    assert all(each["description"] and each["policy_schema"]["type"] in ("object", "array") for each in listed)


async def test_the_audit_log_says_what_changed_and_what_got_looser(house: RunningHouse, root: Client):
    made = await create(root, policies={"budgets_json": DAY_CAP})
    before = await last_seq(house.house.database)

    await change(root, made, mode="worker", policies={"budgets_json": {}}, notes="x", reason="Why not.")

    (row,) = await logs_after(house.house.database, before)
    details = json.loads(row.details)
    assert ["budgets_json", "mode", "notes"] == sorted(details["changed"])
    assert ["/policies/budgets_json"] == details["loosened"]
    assert (2, "Why not.") == (details["version"], details["reason"])


async def test_owners_and_tenants_have_to_exist(root: Client):
    for fields, code in (
        ({"owner_user_id": NOWHERE}, "user_not_found"),
        ({"tenant_id": NOWHERE}, "tenant_not_found"),
    ):
        refused = await root.post(PATH, json={"name": "a", "role_name": "b", **fields})
        assert (404, code) == refusal(refused)


async def test_contacts_are_few_distinct_and_mail_addresses(root: Client):
    for wrong in (["a@example.com"] * 2, ["nonsense"], [f"a{n}@example.com" for n in range(21)]):
        body = {"name": "a", "role_name": "b", "additional_alert_emails": wrong}
        assert (422, "invalid_request") == refusal(await root.post(PATH, json=body))
    made = await create(root, user_email="a@example.com")
    cleared = await change(root, made, user_email=None)
    assert (None, 2) == (cleared["user_email"], cleared["config_version"])


async def test_the_same_idempotency_key_makes_one_record(root: Client):
    body, headers = {"name": "a", "role_name": "b"}, {"idempotency-key": "once"}

    first, second = [granted(await root.post(PATH, json=body, headers=headers)) for _ in range(2)]

    assert first["id"] == second["id"]
    assert 1 == len(granted(await root.get(PATH))["items"])


async def test_an_administrator_writes_and_others_do_not_even_read(house: RunningHouse, root: Client):
    made = await create(root)
    admin, user = [await house.make_user(root, role=role) for role in ("admin", "user")]

    granted(await admin.get(f"{PATH}/{made['id']}"))
    for answer in await asyncio.gather(user.get(PATH), user.post(PATH, json={"name": "a", "role_name": "b"})):
        assert (403, "not_permitted") == refusal(answer)
