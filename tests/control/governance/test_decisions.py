"""What policies in force say to one action, and whom they let in at all: the documented cases as tables."""

from typing import Any

import pytest

from monoize.contract.policies.catalogue import read
from monoize.contract.policies.decisions import ToolCall, allows_model, tool_effect
from monoize.contract.policies.modes import CEILINGS, Mode
from monoize.contract.policies.safety import (
    SAFETY_LEVELS,
    Deed,
    Floor,
    SafetyLevel,
    floor,
    floor_without_policies,
)
from monoize.contract.policies.scope import RequiredRoles, Status, TenantScope, admission
from monoize.contract.policies.words import SEVERITIES

D1 = read(
    "tool_permissions_json",
    {
        "rules": [
            {"tool": "d1_*", "effect": "allow"},
            {"tool": "d1_execute", "effect": "deny"},
            {"tool": "d1_write", "effect": "approve"},
        ]
    },
)


@pytest.mark.case(54)
@pytest.mark.parametrize(
    ("tool", "effect"),
    [
        ("d1_query", "allow"),
        ("d1_execute", "deny"),
        ("d1_write", "approve"),
        ("r2_get", "deny"),
        ("D1_query", "deny"),
    ],
)
def test_of_several_rules_the_strictest_decides_and_without_any_a_tool_is_denied(tool: str, effect: str):
    assert effect == tool_effect(D1, "strict", ToolCall(tool=tool, args={}))
    assert effect == tool_effect(D1, "strict", ToolCall(tool=tool))


@pytest.mark.parametrize(
    ("default", "safety", "effect"),
    [
        (None, "strict", "deny"),
        (None, "moderate", "deny"),
        (None, "permissive", "allow"),
        ("allow", "strict", "deny"),
        ("allow", "permissive", "allow"),
        ("deny", "permissive", "deny"),
    ],
)
def test_the_default_is_never_above_what_safety_allows(default: str | None, safety: SafetyLevel, effect: str):
    permissions = read("tool_permissions_json", {"default": default} if default else {})

    assert effect == tool_effect(permissions, safety, ToolCall(tool="anything", args={}))


GUARDED = read(
    "tool_permissions_json",
    {
        "default": "deny",
        "rules": [
            {"tool": "pay", "effect": "allow", "args": {"/amount": {"max": 10}, "/to/country": {"enum": ["DE"]}}},
            {"tool": "run", "effect": "allow"},
            {"tool": "run", "effect": "deny", "args": {"/command": {"pattern": "rm .*"}}},
            {"tool": "db", "effect": "allow", "operations": ["read*"]},
            {"tool": "deploy", "effect": "allow", "environments": ["staging"]},
            {"tool": "deploy", "effect": "approve", "environments": ["production"]},
        ],
    },
)


@pytest.mark.parametrize(
    ("tool", "said", "effect"),
    [
        ("pay", {"args": {"amount": 10, "to": {"country": "DE"}}}, "allow"),
        ("pay", {"args": {"amount": 11, "to": {"country": "DE"}}}, "deny"),
        ("pay", {"args": {"amount": True, "to": {"country": "DE"}}}, "deny"),
        ("pay", {"args": {"amount": 1, "to": {}}}, "deny"),
        ("pay", {"args": {"amount": 1}}, "deny"),
        ("pay", {}, "allow"),
        ("run", {"args": {"command": "ls"}}, "allow"),
        ("run", {"args": {"command": "rm -rf /"}}, "deny"),
        ("run", {}, "allow"),
        ("db", {"args": {}, "operation": "read_rows"}, "allow"),
        ("db", {"args": {}, "operation": "write"}, "deny"),
        ("db", {"args": {}}, "deny"),
        ("db", {}, "allow"),
        ("deploy", {"args": {}, "environment": "staging"}, "allow"),
        ("deploy", {"args": {}, "environment": "production"}, "approve"),
        ("deploy", {"args": {}}, "approve"),
    ],
)
def test_a_rule_holds_only_where_all_that_it_says_holds(tool: str, said: dict[str, Any], effect: str):
    assert effect == tool_effect(GUARDED, "permissive", ToolCall(tool=tool, **said))


def test_blocked_models_are_blocked_also_where_they_are_allowed():
    policy = read("model_policy_json", {"allowed_models": ["gpt-*"], "blocked_models": ["*-preview"]})

    assert [True, False, False] == [allows_model(policy, name) for name in ("gpt-5", "gpt-5-preview", "claude-5")]
    assert allows_model(read("model_policy_json", {}), "claude-5")


@pytest.mark.parametrize(
    ("level", "deed", "risk", "wanted"),
    [
        ("strict", "read", "critical", Floor()),
        ("strict", "write_sandbox", "none", Floor(approvers=1)),
        ("strict", "write_production", "low", Floor(approvers=1, dry_run=True)),
        ("strict", "drastic", "high", Floor(approvers=1)),
        ("strict", "drastic", "critical", Floor(approvers=2)),
        ("moderate", "write_sandbox", "medium", Floor()),
        ("moderate", "write_sandbox", "high", Floor(approvers=1)),
        ("moderate", "write_production", "none", Floor(approvers=1)),
        ("moderate", "drastic", "none", Floor(approvers=1)),
        ("permissive", "write_sandbox", "critical", Floor()),
        ("permissive", "write_production", "medium", Floor()),
        ("permissive", "write_production", "high", Floor(approvers=1)),
        ("permissive", "drastic", "high", Floor()),
        ("permissive", "drastic", "critical", Floor(approvers=1)),
    ],
)
def test_safety_demands_what_is_documented(level: SafetyLevel, deed: Deed, risk: Any, wanted: Floor):
    assert wanted == floor(level, deed, risk)


