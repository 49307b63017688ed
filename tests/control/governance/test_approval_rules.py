"""When an action waits for people, what it takes, and who they are."""

import dataclasses
import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.canonical import canonical_hash
from monoize.base.principal import Principal
from monoize.contract.approvals import Action, Approvers, Terms, is_needed, risk_of, terms_of
from monoize.contract.policies.approvals import Approvals
from monoize.contract.policies.catalogue import Policies
from monoize.contract.policies.effective import EffectivePolicy, Source
from monoize.contract.policies.notification import NotificationPolicy
from monoize.contract.policies.scope import RequiredRoles, TenantScope
from monoize.contract.policies.words import SEVERITIES
from monoize.control.governance.model.approvals import (
    OPEN,
    REDACTED,
    TRANSITIONS,
    Approval,
    ApproverGroup,
    is_in_person,
    is_within,
    may_decide,
    may_see,
    redacted,
)
from monoize.control.governance.model.ladder import Contacts, next_rung_at, pause_after, recipients

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def policy(safety: str = "permissive", *, human: bool = False, **approvals: object) -> EffectivePolicy:
    found = msgspec.convert(approvals, Approvals)
    return EffectivePolicy(
        name="a",
        role_name="worker",
        status="active",
        mode="worker",
        safety_level=safety,
        scope=TenantScope(owner="t", is_global=False, reach="single_tenant"),
        auth_strategy="session",
        required_roles=RequiredRoles(),
        requires_human_approval=human,
        telemetry_enabled=True,
        policies=Policies(approvals_policy_json=found),
        sources=(Source("c", 1, "h"),),
    )


def action(**changes: object) -> Action:
    return Action(**{"kind": "tool", "subject": "d1_execute", **changes})


def rule(match: dict[str, object], **approvers: object) -> dict[str, object]:
    outside = {name: approvers.pop(name) for name in ("ttl", "second_factor") if name in approvers}
    return {"match": match, "approvers": approvers, **outside}


@pytest.mark.parametrize(
    ("changes", "risk"),
    [
        ({}, "high"),
        ({"risk": "low"}, "low"),
        ({"risk": "low", "environment": "production"}, "medium"),
        ({"risk": "low", "environment": "prod-eu"}, "medium"),
        ({"risk": "low", "environment": "products"}, "low"),
        ({"risk": "low", "affected_count": 21}, "medium"),
        ({"risk": "medium", "environment": "prod", "affected_count": 21}, "critical"),
        ({"risk": "critical", "environment": "prod"}, "critical"),
        ({"risk": "none", "is_irreversible": True}, "critical"),
    ],
)
def test_risk_is_high_where_nobody_said_and_grows_with_what_is_at_stake(changes: dict[str, object], risk: str):
    assert risk == risk_of(action(**changes))


def test_an_agent_that_needs_a_human_needs_one_for_all_that_changes_something():
    assert is_needed(action(risk="none"), policy(human=True), now_s=0)
    assert not is_needed(action(risk="none", is_read_only=True), policy(human=True), now_s=0)
    assert not is_needed(action(risk="none"), policy(), now_s=0)


def test_the_safety_level_demands_whatever_policies_say():
    assert is_needed(action(risk="none"), policy("strict"), now_s=0)
    assert not is_needed(action(risk="none"), policy("moderate"), now_s=0)
    assert is_needed(action(risk="none", kind="deploy", subject="x"), policy("moderate"), now_s=0)
    assert 2 == terms_of(action(kind="deploy", is_irreversible=True), policy("strict")).needed


def test_what_was_approved_beforehand_needs_nobody_but_critical_things_do():
    beforehand = {"match": {"tools": ["d1_*"], "environments": ["staging"]}, "max_cost_usd": "1", "until": 100}
    found = policy("moderate", human=True, auto_approve=[beforehand])
    here = {"environment": "staging", "est_cost_nano": 10**9}

    assert not is_needed(action(**here), found, now_s=99)
    assert is_needed(action(**here), found, now_s=100)
    assert is_needed(action(**{**here, "est_cost_nano": 10**9 + 1}), found, now_s=0)
    assert is_needed(action(**{**here, "est_cost_nano": None}), found, now_s=0)
    assert is_needed(action(**{**here, "environment": None}), found, now_s=0)
    assert is_needed(action(**{**here, "subject": "r2_put"}), found, now_s=0)
    assert is_needed(action(**here, risk="critical"), found, now_s=0)


