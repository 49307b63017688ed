"""What a policy may be: every mistake is pointed at, and older ways to write one are still understood."""

import math
from typing import Any

import jsonschema_rs
import pytest
from control.governance.policy_documents import documents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monoize.contract.policies.catalogue import (
    CATALOGUE,
    NAMES,
    Policies,
    PolicyName,
    check,
    description_of,
    empty,
    modern,
    read,
    schema_of,
)
from monoize.contract.policies.cost import CostPolicy
from monoize.contract.policies.model_policy import ModelPolicy
from monoize.control.governance.tables import agent_ai_sam

WRONG: dict[PolicyName, list[tuple[Any, str]]] = {
    "approvals_policy_json": [
        ({"rules": [{"match": {}, "approvers": {"min": 0}}]}, "/rules/0/approvers/min"),
        ({"rules": [{"match": {"risk_at_least": "huge"}, "approvers": {}}]}, "/rules/0/match/risk_at_least"),
        ({"rules": [{"approvers": {}}]}, "/rules/0/match"),
        ({"default_ttl": 59}, "/default_ttl"),
        ({"on_expiry": "allow"}, "/on_expiry"),
        ({"allow_self": True}, "/allow_self"),
        ({"bind_arguments": False}, "/bind_arguments"),
    ],
    "integrations_json": [
        ({"github": {"scope": []}}, "/github/scope"),
        ({"my_api_key": {}}, "/my_api_key"),
        ({"git hub": {}}, "/git hub"),
    ],
    "mcp_services_json": [
        ([{"enabled": True}], "/0/service_id"),
        ([{"service_id": "a", "timeout_ms": 99}], "/0/timeout_ms"),
        ([{"service_id": "a"}, {"service_id": "a"}], "/1/service_id"),
        ({"service_id": "a"}, ""),
        ([{"service_id": "a", "transport": "sse"}], "/0/transport"),
        ([{"service_id": "a", "credential_ref": "mine"}], "/0/credential_ref"),
    ],
    "tool_permissions_json": [
        ({"rules": [{"tool": "a", "effect": "maybe"}]}, "/rules/0/effect"),
        ({"rules": [{"tool": "a b", "effect": "deny"}]}, "/rules/0/tool"),
        (
            {"rules": [{"tool": "a", "effect": "deny", "args": {"/x": {"pattern": "(a*)*"}}}]},
            "/rules/0/args/~1x",
        ),
        ({"rules": [{"tool": "a", "effect": "deny", "args": {"x": {}}}]}, "/rules/0/args/x"),
    ],
    "rate_limits_json": [
        ({"requests_per_minute": -1}, "/requests_per_minute"),
        ({"requests_per_day": 10**400}, "/requests_per_day"),
        ({"per_tool": {"d1_*": {"per_hour": 1}}}, "/per_tool/d1_*/per_hour"),
    ],
    "budgets_json": [
        ({"windows": [{"id": "a", "period": "day", "limit_usd": 5}]}, "/windows/0/limit_usd"),
        ({"windows": [{"id": "a", "period": "day", "limit_usd": "1e3"}]}, "/windows/0/limit_usd"),
        ({"windows": [{"id": "a", "period": "day", "limit_usd": "1"}] * 2}, "/windows/1/id"),
        ({"timezone": "Mars/Olympus"}, ""),
        (
            {"windows": [{"id": "a", "period": "day", "limit_usd": "1", "action": "require_byok"}]},
            "/windows/0/action",
        ),
        (
            {"windows": [{"id": "a", "period": "day", "limit_usd": "1", "scope": {"tag": "a"}}]},
            "/windows/0/scope/tag",
        ),
    ],
    "model_policy_json": [({"max_tool_loop": 0}, "/max_tool_loop"), ({"max_tier": "mini"}, "/max_tier")],
    "cost_policy_json": [
        ({"handoff_at_pct": 101}, "/handoff_at_pct"),
        ({"max_code_seconds": 60}, "/max_code_seconds"),
        ({"on_unpriced": "allow"}, "/on_unpriced"),
        ({"rate_override": {"input_rate_per_mtok": "1"}}, "/rate_override/output_rate_per_mtok"),
    ],
    "pii_policy_json": [
        ({"types": {"shoe_size": "mask"}}, "/types/shoe_size"),
        ({"min_confidence": math.nan}, "/min_confidence"),
        ({"min_confidence": 1.5}, "/min_confidence"),
    ],
    "security_policy_json": [
        ({"shell": {"deny": ["a", "(a*)*"]}}, "/shell"),
        ({"sql": {"deny": ["drop"]}}, "/sql/deny/0"),
        ({"max_spawn_depth": True}, "/max_spawn_depth"),
    ],
    "findings_policy_json": [({"assign": "somebody"}, "/assign"), ({"sla_hours": {"low": 0}}, "/sla_hours/low")],
    "notification_policy_json": [
        ({"channels": {"webhook": "http://example.com"}}, "/channels/webhook"),
        ({"quiet": {"from": "24:00"}}, "/quiet/from"),
        ({"events": {"finding": ["everybody"]}}, "/events/finding/0"),
        ({"events": {"finding": ["owner"]}}, "/events/finding"),
        ({"channels": {"in_app": False}}, "/channels/in_app"),
    ],
    "telemetry_policy_json": [
        ({"level": "content"}, "/level"),
        ({"redact": False}, "/redact"),
        ({"preview_chars": 1}, "/preview_chars"),
        ({"exporters": ["other"]}, "/exporters"),
        ({"content_roles": ["auditor"]}, "/content_roles"),
        ({"retention_days": 3651}, "/retention_days"),
    ],
}


