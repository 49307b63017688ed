"""A change that allows more is noticed, also where it only takes something away; one that allows less is not."""

import dataclasses
from typing import Any

import pytest

from monoize.contract.policies.catalogue import PolicyName
from monoize.control.governance.model.difference import changed_names, differences
from monoize.control.governance.model.records import Governed, document, hash_of, of_document
from monoize.control.governance.model.strictness import loosened

RECORD = Governed(
    name="sam",
    role_name="helper",
    mode="dispatcher",
    safety_level="moderate",
    is_global=False,
    tenant_scope="platform",
    allowed_tenants=("a", "b"),
    blocked_tenants=("c",),
    auth_strategy="api_key",
    required_roles=("admin", "auditor"),
)


def with_policy(name: PolicyName, said: Any) -> Governed:
    return dataclasses.replace(RECORD, policies={**RECORD.policies, name: said})


@pytest.mark.parametrize(
    ("name", "looser", "stricter"),
    [
        ("mode", "reviewer", "observer"),
        ("mode", "orchestrator", "observer"),
        ("safety_level", "permissive", "strict"),
        ("is_global", True, False),
        ("tenant_scope", "multi_tenant", "single_tenant"),
        ("allowed_tenants", ("a", "d"), ("a",)),
        ("allowed_tenants", (), ("b",)),
        ("allowed_tenants", ("*",), ("b",)),
        ("blocked_tenants", (), ("c", "d")),
        ("auth_strategy", "session", "mtls"),
        ("required_roles", (), ("admin",)),
        ("required_roles", ("admin", "user"), {"all": ("admin", "auditor")}),
        ("requires_human_approval", False, True),
    ],
)
def test_a_field_that_allows_more_is_noticed(name: str, looser: Any, stricter: Any):
    assert [f"/{name}"] == loosened(RECORD, dataclasses.replace(RECORD, **{name: looser}))
    assert [] == loosened(RECORD, dataclasses.replace(RECORD, **{name: stricter}))


RATES = {"input_rate_per_mtok": "1", "output_rate_per_mtok": "2"}


@pytest.mark.parametrize(
    ("name", "before", "after", "is_looser"),
    [
        ("rate_limits_json", {"burst": 5}, {"burst": 6}, True),
        ("rate_limits_json", {"burst": 5}, {"burst": 4, "concurrent_runs": 1}, False),
        ("rate_limits_json", {"burst": 5}, {}, True),
        ("rate_limits_json", {"per_tool": {"a": {"per_minute": 1}}}, {"per_tool": {}}, True),
        ("model_policy_json", {"allowed_models": ["gpt-*"]}, {"allowed_models": ["gpt-5*"]}, False),
        ("model_policy_json", {"allowed_models": ["gpt-*"]}, {"allowed_models": ["g*"]}, True),
        ("model_policy_json", {"blocked_models": ["a"]}, {"blocked_models": ["b"]}, True),
        ("model_policy_json", {"default_model": "a"}, {"default_model": "b"}, False),
        ("cost_policy_json", {}, {"rate_override": RATES}, True),
        ("cost_policy_json", {"rate_override": RATES}, {"rate_override": RATES, "markup_bp": 1}, False),
        ("cost_policy_json", {"markup_bp": 2}, {"markup_bp": 1}, True),
        ("security_policy_json", {}, {"deny_private_networks": False}, True),
        ("security_policy_json", {}, {"max_chain_depth": 16}, True),
        ("security_policy_json", {}, {"max_chain_depth": 14}, False),
        ("integrations_json", {}, {"github": {}}, True),
        ("integrations_json", {"github": {"write": True}}, {"github": {}}, False),
        ("mcp_services_json", [{"service_id": "a"}], [{"service_id": "a"}, {"service_id": "b"}], True),
        ("mcp_services_json", [{"service_id": "a"}], [], False),
        ("budgets_json", {"windows": [{"id": "a", "period": "day", "limit_usd": "1"}]}, {}, True),
        ("tool_permissions_json", {}, {"rules": [{"tool": "a", "effect": "deny"}]}, False),
        ("tool_permissions_json", {}, {"rules": [{"tool": "a", "effect": "allow"}]}, True),
        ("tool_permissions_json", {}, {"rules": [{"tool": "a", "effect": "approve"}]}, True),
        ("tool_permissions_json", {"rules": [{"tool": "a", "effect": "approve"}]}, {}, True),
        ("tool_permissions_json", {"rules": [{"tool": "a", "effect": "allow"}]}, {}, False),
        ("tool_permissions_json", {"default": "deny"}, {}, True),
        ("tool_permissions_json", {"outer": [{"default": "deny"}]}, {"default": "deny"}, True),
    ],
)
def test_a_policy_that_allows_more_is_noticed(name: PolicyName, before: Any, after: Any, is_looser: bool):
    wanted = [f"/policies/{name}"] if is_looser else []

    assert wanted == loosened(with_policy(name, before), with_policy(name, after))


def test_the_order_of_what_has_no_order_is_no_difference():
    reordered = dataclasses.replace(
        RECORD,
        allowed_tenants=("b", "a"),
        required_roles=["auditor", "admin"],
        policies=dict(reversed(RECORD.policies.items())),
    )

    assert hash_of(RECORD) == hash_of(reordered)
    assert [] == loosened(RECORD, reordered)
    assert [] == list(differences(document(RECORD), document(reordered)))


def test_every_governed_field_counts_in_the_hash():
    kept = document(RECORD)
    for name in kept:
        other = {**kept, name: {"all": ["x"]} if name == "required_roles" else f"not {kept[name]}"}
        if name not in ("policies", "allowed_tenants", "blocked_tenants", "additional_alert_emails"):
            assert hash_of(RECORD) != hash_of(of_document(other)), name
    for name in RECORD.policies:
        assert hash_of(RECORD) != hash_of(with_policy(name, "other")), name


def test_a_version_is_read_back_as_it_was_written():
    assert hash_of(RECORD) == hash_of(of_document(document(RECORD)))


def test_changed_policies_are_named_one_by_one():
    after = dataclasses.replace(with_policy("budgets_json", {"timezone": "UTC"}), mode="observer")

    assert ["budgets_json", "mode"] == changed_names(document(RECORD), document(after))
