"""A provider's stream becomes events that keep the contract, whatever comes."""

import msgspec
import pytest
from gateway.protocol.messages.shapes import FAILING, NAMES, WHOLE, decoded, recorded, response_of
from hypothesis import given
from hypothesis import strategies as st
from support import urp_strategies as urps

from monoize.base.cost.reported import from_anthropic
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.messages.answer_in import decode_response
from monoize.gateway.protocol.messages.stream_in import StreamDecoder


@pytest.mark.parametrize("name", NAMES)
def test_recorded_streams_keep_the_contract(name):
    events, _ = decoded(recorded(name))
    response = urps.assert_contract(events)
    assert (name in FAILING) == (response is None)


@pytest.mark.parametrize("name", NAMES)
def test_deltas_add_up_to_the_nodes(name):
    events, _ = decoded(recorded(name))
    said: dict[int, str] = {}
    for event in events:
        match event:
            case urp.TextDelta() | urp.ReasoningDelta():
                said[event.index] = said.get(event.index, "") + event.text
            case urp.NodeDone(index=index, node=urp.Text(text=text)):
                assert text == said[index]
            case urp.NodeDone(index=index, node=urp.ToolCall(arguments=text)):
                assert text == said[index]
            case urp.NodeDone(index=index, node=urp.Reasoning(summary=summary)):
                assert "".join(summary) == said.get(index, "")


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_cut_anywhere_before_its_end_has_failed(name):
    frames = recorded(name)
    proof = next(place for place, (_, data) in enumerate(frames) if b'"stop_reason": "' in data)
    for kept in range(proof):
        events, _ = decoded(frames[:kept])
        assert urps.assert_contract(events) is None
        assert "upstream_truncated" == events[-1].code
    assert urps.assert_contract(decoded(frames[: proof + 1])[0]) is not None


@pytest.mark.parametrize("name", NAMES)
def test_nothing_follows_the_end(name):
    decoder = StreamDecoder()
    frames = recorded(name)
    events = [event for frame in frames for event in decoder.feed(*frame)] + decoder.end()
    assert [] == [event for frame in frames for event in decoder.feed(*frame)] + decoder.end()
    urps.assert_contract(events)


@given(st.data())
def test_damaged_frames_keep_the_contract(data):
    frames = recorded(data.draw(st.sampled_from(NAMES)))
    place = data.draw(st.integers(0, len(frames) - 1))
    name, written = frames[place]
    if written != b"[DONE]":
        body = data.draw(urps.damaged(st.just(msgspec.json.decode(written))))
        frames[place] = (data.draw(st.sampled_from([name, None, "ping"])), msgspec.json.encode(body))
    for _ in range(data.draw(st.integers(0, 2))):
        frames.insert(data.draw(st.integers(0, len(frames))), data.draw(st.sampled_from(frames)))
    urps.assert_contract(decoded(frames)[0])


@given(st.lists(st.tuples(st.none() | urps.words, st.binary(max_size=30)), max_size=5))
def test_bytes_that_are_nothing_keep_the_contract(frames):
    urps.assert_contract(decoded(frames)[0])


@given(st.permutations(recorded("tool")))
def test_frames_in_any_order_keep_the_contract(frames):
    urps.assert_contract(decoded(frames)[0])


@pytest.mark.parametrize(
    "data", [b"<html>502</html>", b'{"type": "message_st', b"[]", b"\xff", b"null", b"[" * 9999]
)
def test_what_is_no_json_object_ends_it(data):
    events, _ = decoded([*recorded("text")[:3], (None, data), *recorded("text")[3:]])
    assert "upstream_invalid" == events[-1].code
    assert urps.assert_contract(events) is None


def test_text_then_calls_with_their_exact_arguments():
    text, call = response_of(recorded("tool")).output
    assert "Okay, let me check the weather for San Francisco:" == text.text
    assert '{"location": "San Francisco, CA", "zip": 12345678901234567890}' == call.arguments
    assert ("toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather") == (call.call_id, call.name)


def test_parallel_calls_keep_apart_and_one_without_arguments_has_an_empty_object():
    response = response_of(recorded("parallel_tools"))
    expected = [("toolu_A", '{"city": "Rome"}'), ("toolu_B", "{}"), ("toolu_C", '{"city": "Oslo"}')]
    assert expected == [(call.call_id, call.arguments) for call in response.output]
    assert "tool_calls" == response.finish.reason
    assert {"caller": {"type": "direct"}} == response.output[0].extra


def test_thinking_is_a_summary_and_its_signature_is_encrypted():
    thought, _ = response_of(recorded("thinking")).output
    assert "messages" == thought.origin
    assert "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds" == thought.encrypted
    assert thought.summary[0].endswith("453 = 400 + 50 + 3")
    assert thought.content is None


def test_omitted_thinking_keeps_its_signature_and_is_not_redacted():
    thought, _ = response_of(recorded("omitted_thinking")).output
    assert urp.Reasoning(encrypted="EosnCkYICxIMMb3LzNrMu", origin="messages") == thought
    redacted, _ = response_of(recorded("redacted_thinking")).output
    assert {"type": "redacted_thinking"} == redacted.extra
    assert redacted.encrypted.startswith("EmwKAhgB")