def test_the_strictest_of_all_rules_that_match_holds():
    rules = [
        rule({"tools": ["d1_*"]}, min=2, roles=["admin"], ttl=600),
        rule({"risk_at_least": "high"}, users=["u1"], second_factor=True),
        rule({"operations": ["r2_*"]}, min=5),
    ]
    found = terms_of(action(), policy(rules=rules, default_ttl=900), needed=1, ttls_s=(700,))

    assert (
        Terms(
            risk="high",
            needed=2,
            approvers=(Approvers(("admin",), ()), Approvers((), ("u1",))),
            ttl_s=600,
            needs_second_factor=True,
        )
        == found
    )
    assert 3 == terms_of(action(), policy(rules=rules), needed=3).needed
    assert 60 == terms_of(action(), policy(), ttls_s=(60,)).ttl_s


def test_leaving_something_out_does_not_avoid_a_rule():
    rules = [rule({"cost_over_usd": "5", "environments": ["production"]}, min=4)]

    def needed(**changes: object) -> int:
        return terms_of(action(risk="low", **changes), policy(rules=rules)).needed

    assert (4, 4, 4) == (needed(), needed(environment="production"), needed(est_cost_nano=6 * 10**9))
    assert 1 == needed(environment="staging")
    assert 1 == needed(environment="production", est_cost_nano=5 * 10**9)


@given(
    needed=st.integers(1, 5),
    risk=st.sampled_from(SEVERITIES),
    minimum=st.integers(1, 5),
    ttl=st.integers(60, 604_800),
    wanted=st.integers(60, 604_800),
)
def test_a_requester_can_make_it_stricter_and_never_looser(
    needed: int, risk: str, minimum: int, ttl: int, wanted: int
):
    found = policy(rules=[rule({}, min=minimum)], default_ttl=ttl)
    asked, without = terms_of(action(risk=risk), found, needed=needed, ttls_s=(wanted,)), terms_of(action(), found)

    assert asked.needed >= max(minimum, needed)
    assert asked.ttl_s == min(ttl, wanted) <= without.ttl_s


def person(role: str = "user", user_id: str = "u1", **changes: object) -> Principal:
    values = {"kind": "user", "name": "n", "tenant_id": "t", "permissions": frozenset(), "session_id": "s"}
    return Principal(**{**values, "id": user_id, "user_id": user_id, "role": role} | changes)


def approval(**changes: object) -> Approval:
    nothing = {field.name: None for field in dataclasses.fields(Approval)}
    known = {"tenant_id": "t", "requester": "token:7", "approvers": (), "needed": 1, "needs_second_factor": False}
    return Approval(**{**nothing, **known, **changes})


def test_without_names_administrators_decide_and_with_names_whoever_is_in_every_group():
    assert may_decide(approval(), person("admin")) and not may_decide(approval(), person("user"))
    groups = (ApproverGroup(("admin", "user"), ()), ApproverGroup((), ("u1",)))
    assert may_decide(approval(approvers=groups), person("user", "u1"))
    assert not may_decide(approval(approvers=groups), person("admin", "u2"))
    assert not may_decide(approval(approvers=(ApproverGroup(("adm*",), ()),)), person("user", "u1"))


def test_an_approval_is_seen_by_administrators_those_named_and_whoever_asked_in_their_tenant():
    named = approval(approvers=(ApproverGroup((), ("u1",)),))
    program = dataclasses.replace(person("deployer", "7", kind="token"), user_id=None)

    assert (
        may_see(named, person("admin", "u9")) and may_see(named, person("user", "u1")) and may_see(named, program)
    )
    assert not may_see(named, person("user", "u2"))
    for viewer in (person("super_admin"), person("user", "u1"), program):
        assert not may_see(named, dataclasses.replace(viewer, tenant_id="other"))