@pytest.mark.case(55)
@pytest.mark.parametrize(
    ("rounds", "wrong"), [(0, ["/max_tool_loop"]), (1, []), (100, []), (500, ["/max_tool_loop"])]
)
def test_rounds_of_tools_are_one_to_a_hundred_and_nothing_is_made_of_what_is_neither(rounds: int, wrong: list[str]):
    assert wrong == [pointer for pointer, _ in check("model_policy_json", {"max_tool_loop": rounds})]


def test_there_is_one_policy_for_each_of_thirteen_columns():
    columns = {name for name in agent_ai_sam.c.keys() if name in CATALOGUE}  # noqa: SIM118

    assert 13 == len(NAMES)
    assert set(NAMES) == set(CATALOGUE) == columns == set(Policies.__struct_fields__) == set(WRONG)


@pytest.mark.parametrize(
    ("name", "document", "pointer"), [(name, *case) for name, cases in WRONG.items() for case in cases]
)
def test_what_is_wrong_is_pointed_at(name: PolicyName, document: Any, pointer: str):
    assert [pointer] == [found for found, _ in check(name, document)]


@pytest.mark.parametrize("name", NAMES)
def test_unknown_fields_and_other_kinds_of_values_are_refused(name: PolicyName):
    for wrong in ("text", 1, True, None, [[]], {"a": {"b": []}}, [{"a": {"b": []}}]):
        assert check(name, wrong), wrong


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "", "x" * 1_000_000])
def test_no_text_that_cannot_be_stored_gets_in(name: PolicyName, text: str):
    places = {
        "approvals_policy_json": {"rules": [{"match": {"tools": [text]}, "approvers": {"users": [text]}}]},
        "integrations_json": {text: {"connection_id": text}},
        "mcp_services_json": [{"service_id": text}],
        "tool_permissions_json": {"rules": [{"tool": text, "effect": "deny"}]},
        "rate_limits_json": {"per_tool": {text: {}}},
        "budgets_json": {"timezone": text},
        "model_policy_json": {"default_model": text},
        "cost_policy_json": {"max_cost_per_call_usd": text},
        "pii_policy_json": {"allow_values": [text]},
        "security_policy_json": {"shell": {"deny": [text]}},
        "findings_policy_json": {"assign": text},
        "notification_policy_json": {"digest": {"tz": text}},
        "telemetry_policy_json": {"exporters": [text]},
    }

    problems = check(name, places[name])

    assert problems
    assert all(len(pointer) < 200 and text not in (pointer, problem) for pointer, problem in problems if text)