def test_pieces_of_a_signature_are_joined():
    output = response_of(recorded("interleaved_thinking")).output
    assert ["c2lnMQ==", "c2lnMg=="] == [node.encrypted for node in output if isinstance(node, urp.Reasoning)]


def test_a_refusal_is_told_in_its_own_words_too():
    response = response_of(recorded("refusal"))
    assert urp.Finish(reason="content_filter", native="refusal", origin="messages") == response.finish
    assert "cyber" == response.extra["stop_details"]["category"]


def test_the_stop_sequence_is_kept():
    finish = response_of(recorded("stop_sequence")).finish
    expected = urp.Finish(reason="stop", native="stop_sequence", origin="messages", stop_sequence="three")
    assert expected == finish


def test_what_only_this_protocol_knows_stays_opaque_and_its_input_is_put_together():
    _, search, results, text = response_of(recorded("web_search")).output
    assert {"query": "weather NYC today"} == search.body["input"]
    assert "web_search_tool_result" == results.item_type
    assert "EqgfCioIARgBIiQ3" == results.body["content"][0]["encrypted_content"]
    assert "https://example.com/weather" == text.extra["citations"][0]["url"]
    compacted, _ = response_of(recorded("compaction")).output
    assert {"type": "compaction", "content": "They spoke of the weather."} == compacted.body


def test_a_paused_turn_keeps_its_container():
    response = response_of(recorded("container"))
    assert ("other", "pause_turn") == (response.finish.reason, response.finish.native)
    assert "container_011" == response.extra["container"]["id"]


def test_usage_of_beginning_and_end_is_merged():
    usage = response_of(recorded("thinking")).usage
    expected = urp.Usage(
        input_tokens=3210,
        output_tokens=210,
        cache_read_tokens=3000,
        cache_write_tokens=200,
        cache_write_5m_tokens=150,
        cache_write_1h_tokens=50,
        reasoning_tokens=180,
        service_tier="priority",
    )
    assert expected == usage
    searched = response_of(recorded("web_search")).usage
    assert (10682, 510, 1) == (searched.input_tokens, searched.output_tokens, searched.web_searches)


def test_nought_and_null_of_a_later_event_erase_nothing():
    usage = response_of(recorded("several_message_deltas")).usage
    assert (140, 40, 2) == (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)


def test_the_input_is_known_when_the_answer_begins():
    started, *_ = decoded(recorded("thinking"))[0]
    assert 3210 == started.usage.input_tokens


@pytest.mark.parametrize("name", WHOLE)
def test_the_report_is_what_money_is_computed_from(name):
    _, decoder = decoded(recorded(name))
    usage = response_of(recorded(name)).usage
    cost = from_anthropic(decoder.report)
    assert usage.input_tokens == cost.total_input_tokens
    assert usage.output_tokens == cost.output_tokens
    assert usage.web_searches == cost.web_searches


def test_the_report_keeps_the_passes_of_a_compacted_answer():
    _, decoder = decoded(recorded("compaction"))
    assert ["compaction", "message"] == [each["type"] for each in decoder.report["iterations"]]


@pytest.mark.parametrize("name", sorted(FAILING))
def test_an_error_inside_a_stream_ends_it_with_what_was_used(name):
    *_, failed = decoded(recorded(name))[0]
    assert ("Overloaded", "overloaded_error", 529) == (failed.message, failed.kind, failed.status)
    assert (None if name == "overloaded_at_once" else 25) == (failed.usage and failed.usage.input_tokens)


def test_events_without_names_and_with_the_end_of_another_protocol():
    thought, text = response_of(recorded("unnamed_events")).output
    assert ("Hm.",) == thought.summary
    assert "Ja." == text.text


def test_indexes_are_counted_anew_and_calls_end_the_turn():
    response = response_of(recorded("gaps_between_indexes"))
    assert ["a", '{"a":1}'] == [response.output[0].text, response.output[1].arguments]
    assert ("tool_calls", "end_turn") == (response.finish.reason, response.finish.native)


def test_a_call_cut_short_is_not_one_to_be_run():
    response = response_of(recorded("max_tokens_in_a_call"))
    assert "length" == response.finish.reason
    assert '{"text": "half of' == response.output[0].arguments


def test_pings_and_unknown_events_are_nothing():
    assert [] == StreamDecoder().feed("ping", b'{"type": "ping"}')
    assert "Hi" == response_of(recorded("new_events")).output[0].text


def test_an_empty_text_is_no_node():
    frames = [frame for frame in recorded("tool") if b"text_delta" not in frame[1]]
    (call,) = response_of(frames).output
    assert isinstance(call, urp.ToolCall)


def test_a_stream_says_what_a_plain_answer_says():
    answer = {
        "id": "msg_01HeyThere",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-8",
        "content": [
            {"type": "thinking", "thinking": "Both.", "signature": "c2lnMQ=="},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "a"}},
            {"type": "thinking", "thinking": "And the other.", "signature": "c2lnMg=="},
            {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {"at": "b"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "output_tokens": 77},
    }
    streamed, plain = response_of(recorded("interleaved_thinking")), decode_response(answer)
    assert plain.output == streamed.output
    assert plain.finish == streamed.finish
