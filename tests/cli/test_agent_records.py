"""The verbs of `monoize agent-records`."""

import json
from collections.abc import Callable

import pytest
from cli.command_line import CommandLine

Fresh = Callable[[], str]
CAP = {"windows": [{"id": "day", "period": "day", "limit_usd": "1"}]}


def test_a_record_goes_through_its_versions(root: CommandLine, fresh: Fresh):
    name = fresh()
    made = root.does("agent-records", "create", name, "--role", "helper", "--template", "starter-worker")
    assert f"Created the agent record {name}" in made.err
    (root.home / "cap.json").write_text(json.dumps(CAP))
    update = [
        "agent-records",
        "update",
        name,
        "--policy",
        "budgets_json=@cap.json",
        "--owner",
        "root",
        "--reason",
        "Less.",
    ]
    waiting = root.does(*update)
    assert f"This loosens {name}" in waiting.err
    assert "monoize agent-records apply" in waiting.err
    later = root.does(*update, "--sole-admin")
    assert f"{name} is at version 2." in later.err
    assert CAP == root.json("agent-records", "show", name)["policies"]["budgets_json"]
    same = root.does("agent-records", "update", name, "--policy", f"budgets_json={json.dumps(CAP)}")
    assert f"{name} is at version 2 as before." in same.err

    differences = root.json("agent-records", "diff", name, "1")["items"]
    assert {"/owner_user_id", "/policies/budgets_json/windows"} == {each["pointer"] for each in differences}
    assert "Less." in root.does("agent-records", "revisions", name).out

    back = root.does("agent-records", "rollback", name, "1", "--reason", "More.", "--sole-admin")
    assert f"{name} is at version 3." in back.err
    assert root.json("agent-records", "show", name)["owner_user_id"] is None


def test_what_is_in_force_is_shown_with_defaults_and_for_a_tenant(root: CommandLine, fresh: Fresh):
    name, tenant = fresh(), fresh()
    root.does("tenants", "create", tenant)
    root.does("agent-records", "create", name, "--role", "helper", "--block-tenant", tenant)

    told = root.json("agent-records", "effective", name, "--tenant", tenant)

    assert ("tenant_blocked", 3600) == (
        told["admission"],
        told["policy"]["policies"]["approvals_policy_json"]["default_ttl"],
    )
    assert "tenant_blocked" in root.does("agent-records", "effective", name, "--tenant", tenant).out


def test_a_mistake_in_a_policy_is_pointed_at(root: CommandLine, fresh: Fresh):
    refused = root.run(
        "agent-records", "create", fresh(), "--role", "a", "--policy", 'rate_limits_json={"burst": -1}'
    )

    assert 1 == refused.code
    assert "policies/rate_limits_json/burst: Expected `int` >= 0" in refused.err


@pytest.mark.parametrize("policy", ["budgets_json", "budgets_json={", "budgets_json=@nowhere.json"])
def test_what_cannot_be_read_is_not_sent(root: CommandLine, policy: str):
    assert 2 == root.run("agent-records", "create", "a", "--role", "b", "--policy", policy).code


def test_a_writer_who_read_an_older_version_is_told(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("agent-records", "create", name, "--role", "helper")
    root.does("agent-records", "update", name, "--mode", "worker")

    stale = root.run("agent-records", "update", name, "--mode", "observer", "--if-version", "1")

    assert (1, True) == (stale.code, "changed this agent record meanwhile" in stale.err)


def test_an_archived_record_is_listed_among_the_archived(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("agent-records", "create", name, "--role", "helper", "--draft")
    assert name in root.does("agent-records", "list", "--status", "draft").out

    root.does("agent-records", "archive", name, "--yes")

    assert name not in root.does("agent-records", "list").out
    assert name in root.does("agent-records", "list", "--status", "archived").out


def test_of_records_with_one_name_one_is_named_by_its_id(root: CommandLine, fresh: Fresh):
    name, tenant = fresh(), fresh()
    root.does("tenants", "create", tenant)
    first = root.json("agent-records", "create", name, "--role", "a")
    root.does("agent-records", "create", name, "--role", "a", "--tenant", tenant)

    unclear = root.run("agent-records", "show", name)

    assert (1, True) == (unclear.code, f"there are 2 agent records called {name}" in unclear.err)
    assert first["id"] in unclear.err
    assert name == root.json("agent-records", "show", first["id"])["name"]
    assert "there is no agent record nowhere" in root.run("agent-records", "show", "nowhere").err


def test_templates_and_policies_are_listed(root: CommandLine):
    assert "enterprise-reviewer" in root.does("agent-records", "templates").out
    assert "budgets_json" in root.does("agent-records", "policies").out
    assert "windows" in root.json("agent-records", "policies", "budgets_json")["policy_schema"]["properties"]
    assert "there is no policy nonsense" in root.run("agent-records", "policies", "nonsense").err