def test_more_safety_and_more_risk_never_demand_less():
    deeds: tuple[Deed, ...] = ("read", "write_sandbox", "write_production", "drastic")
    for deed in deeds:
        for level in SAFETY_LEVELS:
            by_risk = [floor(level, deed, risk).approvers for risk in SEVERITIES]
            assert sorted(by_risk) == by_risk
        for risk in SEVERITIES:
            by_level = [floor(level, deed, risk).approvers for level in SAFETY_LEVELS]
            assert sorted(by_level) == by_level


def test_a_tool_that_nobody_judged_is_risky():
    assert floor("moderate", "write_sandbox") == floor("moderate", "write_sandbox", "high")


@pytest.mark.parametrize(
    ("level", "deed", "risk", "denied"),
    [
        ("strict", "read", "none", True),
        ("moderate", "read", "none", False),
        ("moderate", "write_sandbox", "none", True),
        ("permissive", "drastic", "high", False),
        ("permissive", "read", "critical", True),
    ],
)
def test_while_policies_are_away_less_is_allowed(level: SafetyLevel, deed: Deed, risk: Any, denied: bool):
    assert denied == floor_without_policies(level, deed, risk).denied


@pytest.mark.case(56)
def test_while_policies_are_away_moderate_reads_and_only_permissive_writes_what_is_not_critical():
    def passes(level: SafetyLevel, deed: Deed, risk: Any) -> bool:
        return not floor_without_policies(level, deed, risk).denied

    writes: tuple[Deed, ...] = ("write_sandbox", "write_production", "drastic")
    for risk in SEVERITIES:
        assert passes("moderate", "read", risk)
        for deed in writes:
            written = [level for level in SAFETY_LEVELS if passes(level, deed, risk)]
            assert ([] if risk == "critical" else ["permissive"]) == written


@pytest.mark.parametrize(
    ("mode", "reads", "writes", "spawns", "approves"),
    [
        ("orchestrator", True, True, True, False),
        ("worker", True, True, False, False),
        ("dispatcher", True, False, False, False),
        ("reviewer", True, False, False, True),
        ("observer", False, False, False, False),
    ],
)
def test_a_mode_has_a_ceiling(mode: Mode, reads: bool, writes: bool, spawns: bool, approves: bool):
    ceiling = CEILINGS[mode]

    assert (reads, writes) == (ceiling.allows_tool(mutates=False), ceiling.allows_tool(mutates=True))
    assert (spawns, approves) == (ceiling.spawns, ceiling.approves)


def scope(**said: Any) -> TenantScope:
    return TenantScope(**{"owner": "owner", "is_global": True, "reach": "multi_tenant", **said})


@pytest.mark.parametrize(
    ("said", "tenant", "wanted"),
    [
        ({"blocked": ("owner",)}, "owner", "tenant_blocked"),
        ({"blocked": ("t2",), "allowed": ("t2",)}, "t2", "tenant_blocked"),
        ({"allowed": ("t2",)}, "owner", "admitted"),
        ({"is_global": False}, "owner", "admitted"),
        ({"is_global": False}, "t2", "hidden"),
        ({"is_global": False, "allowed": ("t2",)}, "t2", "hidden"),
        ({"reach": "single_tenant"}, "t2", "hidden"),
        ({"reach": "platform"}, "t2", "platform_only"),
        ({}, "t2", "admitted"),
        ({"allowed": ("t2",)}, "t2", "admitted"),
        ({"allowed": ("t2",)}, "t3", "tenant_not_allowed"),
        ({"allowed": ("*",)}, "t3", "admitted"),
        ({"allowed": ("*",), "blocked": ("t3",)}, "t3", "tenant_blocked"),
    ],
)
def test_the_first_of_the_documented_answers_about_a_tenant_holds(said: dict[str, Any], tenant: str, wanted: str):
    answer = admission(scope(**said), "active", tenant, tenant_is_active=True, has_platform_role=False)

    assert wanted == answer


def test_only_callers_of_the_platform_use_its_agents():
    platform = scope(reach="platform")

    assert "admitted" == admission(platform, "active", "t2", tenant_is_active=True, has_platform_role=True)


@pytest.mark.parametrize("status", ["draft", "paused", "disabled", "archived"])
def test_nobody_uses_an_agent_that_is_not_active(status: Status):
    told = admission(scope(blocked=("owner",)), status, "owner", tenant_is_active=True, has_platform_role=True)

    assert "agent_not_active" == told


def test_a_tenant_that_is_unknown_or_suspended_uses_none():
    answer = admission(scope(), "active", "owner", tenant_is_active=False, has_platform_role=True)

    assert "tenant_unknown" == answer


@pytest.mark.parametrize(
    ("wanted", "held", "met"),
    [
        (RequiredRoles(), (), True),
        (RequiredRoles(("a", "b")), ("b",), True),
        (RequiredRoles(("a", "b")), ("c",), False),
        (RequiredRoles(("a", "b"), every=True), ("b",), False),
        (RequiredRoles(("a", "b"), every=True), ("b", "a", "c"), True),
    ],
)
def test_any_or_all_of_the_required_roles_are_held(wanted: RequiredRoles, held: tuple[str, ...], met: bool):
    assert met == wanted.are_met_by(held)
