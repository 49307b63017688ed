"""What was thought, told otherwise."""

import itertools

import msgspec
import pytest
from gateway.transforms.telling import (
    ABOUT,
    changed,
    output_of,
    pieces,
    request,
    response,
    retelling,
    said,
    told,
    user,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.gateway.dialects import CHAT
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.naming import Naming

THOUGHT = urp.Reasoning(content="Let me see.")
SUMMARY = urp.Reasoning(summary=("First.", "Second."))
SEALED = urp.Reasoning(summary=("Hm.",), encrypted="c2VhbGVk", origin="messages")
ANSWER = said("Yes.")
CHAT_CALLER = msgspec.structs.replace(ABOUT, caller="chat")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("<think>Hm.</think>Yes.", (urp.Reasoning(content="Hm."), said("Yes."))),
        ("  <think>Hm.</think>\n\nYes.", (urp.Reasoning(content="Hm."), said("Yes."))),
        ("<think>a</think><think>b</think>c", (urp.Reasoning(content="a"), urp.Reasoning(content="b"), said("c"))),
        ("<think>\n\n</think>\n\nYes.", (said("Yes."),)),
        ("<think>cut off", (urp.Reasoning(content="cut off"),)),
        ("<think>Hm.</think>\n", (urp.Reasoning(content="Hm."),)),
        ("  Write <think> first.", (said("  Write <think> first."),)),
        ("Tags: <think>x</think>", (said("Tags: <think>x</think>"),)),
        ("<thinker>x", (said("<thinker>x"),)),
        ("<think", (said("<think"),)),
        ("", (said(""),)),
    ],
)
def test_what_an_answer_begins_with_in_tags_was_thought(output: str, expected: tuple[urp.Node, ...]):
    assert expected == whole("think_xml_to_reasoning", [said(output)])


@at_leisure
@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "/", "think>", " ", "\n", "hm"]), max_size=9).map(
        "".join
    ),
    st.data(),
)
def test_tags_are_found_wherever_they_are_cut(text: str, data: st.DataObject):
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6))), len(text)]
    cut = [text[start:end] for start, end in itertools.pairwise(cuts)]

    told_in_pieces = output_of(told(pieces(*cut), retelling("think_xml_to_reasoning")))
    assert told_in_pieces == whole("think_xml_to_reasoning", [said(text)])


def test_nothing_is_held_back_that_cannot_be_a_tag():
    events = told(pieces("<think>so</thi", "s is", "</think>", "it"), retelling("think_xml_to_reasoning"))
    heard = [event.text for event in events if isinstance(event, urp.TextDelta | urp.ReasoningDelta)]

    assert ["so", "</this is", "it"] == heard


def test_thoughts_become_text_in_tags_before_the_answer_and_back_again():
    in_tags = whole("reasoning_to_think_xml", [THOUGHT, ANSWER], tag="thought")

    assert (said("<thought>Let me see.</thought>"), ANSWER) == in_tags
    assert (THOUGHT, ANSWER) == whole("think_xml_to_reasoning", in_tags, tag="thought")


def test_what_cannot_be_read_is_not_put_between_tags():
    sealed = urp.Reasoning(encrypted="c2VhbGVk", origin="responses")

    assert (sealed, ANSWER) == whole("reasoning_to_think_xml", [sealed, ANSWER])
    assert (said("<think>First.\n\nSecond.</think>"),) == whole("reasoning_to_think_xml", [SUMMARY])


def test_thoughts_stream_between_their_tags():
    events: list[urp.StreamEvent] = [
        urp.Started(id="r", model="m"),
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="First.", summary_index=0),
        urp.ReasoningDelta(index=0, text="Second.", summary_index=1),
        urp.NodeDone(index=0, node=SUMMARY),
        urp.Done(response=response(SUMMARY)),
    ]
    heard = [
        each.text for each in told(events, retelling("reasoning_to_think_xml")) if isinstance(each, urp.TextDelta)
    ]

    assert ["<think>", "First.", "\n\nSecond.", "</think>"] == heard


