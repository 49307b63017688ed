"""A draft of a record is judged by the requests that were made, and nothing comes of it but an answer."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import insert
from support.answers import granted, refusal
from support.governed import governed, limited
from support.house import Client, RunningHouse
from support.rows import last_seq

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.contract.captures import Capture, LeftOut, Message
from monoize.control.governance.actions.counting import Counting
from monoize.control.governance.model.replay import EXAMPLES_MOST, PolicyTest, Versions
from monoize.control.governance.model.replay import replayed as replayed_by
from monoize.control.ledger.model.requests import RecordedRequest
from monoize.control.ledger.tables import request_logs
from monoize.gateway.govern.rehearsal import Rehearsal

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def replayed(
    requests: Sequence[RecordedRequest],
    versions: Mapping[str, Versions],
    *,
    complete: bool = True,
    captures: Mapping[str, bytes] | None = None,
    began: dt.datetime = NOW - dt.timedelta(days=400),
) -> PolicyTest:
    judges = [Counting(Rehearsal(), (captures or {}).get, began_s=int(began.timestamp())).judged for _ in range(2)]
    return replayed_by(requests, versions, *judges, complete=complete)


def request(number: int, model: str = "m", user: str = "u", **known: Any) -> RecordedRequest:
    facts = {"input_tokens": 100, "output_tokens": 10, "charge_nano_usd": 5_000, "at": NOW, **known}
    return RecordedRequest(request_id=f"r{number}", user_id=user, model=model, **facts)


def blocking(*globs: str) -> Any:
    return governed(policies={"model_policy_json": {"blocked_models": list(globs), "speed": "fast"}})


def test_what_is_judged_otherwise_is_told_by_rule_with_the_newest_first():
    versions = {"u": Versions(blocking("old-*"), blocking("new-*"))}
    requests = [
        # The newest come first.
        *(request(number, "new-1") for number in range(EXAMPLES_MOST + 2)),
        request(50, "old-1"),
        request(51, "other"),
        request(52, "new-1", user="gone"),
    ]

    found = replayed(requests, versions, complete=True)

    (denied,), (allowed,) = found.newly_denied, found.newly_allowed
    assert ("model", "model_policy_json/blocked_models", EXAMPLES_MOST + 2) == (
        denied.gate,
        denied.rule_id,
        denied.requests,
    )
    assert [f"r{number}" for number in range(EXAMPLES_MOST)] == [each.request_id for each in denied.examples]
    assert ["r50"] == [each.request_id for each in allowed.examples]
    assert (1, len(requests), []) == (found.unknown, found.requests, found.would_deny)


def test_lengths_costs_and_shadows_are_judged_as_far_as_they_are_known():
    cap = {"cost_policy_json": {"max_cost_per_call_usd": "0.000004", "allow_fast": True}}
    drafts = {
        "call_cost_cap": governed(policies=cap),
        "request_too_large": governed(limits=limited(max_tokens_per_request=105)),
    }
    for code, draft in drafts.items():
        known, unknown = request(1), request(2, input_tokens=0, output_tokens=None, charge_nano_usd=None)
        found = replayed([known, unknown], {"u": Versions(governed(), draft)}, complete=True)
        assert [(code, 1)] == [(each.code, each.requests) for each in found.newly_denied]
    tried = governed(policies=cap, shadow=("cost_policy_json",))
    found = replayed([request(1)], {"u": Versions(governed(), tried)}, complete=True)
    assert ([], ["call_cost_cap"]) == (found.newly_denied, [each.code for each in found.would_deny])


def reasons_of(found: PolicyTest, gate: str) -> list[str]:
    return [each.reason for each in found.not_replayed if each.gate == gate]


def in_seconds(*seconds: float, **known: Any) -> list[RecordedRequest]:
    """Requests at these seconds, newest first."""
    made = [request(n, at=NOW + dt.timedelta(seconds=s), **known) for n, s in enumerate(seconds)]
    return made[::-1]


def test_rates_are_counted_once_more_in_the_order_in_which_requests_were_made():
    draft = governed(policies={"rate_limits_json": {"requests_per_minute": 2}})

    found = replayed(in_seconds(0, 10, 50, 60, 61), {"u": Versions(governed(), draft)})

    (denied,) = found.newly_denied
    assert ("rate", "rate_limits_json/requests_per_minute", "rate_limited", 2) == (
        *(denied.gate, denied.rule_id, denied.code, denied.requests),
    )
    # At 50 there are two within the minute, at 60 the first is gone; so there is no room at 61.
    assert ["r4", "r2"] == [each.request_id for each in denied.examples]
    assert [] == replayed(in_seconds(0, 10, 50), {"u": Versions(draft, draft)}).newly_denied
    (allowed,) = replayed(in_seconds(0, 10, 50), {"u": Versions(draft, governed())}).newly_allowed
    assert 1 == allowed.requests


def test_budgets_are_spent_once_more_window_by_window_and_what_was_denied_spends_nothing():
    day = {"id": "d", "period": "day", "limit_usd": "0.00001"}
    draft = governed(policies={"budgets_json": {"windows": [day]}})
    tomorrow = 86_400

    found = replayed(in_seconds(0, 1, 2, 3, tomorrow), {"u": Versions(governed(), draft)})

    (denied,) = found.newly_denied
    assert ("budget", "budgets_json/windows/d", "budget_exceeded", ["r3", "r2"]) == (
        *(denied.gate, denied.rule_id, denied.code, [each.request_id for each in denied.examples]),
    )
    assert [] == reasons_of(found, "budget")
    begun = replayed(in_seconds(0), {"u": Versions(governed(), draft)}, began=NOW)
    assert ["began_before"] == reasons_of(begun, "budget")
    unknown = replayed(in_seconds(0, charge_nano_usd=None), {"u": Versions(governed(), draft)})
    assert (["no_cost"], ["no_cost"]) == (reasons_of(unknown, "budget"), reasons_of(unknown, "cost"))


def test_tools_and_content_are_judged_by_captures_and_where_there_are_none_that_is_said():
    rules = {"rules": [{"tool": "shell", "effect": "deny"}, {"tool": "read", "effect": "allow"}]}
    hosts = {"hosts_allow": ["example.com"]}
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("shell", "read")]
    insists = {"type": "function", "function": {"name": "shell"}}
    image = [{"type": "image_url", "image_url": {"url": "https://evil.test/a.png"}}]
    call = {"id": "c", "type": "function", "function": {"name": "shell", "arguments": "{}"}}
    plain = [{"role": "user", "content": "hello"}]
    captures = {
        "r0": captured({"messages": plain, "tools": tools, "tool_choice": insists}),
        "r1": captured({"messages": plain, "tools": tools}),
        "r2": captured({"messages": [{"role": "user", "content": image}]}),
        "r3": captured({"messages": plain, "tools": tools}, {"role": "assistant", "tool_calls": [call]}),
        "r4": captured({"messages": plain}, left_out=LeftOut(bytes=9)),
        "r5": b"no capture",
    }
    draft = governed(
        safety_level="permissive",
        policies={
            "tool_permissions_json": rules,
            "security_policy_json": hosts,
            "pii_policy_json": {"scan": []},
        },
    )

    found = replayed(
        in_seconds(*range(7)), {"u": Versions(governed(safety_level="permissive"), draft)}, captures=captures
    )

    assert {
        ("tools", "tool_permissions_json/shell", "tool_denied"): {"r0", "r3"},
        ("content", "security_policy_json/hosts_allow", "security_denied"): {"r2"},
    } == {
        (each.gate, each.rule_id, each.code): {example.request_id for example in each.examples}
        for each in found.newly_denied
    }
    assert {
        (gate, reason, id)
        for gate in ("tools", "content")
        for reason, id in (("capture_incomplete", "r4"), ("capture_unreadable", "r5"), ("no_capture", "r6"))
    } == {(each.gate, each.reason, example.request_id) for each in found.not_replayed for example in each.examples}
    assert {"tools": "no_capture", "content": "no_capture"} == next(
        each.examples[0].not_replayed for each in found.not_replayed if each.reason == "no_capture"
    )


def captured(
    asked: dict[str, Any], told: dict[str, Any] | None = None, *, left_out: LeftOut | None = None
) -> bytes:
    message = {"role": "assistant", "content": "hi", **(told or {})}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return msgspec.json.encode(
        Capture(
            request_id="r",
            at_ms=int(NOW.timestamp() * 1000),
            user_id="u",
            api_key_id="k",
            protocol="chat",
            asked=Message(body=json.dumps({"model": "m", **asked})),
            told=Message(headers=[("content-type", "application/json")], body=json.dumps(answer)),
            left_out=left_out,
        )
    )


async def requested(house: RunningHouse, root: Client, record_id: str, model: str, age: dt.timedelta) -> None:
    at = utc_now() - age
    row = {"id": new_id(), "request_id": new_id(), "user_id": root.user["id"], "agent_record_id": record_id}
    when = {"created_at": at, "created_at_unix_ms": int(at.timestamp() * 1000)}
    async with house.house.database.write() as tx:
        counted = {"input_tokens": 10, "output_tokens": 5, "charge_nano_usd": 10}
        await tx.execute(insert(request_logs).values(**row, **when, **counted, model=model))


async def test_a_draft_is_tried_on_every_engine_and_writes_nothing(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    body = {"name": "sam", "role_name": "helper", "required_roles": [], "auth_strategy": "api_key"}
    record = granted(await root.post("/api/agent-records", json=body))
    granted(await root.post("/api/agent-limits", json={"agent_role_id": "helper", "cost_tier": "unlimited"}))
    for model, days in (("gpt-1", 1), ("gpt-1", 9), ("other", 2)):
        await requested(house, root, record["id"], model, dt.timedelta(days=days))
    before, path = await last_seq(house.house.database), f"/api/agent-records/{record['id']}/test"

    draft = {"policies": {"model_policy_json": {"blocked_models": ["gpt-*"]}}}
    found = granted(await root.post(path, json=draft))

    assert (2, True, []) == (found["requests"], found["complete"], found["newly_allowed"])
    assert [("model", "model_not_allowed", 1)] == [
        (each["gate"], each["code"], each["requests"]) for each in found["newly_denied"]
    ]
    since = (utc_now() - dt.timedelta(days=10)).isoformat()
    assert 2 == granted(await root.post(path, json={**draft, "since": since}))["newly_denied"][0]["requests"]
    roles = granted(await root.post(path, json={"required_roles": ["auditor"]}))
    assert ["role_required"] == [each["code"] for each in roles["newly_denied"]]
    long = await root.post(path, json={"since": "2020-01-01T00:00:00Z"})
    assert (422, "replay_too_long") == refusal(long)
    wrong = await root.post(path, json={"policies": {"rate_limits_json": {"burst": -1}}})
    assert (400, "policy_invalid") == refusal(wrong)
    assert before == await last_seq(house.house.database)
    assert record == granted(await root.get(f"/api/agent-records/{record['id']}"))
