"""What becomes of the answers of governed agents: texts in pieces, and calls of tools."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from gateway.govern.test_screening import with_pii, with_tools
from gateway.transforms.telling import output_of, pieces, response, said, told
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.governed import governed
from support.personal_data import KEY, TEXTS
from support.urp_strategies import assert_contract, responses, streams_of

from monoize.contract.gates.decision import Decision
from monoize.gateway.errors import PiiBlocked
from monoize.gateway.govern.content import retellings
from monoize.gateway.govern.told_texts import HELD_MOST
from monoize.gateway.protocol import urp
from monoize.gateway.transforms.retelling import Chain, told_again

MAIL = "ann@example.com"
OUTPUT = with_pii(scan=["output"])


def told_by(found: Any, events: Sequence[urp.StreamEvent]) -> tuple[list[urp.StreamEvent], list[Decision]]:
    decisions: list[Decision] = []
    return told(events, *retellings(found, decisions.append)), decisions


def heard(events: Sequence[urp.StreamEvent]) -> str:
    return "".join(each.text for each in events if isinstance(each, urp.TextDelta))


def called(*calls: urp.ToolCall) -> urp.Response:
    return urp.Response(id="r", model="m", output=calls, finish=urp.Finish(reason="tool_calls", native="tool_use"))


def call(name: str, **arguments: Any) -> urp.ToolCall:
    return urp.ToolCall(call_id=name, name=name, arguments=json.dumps(arguments))


@at_leisure
@given(TEXTS)
def test_text_is_told_as_the_whole_would_be_wherever_it_is_split(text: str):
    whole = told_again(response(said(text)), retellings(OUTPUT, lambda decision: None)).output

    for at in range(len(text) + 1):
        events, _ = told_by(OUTPUT, pieces(text[:at], text[at:]))
        assert (whole, whole[0].text) == (output_of(events), heard(events)), at
    events, _ = told_by(OUTPUT, pieces(*text))
    assert (whole, whole[0].text) == (output_of(events), heard(events))


def test_text_flows_while_it_is_looked_through():
    chain = Chain(retellings(OUTPUT, lambda decision: None))
    sent, words = "", f"this flows word by word until {MAIL} came, and goes on. ".split(" ")
    for event in pieces(*(f"{word} " for word in words)):
        sent += heard(chain.feed(event))
        if isinstance(event, urp.TextDelta) and event.text == "until ":
            assert sent.startswith("this flows word by ")
    assert "this flows word by word until [email] came, and goes on.  " == sent


def test_what_can_be_cut_nowhere_is_held_for_so_long_only():
    blob = "A1b2," * 4_000
    events, _ = told_by(OUTPUT, pieces(*(blob[at : at + 100] for at in range(0, len(blob), 100)), f" {MAIL}"))
    lengths = [len(each.text) for each in events if isinstance(each, urp.TextDelta)]

    assert blob + " [email]" == heard(events)
    assert len(lengths) > 3 and max(lengths) <= HELD_MOST + 200
    long_key = KEY.replace("abc def\n", "MIIEpAIBAAKCAQEA\n" * 600)
    assert "a\n[secret]\nb" == heard(told_by(OUTPUT, pieces(*f"a\n{long_key}\nb"))[0])


@at_leisure
@given(st.data(), st.sampled_from(["chat", "responses", "messages", "gemini"]))
def test_a_valid_stream_stays_one_and_says_what_the_whole_answer_would(data: st.DataObject, origin: Any):
    found = with_pii(scan=["output", "tool_args"])
    answer = data.draw(responses(origin))
    events, _ = told_by(found, data.draw(streams_of(answer, interleaved=True)))

    assert assert_contract(events) == told_again(answer, retellings(found, lambda decision: None))


def test_all_that_an_answer_says_is_looked_through_and_counted():
    item = urp.ProviderItem(origin="messages", role="assistant", item_type="x", body={"text": MAIL})
    thought = urp.Reasoning(content=MAIL, summary=(MAIL,), encrypted="seal", origin="messages")
    text = urp.Text(
        role="assistant", text="hi", extra={"logprobs": [{"token": MAIL}], "annotations": [{"title": MAIL}]}
    )
    answer = response(
        item, thought, text, urp.Refusal(text=MAIL), urp.ToolCall(call_id="c", name="t", arguments=f'"{MAIL}"')
    )
    decisions: list[Decision] = []
    found = with_pii(scan=["output", "tool_args"])
    again = told_again(answer, retellings(found, decisions.append))

    assert MAIL not in repr(again) and "seal" not in repr(again) and "logprobs" not in repr(again)
    assert {"pii_policy_json/output": 5} == {
        each.rule_id: each.numbers["email"]
        for each in decisions
        if each.gate == "content" and "output" in each.rule_id
    }


def test_a_block_ends_the_stream_as_a_failure_and_nothing_comes_after_it():
    found = with_pii(scan=["output"], types={"email": "block"})
    events, decisions = told_by(found, pieces("it is known that ", f"{MAIL} has ", "more to say, ", "much more"))

    assert isinstance(events[-1], urp.Failed) and ("pii_blocked", 422) == (events[-1].code, events[-1].status)
    assert "it is known that ".startswith(heard(events)) and 1 == len(
        [e for e in events if isinstance(e, urp.Failed)]
    )
    assert [("deny", {"email": 1})] == [(each.verdict, each.numbers) for each in decisions]
    with pytest.raises(PiiBlocked):
        told_again(response(said(MAIL)), retellings(found, decisions.append))
    tried = with_pii(scan=["output"], types={"email": "block"}, in_shadow=True)
    assert MAIL in heard(told_by(tried, pieces(MAIL))[0])


def test_only_the_calls_that_are_denied_go_and_the_answer_ends_as_what_is_left():
    rules = with_tools(
        {"tool": "*", "effect": "allow"},
        {"tool": "drop", "effect": "deny"},
        {"tool": "pay", "effect": "deny", "args": {"/usd": {"pattern": "[0-9]+"}}},
        {"tool": "deploy", "effect": "approve"},
        {"tool": "copy", "effect": "dry_run"},
    )
    calls = [call("read", n=1), call("drop"), call("deploy", to="x"), call("copy"), call("copy", dry_run=True)]
    decisions: list[Decision] = []
    again = told_again(called(*calls), retellings(rules, decisions.append))

    read, drop, deploy, copy, dry = again.output
    assert (calls[0], calls[4], "tool_calls") == (read, dry, again.finish.reason)
    assert "tool_denied" in drop.text and "drop" in drop.text and "dry_run_required" in copy.text
    assert "approval_required" in deploy.text and "POST /api/approvals" in deploy.text
    proposal = json.loads(deploy.text[deploy.text.index("{") :])
    assert {"kind": "tool", "subject": "deploy", "arguments": '{"to": "x"}'} == proposal
    assert ["tool_denied", "approval_required", "dry_run_required"] == [each.code for each in decisions]

    alone = told_again(called(call("pay", usd="5")), retellings(rules, decisions.append))
    assert urp.Finish(reason="stop") == alone.finish and isinstance(alone.output[0], urp.Text)
    assert isinstance(
        told_again(called(call("pay", usd="x")), retellings(rules, decisions.append)).output[0], urp.ToolCall
    )


@pytest.mark.parametrize("arguments", ['{"a": 1, "a": 2}', "[]", "{", '{"a": NaN}', "[" * 100_000])
def test_arguments_that_can_be_read_in_two_ways_are_those_of_no_call(arguments: str):
    rules = with_tools({"tool": "x", "effect": "deny"})
    answer = called(urp.ToolCall(call_id="c", name="t", arguments=arguments))

    assert "tool_denied" in told_again(answer, retellings(rules, lambda decision: None)).output[0].text


def test_people_are_asked_where_the_record_says_so():
    def passes(found: Any, name: str = "write") -> bool:
        again = told_again(called(call(name)), retellings(found, lambda decision: None))
        return isinstance(again.output[0], urp.ToolCall)

    allow, reads = {"tool": "*", "effect": "allow"}, {"tool": "get_*", "effect": "allow", "operations": ["read"]}
    assert passes(with_tools(allow))
    # Nobody has judged it, and what is only read needs nobody.
    assert not passes(with_tools(allow, safety_level="moderate"))
    assert passes(with_tools(allow, reads, safety_level="moderate"), "get_page")
    beforehand = {"auto_approve": [{"match": {"tools": ["write"]}}]}
    rules = {"tool_permissions_json": {"rules": [allow]}, "approvals_policy_json": beforehand}
    assert passes(governed(policies=rules, safety_level="moderate"))
    assert not passes(with_tools(allow, requires_human_approval=True))


def test_calls_that_would_be_denied_pass_while_the_rules_are_tried_out():
    rules = {"tool_permissions_json": {"rules": [{"tool": "*", "effect": "deny"}]}}
    decisions: list[Decision] = []
    answer = called(call("write"))
    found = governed(policies=rules, shadow=("tool_permissions_json",))

    assert answer.output == told_again(answer, retellings(found, decisions.append)).output
    assert [("would_deny", "tool_denied")] == [(each.verdict, each.code) for each in decisions]