def test_thoughts_can_be_left_out():
    assert (ANSWER,) == whole("strip_reasoning", [THOUGHT, ANSWER, SEALED])


def test_what_is_sealed_can_be_left_out_and_the_rest_stays():
    redacted = urp.Reasoning(encrypted="x", origin="messages", extra={"type": "redacted_thinking"})
    call = urp.ToolCall(call_id="c", name="f", arguments="{}", encrypted="sig", origin="gemini")
    open_one, nothing, same = whole("strip_encrypted_reasoning", [SEALED, redacted, call])

    assert urp.Reasoning(summary=("Hm.",)) == open_one
    assert urp.Reasoning() == nothing
    assert call == same


def test_a_thought_becomes_its_summary_and_a_summary_the_thought():
    both = urp.Reasoning(content="All of it.", summary=("Short.",))

    assert (urp.Reasoning(summary=("All of it.",)), SUMMARY) == whole(
        "plaintext_reasoning_to_summary", [both, SUMMARY]
    )
    raw = whole("reasoning_summary_to_raw_cot", [both, SUMMARY])
    assert (both, urp.Reasoning(content="First.\n\nSecond.")) == raw


@pytest.mark.parametrize("thought", [THOUGHT, SUMMARY, SEALED], ids=["content", "summary", "sealed"])
def test_callers_of_chat_can_read_thoughts_in_one_more_member(thought: urp.Reasoning):
    naming, asked = Naming(response_id="r", created_at=1), urp.Request(model="m", input=(), origin="chat")
    [marked] = whole("reasoning_content_delta", [thought], about=CHAT_CALLER)
    message = CHAT.written(response(marked), naming, asked)["choices"][0]["message"]

    assert message["reasoning"] == message["reasoning_content"]
    assert message["reasoning_details"]
    plain = CHAT.written(response(thought), naming, asked)["choices"][0]["message"]
    assert plain == {name: value for name, value in message.items() if name != "reasoning_content"}


def test_other_callers_get_no_member_of_chat():
    assert (THOUGHT,) == whole("reasoning_content_delta", [THOUGHT])


def test_earlier_thoughts_can_be_left_out():
    asked = changed("strip_input_reasoning", request(user("Hi"), THOUGHT, ANSWER, user("Sure?")))

    assert (user("Hi"), ANSWER, user("Sure?")) == asked.input


@pytest.mark.parametrize(
    ("effort", "more", "budget"),
    [
        ("low", {}, 1),
        ("high", {}, 3),
        ("xhigh", {}, 3),
        ("max", {}, 3),
        ("xhigh", {"xhigh": 4}, 4),
        ("max", {"xhigh": 4}, 4),
        ("max", {"xhigh": 4, "max": 5}, 5),
        ("minimal", {}, None),
        ("none", {}, None),
    ],
)
def test_an_effort_becomes_a_budget(effort: urp.Effort, more: dict[str, int], budget: int | None):
    wish = urp.ReasoningWish(effort=effort, summary="auto")
    asked = changed("reasoning_effort_to_budget", request(reasoning=wish), low=1, medium=2, high=3, **more)

    assert asked.reasoning is not None
    assert (budget, None if budget else effort) == (asked.reasoning.budget_tokens, asked.reasoning.effort)
    assert "auto" == asked.reasoning.summary


def test_an_effort_becomes_the_end_of_the_name_of_the_model():
    rules = [{"pattern": "o1*", "suffix": "-x"}, {"pattern": "gpt-*", "suffix": "-{effort}"}]
    wish = urp.ReasoningWish(effort="high")

    asked = changed("reasoning_effort_to_model_suffix", request(model="gpt-5", reasoning=wish), rules=rules)
    assert ("gpt-5-high", wish) == (asked.model, asked.reasoning)
    for other in (request(model="claude", reasoning=wish), request(model="gpt-5")):
        assert other == changed("reasoning_effort_to_model_suffix", other, rules=rules)
