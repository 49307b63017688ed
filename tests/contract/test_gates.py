"""What the gates say to a request, without counting anything."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.governed import OWNER, governed, limited

from monoize.contract.gates.asked import Asked, Price
from monoize.contract.gates.bounds import room_for_output
from monoize.contract.gates.costs import call_most
from monoize.contract.gates.decision import Decision, denial, read, written
from monoize.contract.gates.models import is_blocked, may_ask_for
from monoize.contract.gates.order import decide
from monoize.contract.governed import Governed
from monoize.contract.policies.scope import RequiredRoles, TenantScope
from monoize.contract.stops import NOTHING_STOPPED, Stops

ORDER = ["kill_switch", "tenant", "auth", "roles", "model", "cost", "limits"]
EVERYBODY = TenantScope(owner=OWNER, is_global=True, reach="multi_tenant")
USD = 10**9


def asked(**changes: object) -> Asked:
    return Asked(**{"model": "gpt-4o", "input_tokens": 100, "output_tokens": 100, **changes})


def answer(
    found: Governed, stops: Stops = NOTHING_STOPPED, price: Price | None = None, **changes: object
) -> Decision:
    """The denial, or the last that was said."""
    decisions = decide(found, asked(**changes), price, stops)
    return denial(decisions) or decisions[-1]


def test_every_gate_says_what_it_has_let_pass_in_the_documented_order():
    decisions = decide(governed(), asked(), Price(10, 10))

    assert ORDER == [each.gate for each in decisions]
    assert all(each.verdict == "allow" and each.rule_id for each in decisions)


def test_nobody_is_above_a_stop():
    for stops, rule in (
        (Stops(globally="incident", tenants={OWNER: "x"}), "stops/global"),
        (Stops(tenants={OWNER: "unpaid"}), "stops/tenant"),
        (Stops(agents={"record-1": "loops"}), "stops/agent"),
    ):
        said = answer(governed(roles=("super_admin",), status="disabled"), stops)
        assert ("kill_switch", rule, "stopped") == (said.gate, said.rule_id, said.code)
    assert "allow" == answer(governed(), Stops(tenants={"other": "x"}, agents={"other": "x"})).verdict


@pytest.mark.parametrize(
    ("fields", "gate", "code"),
    [
        ({"status": "paused"}, "status", "agent_not_active"),
        # Blocked wins over allowed, whoever wrote that.
        pytest.param(
            {"scope": msgspec.structs.replace(EVERYBODY, allowed=(OWNER,), blocked=(OWNER,))},
            "tenant",
            "tenant_blocked",
            marks=pytest.mark.case(47),
        ),
        pytest.param({"tenant_id": "t2"}, "tenant", "agent_record_not_found", marks=pytest.mark.case(48)),
        pytest.param(
            {"tenant_id": "t3", "scope": msgspec.structs.replace(EVERYBODY, allowed=("t2",))},
            "tenant",
            "tenant_not_allowed",
            marks=pytest.mark.case(48),
        ),
        (
            {"tenant_id": "t2", "scope": msgspec.structs.replace(EVERYBODY, reach="platform")},
            "tenant",
            "platform_only",
        ),
        ({"auth_strategy": "mtls"}, "auth", "auth_strategy_required"),
        ({"required_roles": RequiredRoles(("admin", "super_admin"))}, "roles", "role_required"),
    ],
)
def test_who_may_not_use_the_agent_is_told_by_which_rule(fields, gate, code):
    said = answer(governed(**fields))

    assert (gate, code, "deny") == (said.gate, said.code, said.verdict)


@pytest.mark.case(48)
def test_a_shared_agent_serves_whom_its_record_admits():
    for allowed in ((), ("t2",), ("*",)):
        scope = msgspec.structs.replace(EVERYBODY, allowed=allowed)
        assert "allow" == answer(governed(tenant_id="t2", scope=scope)).verdict


def test_models_are_judged_by_name_and_the_answer_says_which_would_do():
    found = governed(policies={"model_policy_json": {"allowed_models": ["gpt-*"], "blocked_models": ["*-mini"]}})

    assert "allow" == answer(found, model="gpt-4o").verdict
    for model, field in (("claude-x", "allowed_models"), ("gpt-4o-mini", "blocked_models")):
        said = answer(found, model=model)
        assert ("model_not_allowed", f"model_policy_json/{field}") == (said.code, said.rule_id)
        assert ("gpt-*",) == said.allowed
        assert not may_ask_for(found.policy, model)
    assert is_blocked(found.policy, "vendor/gpt-4o-mini") and not is_blocked(found.policy, "claude-x")


@pytest.mark.parametrize(
    ("policy", "changes", "field", "code"),
    [
        ({"max_input_tokens": 99}, {}, "max_input_tokens", "request_too_large"),
        ({"max_output_tokens": 99}, {}, "max_output_tokens", "request_too_large"),
        ({"max_output_tokens": 0}, {"output_tokens": None}, "max_output_tokens", "request_too_large"),
        ({}, {"fast": True}, "speed", "fast_not_allowed"),
        ({"inference_geo": "us"}, {}, "inference_geo", "inference_geo_required"),
        ({"effort": "low"}, {"effort": "medium"}, "effort", "effort_not_allowed"),
    ],
)
def test_models_are_not_asked_for_more_than_the_policy_says(policy, changes, field, code):
    said = answer(governed(policies={"model_policy_json": policy}), **changes)

    assert (f"model_policy_json/{field}", code) == (said.rule_id, said.code)


@pytest.mark.parametrize(
    ("policy", "changes", "field", "code"),
    [
        ({}, {"fast": True}, "allow_fast", "fast_not_allowed"),
        ({}, {"is_long_context": True}, "allow_long_context", "long_context_not_allowed"),
        ({"max_web_searches_per_call": 2}, {"web_searches": 3}, "max_web_searches_per_call", None),
        ({"max_cost_per_call_usd": "0.05"}, {}, "max_cost_per_call_usd", "call_cost_cap"),
    ],
)
def test_a_request_that_may_cost_too_much_is_refused(policy, changes, field, code):
    policies = {"cost_policy_json": policy, "model_policy_json": {"speed": "fast"}}
    said = answer(governed(policies=policies), price=Price(6 * USD // 100, 6 * USD // 100), **changes)

    assert f"cost_policy_json/{field}" == said.rule_id
    assert said.verdict == "deny" and code in (None, said.code)


def test_what_can_be_cut_to_its_cap_is_not_refused():
    window = {"id": "w", "period": "call", "limit_usd": "0.05", "scope": {"model": "gpt-*"}}
    found = governed(policies={"budgets_json": {"windows": [window]}})

    assert "allow" == answer(found, price=Price(6 * USD, 5 * USD // 100)).verdict
    said = answer(found, price=Price(6 * USD, 5 * USD // 100 + 1))
    assert ("budgets_json/windows/w", "call_cost_cap") == (said.rule_id, said.code)
    assert {"limit_nano_usd": 50_000_000, "asked_nano_usd": 50_000_001} == said.numbers
    assert 50_000_000 == call_most(found.policy, "gpt-4o") and call_most(found.policy, "claude") is None


@pytest.mark.case(42)
def test_tokens_of_one_request_are_bounded_with_the_answer():
    found = governed(limits=limited(max_tokens_per_request=1_000))

    assert "allow" == answer(found, input_tokens=500, output_tokens=500).verdict
    said = answer(found, input_tokens=500, output_tokens=501)
    assert ("limits", "request_too_large", {"limit": 1_000, "asked": 1_001}) == (said.gate, said.code, said.numbers)
    # Where no length was said, the answer is cut to what is left.
    assert "allow" == answer(found, input_tokens=999, output_tokens=None).verdict
    assert 1 == room_for_output(found, 999)
    assert "deny" == answer(found, input_tokens=1_000, output_tokens=None).verdict
    assert "limits_corrupt" == answer(governed(limits=limited(is_corrupt=True))).code


def test_a_policy_in_shadow_refuses_nothing_and_says_what_it_would_have():
    found = governed(
        policies={"model_policy_json": {"allowed_models": ["claude-*"]}}, shadow=("model_policy_json",)
    )
    decisions = decide(found, asked(), Price(1, 1))

    assert denial(decisions) is None
    (said,) = [each for each in decisions if each.verdict == "would_deny"]
    assert ("model", "model_policy_json/allowed_models") == (said.gate, said.rule_id)
    assert may_ask_for(found.policy, "gpt-4o")
    # Not even its defaults hold.
    silenced = governed(policies={"cost_policy_json": {}}, shadow=("cost_policy_json",))
    assert denial(decide(silenced, asked(fast=True), Price(1, 1))) is None


@given(
    st.lists(
        st.builds(
            Decision,
            gate=st.sampled_from(ORDER),
            rule_id=st.text(max_size=20),
            verdict=st.sampled_from(["allow", "deny", "would_deny"]),
            numbers=st.dictionaries(st.text(max_size=5), st.integers(0, 2**53), max_size=3),
            allowed=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        ),
        max_size=5,
    )
)
def test_decisions_are_kept_as_they_were_said(decisions):
    assert tuple(decisions) == read(written(decisions))


def test_what_is_no_list_of_decisions_says_nothing():
    for text in (None, "", "{", "[]", '[{"gate": "nowhere"}]', "\x00"):
        assert () == read(text)


def test_the_first_gate_that_denies_answers_whatever_those_behind_it_would_say():
    bad = [
        {"status": "paused"},
        {"auth_strategy": "mtls"},
        {"required_roles": RequiredRoles(("admin",))},
        {"policies": {"model_policy_json": {"blocked_models": ["*"]}}},
        {"limits": limited(max_tokens_per_request=1)},
    ]
    for first, later in itertools.combinations(bad, 2):
        alone = answer(governed(**first))
        assert alone == answer(governed(**{**later, **first}))