def test_only_somebody_signed_in_themselves_is_there_in_person():
    assert is_in_person(person())
    assert not is_in_person(person(session_id=None))
    assert not is_in_person(person(via="token:ci"))
    assert not is_in_person(person(kind="api_key"))


def test_stricter_rules_than_those_it_was_granted_under_are_not_met():
    granted = approval(needed=2, approvers=(ApproverGroup(("admin",), ()),))
    terms = Terms(risk="low", needed=2, approvers=(Approvers(("admin",), ()),), ttl_s=1, needs_second_factor=False)

    assert is_within(terms, granted)
    assert is_within(msgspec.structs.replace(terms, needed=1, approvers=()), granted)
    assert not is_within(msgspec.structs.replace(terms, needed=3), granted)
    assert not is_within(msgspec.structs.replace(terms, needs_second_factor=True), granted)
    assert not is_within(msgspec.structs.replace(terms, approvers=(Approvers((), ("u1",)),)), granted)


def test_nothing_follows_what_is_over_and_only_open_ones_expire():
    assert set(TRANSITIONS) == {"pending", "approved", "consumed"}
    assert set(OPEN) == {before for before, after in TRANSITIONS.items() if "expired" in after}


def test_equal_arguments_have_one_hash_however_they_are_written():
    assert canonical_hash({"a": 1, "b": 2}) == canonical_hash({"b": 2, "a": 1.0})
    assert "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777" == canonical_hash({"a": 1, "b": 2})
    assert canonical_hash({"a": 1, "b": 2}) != canonical_hash({"a": 1, "b": 3})


def test_what_people_are_shown_holds_no_secrets():
    arguments = {
        "sql": "SELECT 1",
        "Password": "hunter2",
        "nested": [{"api_key": {"x": 1}, "note": "use sk-0123456789abcdef now"}],
        "header": "Bearer abc.def",
        "n": 5,
    }

    assert {
        "sql": "SELECT 1",
        "Password": REDACTED,
        "nested": [{"api_key": REDACTED, "note": f"use {REDACTED} now"}],
        "header": REDACTED,
        "n": 5,
    } == redacted(arguments)


CONTACTS = Contacts("owner@x", "user@x", ("a@x", "owner@x"), "backup@x", "boss@x")


def test_the_owner_is_told_at_once_then_the_backup_then_those_above():
    told = [recipients(NotificationPolicy(), CONTACTS, "approval_requested", rung) for rung in range(3)]

    assert [("email", "owner@x"), ("email", "a@x")] == told[0]
    assert [[("email", "backup@x")], [("email", "boss@x")]] == told[1:]
    moments = [next_rung_at(NOW, NotificationPolicy(), rung) for rung in range(3)]
    assert [NOW + dt.timedelta(seconds=900), NOW + dt.timedelta(seconds=1800), None] == moments


def test_without_an_owner_the_user_is_told_and_the_policy_may_name_others_at_once():
    ownerless = dataclasses.replace(CONTACTS, owner=None, additional=())
    assert [("email", "user@x")] == recipients(NotificationPolicy(), ownerless, "approval_requested", 0)

    named = msgspec.convert(
        {
            "channels": {"email": True, "webhook": "https://hooks.example.com/x"},
            "events": {"approval_requested": ["escalation", "user"]},
        },
        NotificationPolicy,
    )
    assert [("email", "boss@x"), ("email", "user@x"), ("webhook", "https://hooks.example.com/x")] == recipients(
        named, CONTACTS, "approval_requested", 0
    )
    assert [("email", "backup@x")] == recipients(named, CONTACTS, "approval_requested", 1)
    silent = msgspec.convert({"channels": {"email": False}}, NotificationPolicy)
    assert [] == recipients(silent, CONTACTS, "approval_requested", 0)


def test_three_attempts_are_made():
    assert [True, True, False] == [pause_after(attempt) is not None for attempt in (1, 2, 3)]
