"""Streams of providers: what really comes, what should never come, and every way in which they break off."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chat_cases import (
    decoded,
    events_of,
    nodes,
    said,
    streamed,
    text,
)
from support.chat_wire import NAMING, bare, every_recording, frames, recorded
from support.cost_strategies import at_leisure
from support.urp_strategies import assert_contract, fed, frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.stream_in import StreamDecoder
from monoize.gateway.protocol.chat.stream_out import StreamEncoder

FAILING = {
    "error": ("upstream_error", "The server had an error while processing your request. Sorry about that!"),
    "openrouter_error": ("502", "Provider returned error: overloaded"),
    "choice_error": ("429", "Rate limit exceeded"),
    "cut_off": ("upstream_truncated", "The provider's answer was cut off."),
    "done_without_finish": ("upstream_truncated", "The provider's answer was cut off."),
    "invalid": ("upstream_invalid", "The provider sends what is no JSON."),
}


@at_leisure
@given(st.lists(frames, max_size=8))
def test_any_frames_make_events_that_keep_the_contract(given_frames: list[tuple[str | None, bytes]]):
    events = fed(StreamDecoder(), given_frames)
    assert_contract(events)
    assert isinstance(events[-1], urp.Done | urp.Failed)


@at_leisure
@given(st.lists(frames, max_size=6))
def test_nothing_comes_after_the_end(given_frames: list[tuple[str | None, bytes]]):
    decoder = StreamDecoder()
    fed(decoder, given_frames)
    assert [] == fed(decoder, given_frames)


@pytest.mark.parametrize("name", every_recording())
def test_recordings_keep_the_contract(name: str):
    response = assert_contract(events_of(name))
    assert (response is None) == (name in FAILING)


@pytest.mark.parametrize("name", FAILING)
def test_failures_say_what_was_wrong(name: str):
    failed = events_of(name)[-1]
    assert isinstance(failed, urp.Failed)
    assert FAILING[name] == (failed.code, failed.message)


@pytest.mark.parametrize("name", sorted(set(every_recording()) - FAILING.keys()))
def test_a_stream_cut_anywhere_before_its_proof_was_cut_off(name: str):
    """Even right before the last event; and after the proof, nothing is missed but what came later."""
    all_frames = recorded(name)
    proof = next(place for place, (_, data) in enumerate(all_frames) if b'"finish_reason":"' in data)
    for length in range(len(all_frames)):
        last = fed(StreamDecoder(), all_frames[:length])[-1]
        if length <= proof:
            assert isinstance(last, urp.Failed)
            assert "upstream_truncated" == last.code
        else:
            assert isinstance(last, urp.Done)


@pytest.mark.parametrize("name", sorted(set(every_recording()) - FAILING.keys()))
def test_recordings_survive_being_told_again(name: str):
    """Through the common language to a caller of this protocol, and read again by it."""
    before, encoder = decoded(name), StreamEncoder(NAMING, None, include_usage=True)
    wire = b"".join(encoder.encode(event) for event in events_of(name))
    after = assert_contract(fed(StreamDecoder(), frames_of(wire)))
    assert after is not None
    assert _comparable(before) == _comparable(after)


def _comparable(response: urp.Response) -> tuple[Any, ...]:
    usage = response.usage and msgspec.structs.replace(response.usage, service_tier=None, web_searches=0)
    # A call without arguments is told as one with none.
    output = [
        msgspec.structs.replace(node, arguments=node.arguments or "{}") if isinstance(node, urp.ToolCall) else node
        for node in bare(response.output)
    ]
    return output, response.finish.reason, usage, response.model


def test_text_and_usage_in_the_last_chunk():
    response = decoded("text")
    assert [text("Hello, wörld 🌍!")] == list(response.output)
    assert urp.Finish(reason="stop", native="stop", origin="chat") == response.finish
    usage = urp.Usage(
        input_tokens=19, output_tokens=10, cache_read_tokens=16, reasoning_tokens=4, service_tier="default"
    )
    assert usage == response.usage
    assert ("chatcmpl-B9MBs8", "gpt-5.4-mini", 1741570283) == (response.id, response.model, response.created_at)
    assert {"service_tier": "default", "system_fingerprint": "fp_fc9f1d7035"} == response.extra


def test_every_piece_is_passed_on_as_it_came():
    deltas = [event.text for event in events_of("text") if isinstance(event, urp.TextDelta)]
    assert ["Hello", ", wörld 🌍", "!"] == deltas


def test_usage_in_a_chunk_that_has_choices():
    usage = decoded("openrouter_claude").usage
    assert usage is not None
    assert (40, 25, 10, 5, 20) == (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


@pytest.mark.parametrize("name", ["deepseek", "openrouter_gpt", "interleaved_tools"])
def test_what_was_said_is_done_before_something_else_begins(name: str):
    """Or else who reads block by block would wait for all of it."""
    events = events_of(name)
    done = next(place for place, event in enumerate(events) if isinstance(event, urp.NodeDone))
    begun = [place for place, event in enumerate(events) if isinstance(event, urp.NodeStarted)]
    assert done < begun[1]


@pytest.mark.parametrize(("name", "counted"), [("kimi", (19, 13, 7)), ("groq", (70, 12, 0))])
def test_usage_in_other_places(name: str, counted: tuple[int, int, int]):
    usage = decoded(name).usage
    assert usage is not None
    assert counted == (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)


def test_chunks_before_the_first_choice_begin_nothing():
    events = events_of("azure")
    assert urp.Started(id="chatcmpl-az", model="gpt-4o", created_at=1700000000) == events[0]
    assert [text("Hi")] == said("azure")
    assert "content_filter" == decoded("azure").finish.reason


def test_refusals():
    assert [urp.Refusal(text="I'm sorry, I can't help with that.")] == said("refusal")


def test_a_whole_message_at_the_end_adds_only_what_was_missing():
    assert [text("Hello!"), urp.ToolCall(call_id="call_s", name="wave", arguments="{}")] == said("snapshot")


def test_a_whole_message_after_all_pieces_adds_nothing():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    whole = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "tool_calls": [call]}
    response = assert_contract(
        streamed(
            {"delta": {"reasoning_content": "Hm.", "content": "Hi"}},
            {"delta": {"tool_calls": [{"index": 0, **call}]}},
            {"delta": {}, "message": whole, "finish_reason": "stop"},
        )
    )
    assert response is not None
    assert [
        urp.Reasoning(content="Hm."),
        text("Hi"),
        urp.ToolCall(call_id="a", name="f", arguments="{}"),
    ] == bare(response.output)


def test_sound_is_put_together():
    (sound,) = decoded("audio").output
    assert (
        urp.Audio(
            role="assistant",
            source=urp.Inline(media_type="audio/pcm", data="AQIDBAU="),
            transcript="Hello",
            id="audio_1",
            extra={"expires_at": 1741574000},
        )
        == sound
    )


def test_images():
    image = urp.Image(role="assistant", source=urp.Inline(media_type="image/png", data="iVBO"))
    assert [text("Here:"), image] == said("image")


def test_what_a_search_found_stays_with_the_text():
    (found,) = decoded("web_search").output
    assert isinstance(found, urp.Text)
    assert "https://example.com" == found.extra["annotations"][0]["url_citation"]["url"]
    usage = decoded("web_search").usage
    assert usage is not None
    assert 2 == usage.web_searches


def test_log_probabilities_are_collected():
    tokens = decoded("logprobs").extra["choice"]["logprobs"]["content"]
    assert ["A", "B"] == [token["token"] for token in tokens]


def test_the_report_is_the_providers_own_object():
    decoder = StreamDecoder()
    fed(decoder, recorded("openrouter_claude"))
    assert decoder.report is not None
    assert 0.0005 == decoder.report["cost"]


def test_a_failure_knows_what_was_used_so_far():
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    failed = streamed({"delta": {"content": "Hi"}}, {"error": {"message": "Late."}}, usage=usage)[-1]
    assert (
        urp.Failed(message="Late.", code="upstream_error", usage=urp.Usage(input_tokens=5, output_tokens=2))
        == failed
    )


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        (None, {"error": {"message": "No."}}),
        (None, {"error": "No."}),
        (None, {"object": "error", "message": "No.", "code": 400}),
        ("error", {"message": "No."}),
        ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "No."}}),
    ],
)
def test_errors_in_every_dialect_end_the_stream(event: str | None, chunk: urp.Json):
    decoder = StreamDecoder()
    (failed,) = decoder.feed(event, msgspec.json.encode(chunk))
    assert isinstance(failed, urp.Failed)
    assert "No." == failed.message
    assert [] == decoder.end()


def test_other_answers_nobody_asked_for():
    events = streamed(
        {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}, {"index": 1, "delta": {"content": "b"}}
    )
    response = assert_contract(events)
    assert response is not None
    assert [text("a")] == list(response.output)


def test_what_comes_after_the_reason_still_counts():
    events = streamed(
        {"delta": {"content": "a"}, "finish_reason": "stop"}, {"delta": {"content": "b"}, "finish_reason": "length"}
    )
    response = assert_contract(events)
    assert response is not None
    assert ([text("ab")], "length") == (list(response.output), response.finish.reason)


def test_a_call_stays_what_it_was_told_to_be():
    begun = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{"}}
    more = {"index": 0, "type": "custom", "custom": {"input": "}"}, "function": {"arguments": "}"}}
    (call,) = nodes({"tool_calls": [begun]}, {"tool_calls": [more]})
    assert isinstance(call, urp.ToolCall)
    assert ("function", "{}") == (call.kind, call.arguments)
