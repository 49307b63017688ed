"""Streams for callers: the frames that OpenAI's client takes, whatever the order of the events."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chat_wire import NAMING, accepted_chunks, bare
from support.cost_strategies import at_leisure
from support.urp_strategies import (
    assert_contract,
    fed,
    frames_of,
    protocols,
    reasonings,
    refusals,
    responses,
    streams,
    streams_of,
    texts,
    tool_calls,
)

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.answer_out import encode_response
from monoize.gateway.protocol.chat.stream_in import StreamDecoder
from monoize.gateway.protocol.chat.stream_out import StreamEncoder

STARTED = urp.Started(id="r", model="served")


def wire_of(events: list[urp.StreamEvent], model: str | None = None, **options: Any) -> bytes:
    encoder = StreamEncoder(NAMING, model, **options)
    return b"".join(encoder.encode(event) for event in events)


def done(*output: urp.Node, reason: urp.FinishReason = "stop", **members: Any) -> urp.Done:
    finish = urp.Finish(reason=reason)
    return urp.Done(response=urp.Response(id="r", model="served", output=output, finish=finish, **members))


def chunks_of(*events: urp.StreamEvent, **options: Any) -> list[urp.Json]:
    return accepted_chunks(wire_of([STARTED, *events], **options))


def deltas_of(*events: urp.StreamEvent, **options: Any) -> list[urp.Json]:
    """Between the role and the reason to end."""
    return [chunk["choices"][0]["delta"] for chunk in chunks_of(*events, **options)[1:-1]]


def text(said: str) -> urp.Text:
    return urp.Text(role="assistant", text=said)


def whole(chunks: list[urp.Json]) -> urp.Json:
    """The message that a client puts together from its pieces."""
    message: urp.Json = {"content": "", "refusal": "", "reasoning": "", "tool_calls": {}}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for name, value in choice["delta"].items():
                if name in ("content", "refusal", "reasoning"):
                    message[name] += value
                for call in value if name == "tool_calls" else ():
                    known = message["tool_calls"].setdefault(call["index"], {"id": call.get("id"), "arguments": ""})
                    known["arguments"] += call.get("function", {}).get("arguments", "")
    return message


@st.composite
def mixed_responses(draw: st.DrawFn) -> urp.Response:
    """Any nodes in any order, several of a kind."""
    kinds = [texts("assistant"), refusals, protocols.flatmap(reasonings)]
    nodes = draw(st.lists(st.one_of(*kinds, st.just(None)), max_size=6))
    output = tuple(node or draw(tool_calls(f"call_{place}")) for place, node in enumerate(nodes))
    return urp.Response(id="r", model="m", output=output, finish=urp.Finish(reason="stop"))


@at_leisure
@given(streams("chat"))
def test_what_is_told_is_read_again(events: list[urp.StreamEvent]):
    ended = events[-1]
    assert isinstance(ended, urp.Done)
    again = assert_contract(fed(StreamDecoder(), frames_of(wire_of(events, include_usage=True))))
    assert again is not None
    assert bare(ended.response.output) == bare(again.output)
    assert ended.response.finish.reason == again.finish.reason
    assert ended.response.usage == again.usage


@at_leisure
@given(mixed_responses().flatmap(lambda response: streams_of(response, interleaved=True)), st.booleans())
def test_the_pieces_are_the_whole_answer(events: list[urp.StreamEvent], usage: bool):
    ended = events[-1]
    assert isinstance(ended, urp.Done)
    chunks = accepted_chunks(wire_of(events, include_usage=usage))
    plain = encode_response(ended.response, model=None, naming=NAMING)["choices"][0]
    message, told = plain["message"], whole(chunks)
    assert (message["content"] or "") == told["content"]
    assert (message["refusal"] or "") == told["refusal"]
    calls = {call["id"]: call["function"]["arguments"] for call in message.get("tool_calls", ())}
    assert calls == {call["id"]: call["arguments"] for call in told["tool_calls"].values()}
    assert plain["finish_reason"] == chunks[-1]["choices"][0]["finish_reason"]
    if not any(isinstance(node, urp.Reasoning) and node.content and node.summary for node in ended.response.output):
        assert message.get("reasoning", "") == told["reasoning"]


@at_leisure
@given(st.data(), protocols.flatmap(lambda origin: streams(origin, interleaved=True)))
def test_events_that_were_left_out_are_made_up_for_at_the_end(data: st.DataObject, events: list[urp.StreamEvent]):
    """`Done` is the only authority; here a part of the stream before it never came."""
    ended = events[-1]
    assert isinstance(ended, urp.Done)
    known = data.draw(st.integers(0, len(ended.response.output)))
    kept = [
        event for event in events if not isinstance(event, urp.NodeDone) and getattr(event, "index", -1) < known
    ]
    chunks = accepted_chunks(wire_of([*kept[:-1], ended]))
    message = encode_response(ended.response, model=None, naming=NAMING)["choices"][0]["message"]
    assert (message["content"] or "") == whole(chunks)["content"]


@at_leisure
@given(responses("messages").flatmap(lambda response: streams_of(response, interleaved=True)), st.data())
def test_a_failure_at_any_moment_ends_the_stream(events: list[urp.StreamEvent], data: st.DataObject):
    cut = data.draw(st.integers(0, len(events) - 1))
    failed = urp.Failed(message="It broke.", code="upstream_truncated")
    wire = wire_of([*events[:cut], failed, *events[cut:], failed])
    payloads = [payload for _, payload in frames_of(wire)]
    assert {"message": "It broke.", "type": "server_error", "param": None, "code": "upstream_truncated"} == (
        msgspec.json.decode(payloads[-1])["error"]
    )
    assert b"[DONE]" not in payloads
    assert 1 == sum(b'"error"' in payload for payload in payloads)


def test_role_then_deltas_then_reason_then_usage_then_done():
    usage = urp.Usage(input_tokens=3, output_tokens=2)
    events = [
        urp.NodeStarted(index=0, node=text("")),
        urp.TextDelta(index=0, text="Hi"),
        urp.NodeDone(index=0, node=text("Hi")),
        done(text("Hi"), usage=usage),
    ]
    chunks = chunks_of(*events, include_usage=True)
    assert [{"role": "assistant", "content": ""}, {"content": "Hi"}, {}] == [
        chunk["choices"][0]["delta"] for chunk in chunks[:-1]
    ]
    assert [None, None, "stop"] == [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]]
    assert [None, None, None] == [chunk["usage"] for chunk in chunks[:-1]]
    assert ([], 5) == (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"])
    heads = [{name: chunk[name] for name in ("id", "object", "created", "model")} for chunk in chunks]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "served"}
    assert [head] * 4 == heads


@pytest.mark.parametrize(("include_usage", "usage"), [(False, urp.Usage(input_tokens=1)), (True, None)])
def test_usage_is_told_to_those_who_asked_when_it_is_known(include_usage: bool, usage: urp.Usage | None):
    chunks = chunks_of(done(text("Hi"), usage=usage), include_usage=include_usage)
    assert all(chunk["choices"] for chunk in chunks)
    assert include_usage == ("usage" in chunks[0])


def test_every_frame_is_data_and_nothing_else():
    wire = wire_of([STARTED, done(text("a\n\nb\r\n"))])
    assert all(block.startswith(b"data: ") and b"\n" not in block for block in wire.split(b"\n\n")[:-1])
    assert wire.endswith(b"data: [DONE]\n\n")


def test_the_name_that_was_asked_for():
    assert {"alias"} == {chunk["model"] for chunk in chunks_of(done(text("Hi")), model="alias")}


def test_a_call_is_announced_before_its_arguments():
    call = urp.ToolCall(call_id="a", name="f", arguments="")
    header, *pieces = deltas_of(
        urp.NodeStarted(index=0, node=call),
        urp.TextDelta(index=0, text='{"a"'),
        urp.TextDelta(index=0, text=":1}"),
        done(urp.ToolCall(call_id="a", name="f", arguments='{"a":1}')),
    )
    named = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert {"tool_calls": [named]} == header
    assert ['{"a"', ":1}"] == [piece["tool_calls"][0]["function"]["arguments"] for piece in pieces]


def test_a_header_alone_is_a_call_without_arguments():
    call = urp.ToolCall(call_id="a", name="f", arguments="")
    events = (urp.NodeStarted(index=0, node=call), urp.NodeDone(index=0, node=call), done(call))
    assert "{}" == deltas_of(*events)[1]["tool_calls"][0]["function"]["arguments"]
    assert "tool_calls" == chunks_of(*events)[-1]["choices"][0]["finish_reason"]


def test_calls_of_custom_tools_are_written_as_openai_does():
    """Its own client has no type for them yet."""
    wire = wire_of([STARTED, done(urp.ToolCall(call_id="c", name="exec", arguments="1", kind="custom"))])
    chunks = [msgspec.json.decode(data) for _, data in frames_of(wire)[1:3]]
    assert [
        {"index": 0, "id": "c", "type": "custom", "custom": {"name": "exec", "input": ""}},
        {"index": 0, "custom": {"input": "1"}},
    ] == [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks]


def test_no_delta_has_both_content_and_calls():
    call = urp.ToolCall(call_id="a", name="f", arguments="{}")
    assert not any({"content", "tool_calls"} <= delta.keys() for delta in deltas_of(done(text("Hi"), call)))


def test_texts_that_overlap_come_one_after_the_other():
    events = [
        urp.NodeStarted(index=0, node=text("")),
        urp.NodeStarted(index=1, node=text("")),
        urp.TextDelta(index=1, text="second"),
        urp.TextDelta(index=0, text="fir"),
        urp.NodeDone(index=1, node=text("second")),
        urp.TextDelta(index=0, text="st"),
        urp.NodeDone(index=0, node=text("first")),
        done(text("first"), text("second")),
    ]
    assert [{"content": "fir"}, {"content": "st"}, {"content": "\n\nsecond"}] == deltas_of(*events)


def test_the_whole_may_say_more_than_its_pieces_but_not_something_else():
    begun, piece = urp.NodeStarted(index=0, node=text("")), urp.TextDelta(index=0, text="Hel")
    assert [{"content": "Hel"}, {"content": "lo"}] == deltas_of(begun, piece, done(text("Hello")))
    assert [{"content": "Hel"}] == deltas_of(begun, piece, done(text("Goodbye")))


def test_a_thought_of_anthropics_ends_with_its_signature():
    thought = urp.Reasoning(summary=("Hm.",), encrypted="sig", origin="messages")
    pieces = deltas_of(
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="Hm.", summary_index=0),
        urp.NodeDone(index=0, node=thought),
        done(thought),
    )
    readable = {"type": "reasoning.summary", "summary": "Hm.", "format": "unknown", "index": 0}
    signed = {"type": "reasoning.text", "text": "", "format": "anthropic-claude-v1", "index": 0, "signature": "sig"}
    assert [{"reasoning": "Hm.", "reasoning_details": [readable]}, {"reasoning_details": [signed]}] == pieces


def test_parts_of_a_summary_are_paragraphs():
    thought = urp.Reasoning(summary=("a", "b"))
    events = [
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="a", summary_index=0),
        urp.ReasoningDelta(index=0, text="b", summary_index=1),
        urp.NodeDone(index=0, node=thought),
        done(thought),
    ]
    assert ["a", "\n\nb"] == [delta["reasoning"] for delta in deltas_of(*events)]


def test_empty_thoughts_are_not_counted():
    thought = urp.Reasoning(content="a")
    (delta,) = deltas_of(done(urp.Reasoning(), thought))
    assert 0 == delta["reasoning_details"][0]["index"]


def test_a_signature_of_geminis_comes_with_its_call():
    call = urp.ToolCall(call_id="a", name="f", arguments="{}", encrypted="c2ln", origin="gemini")
    begun = urp.ToolCall(call_id="a", name="f", arguments="")
    deltas = deltas_of(urp.NodeStarted(index=0, node=begun), urp.NodeDone(index=0, node=call), done(call))
    signed = {"index": 0, "extra_content": {"google": {"thought_signature": "c2ln"}}}
    assert {"tool_calls": [signed]} == deltas[-1]


def test_callers_who_know_functions_are_told_of_one():
    calls = [urp.ToolCall(call_id=id, name=id, arguments="{}") for id in "ab"]
    wire = wire_of([STARTED, done(*calls)], old_calls=True)
    chunks = accepted_chunks(wire)
    assert [{"function_call": {"name": "a", "arguments": ""}}, {"function_call": {"arguments": "{}"}}] == [
        chunk["choices"][0]["delta"] for chunk in chunks[1:-1]
    ]
    assert "function_call" == chunks[-1]["choices"][0]["finish_reason"]


def test_log_probabilities_stay_on_a_frame_that_is_not_the_last():
    finish = urp.Finish(reason="stop", native="stop", origin="chat")
    logprobs = {"content": [{"token": "A", "logprob": -0.1, "bytes": [65], "top_logprobs": []}], "refusal": None}
    extra = {"choice": {"logprobs": logprobs, "native_finish_reason": "end_turn"}, "system_fingerprint": "fp"}
    response = urp.Response(id="r", model="m", output=(text("A"),), finish=finish, extra=extra)
    chunks = chunks_of(urp.Done(response=response))
    assert logprobs == chunks[-2]["choices"][0]["logprobs"]
    assert chunks[-1]["choices"][0]["logprobs"] is None
    assert ("fp", "end_turn") == (
        chunks[-1]["system_fingerprint"],
        chunks[-1]["choices"][0]["native_finish_reason"],
    )


def test_deltas_that_were_never_begun_are_ignored():
    assert [] == deltas_of(urp.TextDelta(index=7, text="?"), urp.ReasoningDelta(index=8, text="?"), done())


def test_an_answer_that_never_started_has_its_role_all_the_same():
    chunks = accepted_chunks(wire_of([done(text("Hi"))]))
    assert {"role": "assistant", "content": ""} == chunks[0]["choices"][0]["delta"]
