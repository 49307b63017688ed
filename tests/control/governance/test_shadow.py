"""What is in shadow is not in force, and what others say of the same stays in force."""

import dataclasses
import datetime as dt
from typing import Any

from monoize.contract.gates.models import may_ask_for
from monoize.contract.policies.catalogue import NAMES, empty
from monoize.control.governance.model.composition import compose
from monoize.control.governance.model.records import (
    AgentRecord,
    Governed,
    document,
    governed_of,
    hash_of,
    of_document,
)
from monoize.control.governance.model.strictness import loosened

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def record(id: str = "r", *, shadow: tuple[str, ...] = (), **policies: Any) -> AgentRecord:
    return AgentRecord(
        id=id,
        name=id,
        role_name="worker",
        tenant_id="t",
        description=None,
        status="active",
        notes=None,
        config_version=1,
        config_hash="h",
        intact=True,
        created_by="somebody",
        created_at=NOW,
        updated_at=NOW,
        last_health_check=None,
        last_run_at=None,
        last_error=None,
        policies={name: empty(name) for name in NAMES} | policies,
        shadow_policies=shadow,
    )


def test_what_nobody_else_says_anything_of_is_silent():
    policy = compose([], record(shadow=("cost_policy_json",), cost_policy_json={"allow_fast": False}))

    assert policy.in_force("cost_policy_json") is None
    assert not policy.in_shadow("cost_policy_json").allow_fast
    assert policy.in_shadow("model_policy_json") is None and policy.in_force("model_policy_json") is not None
    assert compose([], record()).trial is None


def test_a_record_cannot_put_a_baseline_into_shadow():
    house = record("house", model_policy_json={"blocked_models": ["a"]})
    policy = compose([house], record(shadow=("model_policy_json",), model_policy_json={"blocked_models": ["b"]}))

    assert ("a",) == policy.in_force("model_policy_json").blocked_models
    assert ("a", "b") == policy.in_shadow("model_policy_json").blocked_models
    assert not may_ask_for(policy, "a") and may_ask_for(policy, "b")


def test_a_baseline_in_shadow_leaves_what_agents_say_in_force():
    house = record("house", shadow=("model_policy_json",), model_policy_json={"blocked_models": ["*"]})
    policy = compose([house], record(model_policy_json={"blocked_models": ["b"]}))

    assert may_ask_for(policy, "a") and not may_ask_for(policy, "b")


def test_versions_of_before_there_was_a_shadow_keep_their_hashes():
    plain, tried = governed_of(record()), governed_of(record(shadow=("budgets_json",)))

    assert "shadow_policies" not in document(plain)
    assert hash_of(plain) != hash_of(tried)
    for governed in (plain, tried):
        assert hash_of(governed) == hash_of(of_document(document(governed)))


def test_putting_a_policy_into_shadow_allows_more_and_taking_it_out_does_not():
    plain = Governed(name="a", role_name="b")
    tried = dataclasses.replace(plain, shadow_policies=("budgets_json",))

    assert ["/shadow_policies"] == loosened(plain, tried)
    assert [] == loosened(tried, plain)
