"""What a provider is sent of earlier thoughts, and how hard it is asked to think."""

import msgspec
import pytest
from support.chat_cases import USER, call, encoded, messages, result

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.request_in import decode_request
from monoize.gateway.protocol.chat.request_out import encode_request


def test_what_a_model_thought_is_only_sent_to_those_who_want_it():
    thought, text = urp.Reasoning(summary=("Hm.", "Yes.")), urp.Text(role="assistant", text="4")
    assert [{"role": "assistant", "content": "4"}] == messages(thought, text)
    assert [{"role": "assistant", "content": "4", "reasoning_content": "Hm.\n\nYes."}] == messages(
        thought, text, model="DeepSeek-V4"
    )


def test_deepseek_gets_its_thoughts_back_byte_for_byte():
    text = "  9.11 < 9.8 \n\n\t"
    said = messages(urp.Reasoning(content=text), call("a"), result("a"), model="deepseek-v4-pro")
    assert text == said[0]["reasoning_content"]


def test_what_others_encrypted_is_dropped_and_with_it_what_nobody_can_read():
    thought = urp.Reasoning(encrypted="c2VjcmV0", origin="messages")
    assert [{"role": "user", "content": "Hi"}] == messages(USER, thought, model="deepseek-chat")
    assert b"c2VjcmV0" not in msgspec.json.encode(messages(USER, thought, origin="chat"))


def test_replayed_details_keep_their_order_and_no_aliases_are_derived():
    details = [
        {"type": "reasoning.text", "text": "a", "signature": None, "id": None, "format": "unknown", "index": 0},
        {"type": "reasoning.text", "text": "b", "signature": "", "id": None, "format": "unknown", "index": 0},
        {"type": "reasoning.text", "text": "b", "signature": "", "id": None, "format": "unknown", "index": 0},
        {
            "type": "reasoning.encrypted",
            "data": "c2VjcmV0",
            "id": "rs_1",
            "format": "openai-responses-v1",
            "index": 3,
        },
        {"type": "reasoning.summary", "summary": "b", "format": "openai-responses-v1", "index": 3, "new": 1},
        {"type": "reasoning.later", "what": "?"},
    ]
    message = {"role": "assistant", "content": "4", "reasoning": "aa", "reasoning_details": details}
    written = encode_request(decode_request({"model": "m", "messages": [message]}), model="m", stream=False)
    assert [{"role": "assistant", "content": "4", "reasoning_details": details}] == written["messages"]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_goes_back_in_the_member_it_came_in(name: str):
    message = {"role": "assistant", "content": "4", name: "Hm."}
    body = {"model": "m", "messages": [message]}
    assert [message] == encode_request(decode_request(body), model="m", stream=False)["messages"]


@pytest.mark.parametrize(
    ("model", "effort", "members"),
    [
        ("gpt-5", "none", {}),
        ("gpt-5", "xhigh", {"reasoning_effort": "xhigh"}),
        ("gpt-5", "max", {"reasoning_effort": "max"}),
        ("deepseek-chat", "none", {"thinking": {"type": "disabled"}}),
        ("deepseek-chat", "minimal", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("deepseek-chat", "high", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("deepseek-chat", "xhigh", {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
        ("deepseek-chat", "max", {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
    ],
)
def test_efforts(model: str, effort: urp.Effort, members: urp.Json):
    body = encoded(model=model, reasoning=urp.ReasoningWish(effort=effort))
    assert members == {name: body[name] for name in ("thinking", "reasoning_effort", "reasoning") if name in body}


def test_a_budget_is_an_effort_here():
    assert "medium" == encoded(reasoning=urp.ReasoningWish(budget_tokens=4_096))["reasoning_effort"]
    assert "reasoning_effort" not in encoded(reasoning=urp.ReasoningWish(budget_tokens=-1))


def test_an_object_of_the_callers_own_is_the_only_carrier():
    wish, native = urp.ReasoningWish(effort="low"), {"effort": "high", "max_tokens": 5, "exclude": True}
    body = encoded(origin="chat", reasoning=wish, extra={"reasoning": native})
    assert {"effort": "low", "exclude": True} == body["reasoning"]
    assert "reasoning_effort" not in body