def test_a_list_of_more_than_two_hundred_entries_is_refused():
    assert [] == check("model_policy_json", {"blocked_models": ["a"] * 200})
    assert [("/blocked_models", "has more than 200 entries")] == check(
        "model_policy_json", {"blocked_models": ["a"] * 201}
    )


def test_several_mistakes_are_told_at_once():
    found = check("rate_limits_json", {"burst": -1, "per_model": {"a": {"per_minute": "x"}}, "nonsense": 1})

    assert {"/burst", "/per_model/a/per_minute", "/nonsense"} == {pointer for pointer, _ in found}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_schema_takes_whatever_the_check_takes(name: PolicyName, data: st.DataObject):
    document = data.draw(documents(name))

    read(name, document)
    jsonschema_rs.validator_for(schema_of(name)).validate(document)


def test_what_older_versions_say_and_nobody_takes_any_more_says_nothing():
    windows = [
        {"id": "a", "period": "day", "limit_usd": "1", "action": "approve"},
        {"id": "b", "period": "day", "limit_usd": "1", "scope": {"tag": "x"}},
    ]
    budgets = read("budgets_json", {"windows": windows})
    assert [("a", "block")] == [(each.id, each.action) for each in budgets.windows]
    assert ModelPolicy(effort="low") == read("model_policy_json", {"max_tier": "mini", "effort": "low"})
    assert CostPolicy() == read("cost_policy_json", {"on_unpriced": "allow", "max_code_seconds": 5})


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_says_what_it_is_and_saying_nothing_is_right(name: PolicyName):
    assert description_of(name).endswith((".", "?"))
    assert [] == check(name, empty(name))


def test_the_documented_defaults_hold_where_nothing_is_said():
    policies = Policies()

    assert (3600, False, "deny") == (
        policies.approvals_policy_json.default_ttl,
        policies.approvals_policy_json.allow_self,
        policies.approvals_policy_json.on_expiry,
    )
    security = policies.security_policy_json
    assert (True, False, True, ("DROP", "TRUNCATE", "ALTER"), 15, 2) == (
        security.deny_private_networks,
        security.shell.enabled,
        security.sql.read_only,
        security.sql.deny,
        security.max_chain_depth,
        security.max_spawn_depth,
    )
    assert {"critical": 24, "high": 72, "medium": 336} == policies.findings_policy_json.sla_hours
    assert (80, 75) == (
        policies.cost_policy_json.handoff_at_pct,
        policies.cost_policy_json.compact_at_context_pct,
    )
    assert (86_400, 900) == (
        policies.notification_policy_json.dedupe,
        policies.notification_policy_json.escalate_after,
    )


@pytest.mark.parametrize(
    ("name", "written", "understood"),
    [
        (
            "tool_permissions_json",
            {"*": "allow", "d1_execute": False, "r2": ["get", "list"]},
            {
                "default": "allow",
                "rules": [
                    {"tool": "d1_execute", "effect": "deny"},
                    {"tool": "r2", "effect": "allow", "operations": ["get", "list"]},
                ],
            },
        ),
        (
            "budgets_json",
            {"daily_usd": 5, "monthly_usd": "99.5"},
            {
                "windows": [
                    {"id": "day", "period": "day", "limit_usd": "5"},
                    {"id": "month", "period": "month", "limit_usd": "99.5"},
                ]
            },
        ),
        ("model_policy_json", {"allowed_models": [], "effort": "low"}, {"effort": "low"}),
        ("tool_permissions_json", {"default": "deny"}, {"default": "deny"}),
    ],
)
def test_older_ways_to_write_a_policy_are_understood(name: PolicyName, written: Any, understood: Any):
    assert understood == modern(name, written)
    assert [] == check(name, understood)
