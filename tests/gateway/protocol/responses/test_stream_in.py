"""Streams of providers: recorded ones, cut and damaged ones, and any that there could be."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.responses.samples import (
    ENDING_WELL,
    FAILING,
    NAMES,
    Frame,
    answer,
    events_of,
    frames,
    last_response,
    strict_event,
)
from support.urp_strategies import assert_contract

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.responses.stream_in import StreamDecoder

NOT_AS_DOCUMENTED = {"shifting_ids", "error_first", "error_nested"}


def frame(kind: str, **members: Any) -> Frame:
    return kind, msgspec.json.encode({"type": kind, **members})


def completed(*output: Any, **members: Any) -> Frame:
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": output, **members}
    return frame("response.completed", response=response)


CREATED = frame("response.created", response={"id": "resp_1", "model": "m", "created_at": 5})


def failure(told: list[Frame]) -> urp.Failed:
    events = events_of(told)
    assert_contract(events)
    failed = events[-1]
    assert isinstance(failed, urp.Failed)
    return failed


def output_of(*told: Frame) -> list[urp.Node]:
    response = assert_contract(events_of([CREATED, *told]))
    assert response is not None
    return list(response.output)


def pieces(events: list[urp.StreamEvent], index: int) -> str:
    return "".join(
        event.text
        for event in events
        if isinstance(event, urp.TextDelta | urp.ReasoningDelta) and event.index == index
    )


@pytest.mark.parametrize("name", sorted(set(NAMES) - NOT_AS_DOCUMENTED))
def test_recordings_are_what_the_official_client_reads(name: str):
    for _, data in frames(name):
        strict_event(data)


@pytest.mark.parametrize("name", NAMES)
def test_recordings_keep_the_contract(name: str):
    assert (name in FAILING) == (assert_contract(events_of(frames(name))) is None)


@pytest.mark.parametrize("name", ENDING_WELL)
def test_pieces_and_whole_agree(name: str):
    events = events_of(frames(name))
    for index, node in enumerate(answer(name).output):
        match node:
            case urp.Text(text=whole) | urp.Refusal(text=whole) | urp.ToolCall(arguments=whole):
                assert whole == pieces(events, index)
            case urp.Reasoning():
                assert (node.content or "".join(node.summary)) == pieces(events, index)


@pytest.mark.parametrize("name", ENDING_WELL)
def test_the_report_is_the_usage_of_the_wire(name: str):
    decoder = StreamDecoder()
    for told in frames(name):
        decoder.feed(*told)
    assert last_response(name)["usage"] == decoder.report


@pytest.mark.parametrize("name", ENDING_WELL)
def test_a_stream_cut_anywhere_is_no_answer(name: str):
    told = [each for each in frames(name) if each[1] != b"[DONE]"]
    for place in range(len(told)):
        assert "upstream_truncated" == failure(told[:place]).code


@pytest.mark.parametrize("name", ENDING_WELL)
def test_done_does_not_stand_for_an_end(name: str):
    told = [each for each in frames(name) if each[1] != b"[DONE]"]
    assert "upstream_truncated" == failure([*told[:-1], (None, b"[DONE]")]).code


@pytest.mark.parametrize("data", [b"{", b"<html>", b"[]", b"3", b'{"a":' * 5_000, b"\xff"])
def test_what_is_no_json_object_ends_the_stream(data: bytes):
    assert "upstream_invalid" == failure([CREATED, (None, data), *frames("text")]).code
    assert "upstream_invalid" == failure([(None, data)]).code


def test_text():
    response = answer("text")
    assert urp.Text(role="assistant", text="Hello, wörld 🌍", id="msg_68e1") == response.output[0]
    assert urp.Usage(
        input_tokens=11, output_tokens=5, cache_read_tokens=4, cache_write_tokens=3, service_tier="default"
    ) == (response.usage)
    assert ("resp_text", "gpt-5.1-2025-11-13", 1_760_000_000) == (response.id, response.model, response.created_at)


def test_numbers_in_arguments_stay_as_they_were_written():
    [call] = answer("tool").output
    assert '{"city":"Paris","id":123456789012345678901}' == call.arguments
    assert "tool_calls" == answer("tool").finish.reason


def test_parallel_calls_are_told_apart_by_their_place():
    _, first, second = answer("parallel_tools").output
    assert ('{"city":"Paris"}', '{"zone":"CET"}') == (first.arguments, second.arguments)


def test_of_encrypted_snapshots_the_one_that_is_done_counts():
    [thought, *_] = answer("parallel_tools").output
    assert "gAAAAAdone==" == thought.encrypted
    assert "responses" == thought.origin
    begun = events_of(frames("parallel_tools"))[1]
    assert urp.NodeStarted(index=0, node=urp.Reasoning(id="rs_68e3")) == begun, "nothing is merged"


def test_an_encrypted_snapshot_of_the_beginning_counts_if_there_is_no_other():
    begun = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "gAAA"}
    told = frame("response.output_item.added", output_index=0, item=begun)
    [thought] = output_of(told, completed())
    assert "gAAA" == thought.encrypted


def test_summaries_have_parts():
    thought, text = answer("reasoning").output
    assert ("**Looking**\n\nFirst.", "**Answering**\n\nThen.") == thought.summary
    assert thought.content is None
    assert "final_answer" == text.phase
    counted = [
        event.summary_index for event in events_of(frames("reasoning")) if isinstance(event, urp.ReasoningDelta)
    ]
    assert [0, 0, 1, 1] == counted


def test_parts_of_a_summary_are_counted_whatever_their_places_are():
    deltas = [
        frame("response.reasoning_summary_text.delta", output_index=0, summary_index=place, delta=text)
        for place, text in ((10**15, "a"), (7, "b"), (10**15, "c"))
    ]
    events = events_of([CREATED, *deltas, completed()])
    assert [0, 1, 0] == [event.summary_index for event in events if isinstance(event, urp.ReasoningDelta)]
    [thought] = output_of(*deltas, completed())
    assert ("ac", "b") == thought.summary


def test_thoughts_told_in_full_are_content():
    thought, _ = answer("open_reasoning").output
    assert ("The user greets. Greet back.", (), None) == (thought.content, thought.summary, thought.encrypted)


def test_a_summary_may_differ_from_its_pieces():
    delta = frame("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="streamed")
    item = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "told"}]}
    [thought] = output_of(delta, frame("response.output_item.done", output_index=0, item=item), completed(item))
    assert ("told",) == thought.summary


def test_a_refusal_is_not_a_text():
    assert [urp.Refusal(text="I can't help with that.", id="msg_no")] == list(answer("refusal").output)


def test_custom_tools_are_called_with_any_text():
    [call] = answer("custom_tool").output
    assert ("custom", "*** Begin Patch\n*** End Patch") == (call.kind, call.arguments)


def test_tools_of_the_provider_stay_its_own_and_searches_are_counted():
    response = answer("web_search")
    assert [urp.ProviderItem, urp.ProviderItem, urp.Text] == [type(node) for node in response.output]
    assert ["completed", "completed"] == [node.body["status"] for node in response.output[:2]]
    assert 1 == response.usage.web_searches, "opening a page is not searching"
    assert "url_citation" == response.output[2].extra["annotations"][0]["type"]


def test_an_image_is_one_once_it_is_there():
    [image] = answer("image").output
    assert urp.Inline(media_type="image/webp", data="UklGRg==") == image.source


def test_an_answer_may_be_incomplete():
    assert urp.Finish(reason="length", native="max_output_tokens", origin="responses") == (
        answer("incomplete").finish
    )


def test_an_end_without_output_erases_nothing():
    assert ["Done."] == [node.text for node in answer("empty_end").output]


def test_ids_that_change_with_every_event_double_nothing():
    text, call = answer("shifting_ids").output
    assert ("Copy", '{"a":1}') == (text.text, call.arguments)


@pytest.mark.parametrize("name", ["only_wholes", "only_the_end"])
def test_what_was_never_told_in_pieces_is_told_at_last(name: str):
    assert ["All at once."] == [node.text for node in answer(name).output]


def test_the_end_does_not_lend_ids_to_items_of_another_kind():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "id": "fc_1"}
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
    told = frame("response.output_item.done", output_index=0, item=call)
    nodes = output_of(told, completed(message))
    assert [("fc_1", urp.ToolCall), (None, urp.Text)] == [(node.id, type(node)) for node in nodes]


def test_items_at_the_same_place_are_different_when_their_calls_are():
    calls = [
        {"type": "function_call", "call_id": f"c{place}", "name": "f", "arguments": "{}"} for place in range(2)
    ]
    told = [frame("response.output_item.done", output_index=0, item=call) for call in calls]
    assert ["c0", "c1"] == [node.call_id for node in output_of(*told, completed())]


def test_a_call_of_which_only_the_head_was_told_is_one():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "status": "in_progress"}
    told = frame("response.output_item.added", output_index=0, item=call)
    response = assert_contract(events_of([CREATED, told, completed()]))
    assert response is not None
    assert ("tool_calls", "") == (response.finish.reason, response.output[0].arguments)


def test_arguments_told_before_the_call_are_not_lost():
    told = [
        frame("response.function_call_arguments.delta", output_index=0, item_id="fc", delta='{"a"'),
        frame("response.function_call_arguments.delta", output_index=0, item_id="fc", delta=":1}"),
        frame(
            "response.output_item.done",
            output_index=0,
            item={"type": "function_call", "call_id": "c", "name": "f", "id": "fc"},
        ),
    ]
    assert ['{"a":1}'] == [node.arguments for node in output_of(*told, completed())]


def test_parts_of_a_message_that_has_ended_are_not_heard():
    ended = {"type": "message", "role": "assistant", "id": "msg", "content": []}
    part = {"type": "output_text", "text": "late", "annotations": []}
    told = [
        frame("response.output_item.done", output_index=0, item=ended),
        frame("response.content_part.added", output_index=0, content_index=0, part=part),
        frame("response.output_text.delta", output_index=0, content_index=0, delta="late"),
        frame("response.content_part.done", output_index=0, content_index=0, part=part),
    ]
    assert [] == output_of(*told, completed())


def test_whole_texts_replace_what_was_pieced_together_and_nothing_erases_something():
    delta = frame("response.output_text.delta", output_index=0, content_index=0, delta="piec")
    whole = frame("response.output_text.done", output_index=0, content_index=0, text="whole")
    nothing = frame("response.output_text.done", output_index=0, content_index=0, text="")
    assert ["whole"] == [node.text for node in output_of(delta, whole, completed())]
    assert ["piec"] == [node.text for node in output_of(delta, nothing, completed())]
    part = {"type": "output_text", "text": ""}
    empty = frame("response.content_part.done", output_index=0, content_index=0, part=part)
    assert ["piec"] == [node.text for node in output_of(delta, empty, completed())]


def test_several_parts_of_one_message_are_several_nodes():
    told = [
        frame("response.output_text.delta", output_index=0, content_index=place, delta=text)
        for place, text in ((0, "a"), (1, "b"), (0, "c"))
    ]
    assert ["ac", "b"] == [node.text for node in output_of(*told, completed())]


def test_nothing_is_heard_after_the_end():
    text = frames("text")
    assert events_of(text) == events_of([*text, *text, (None, b"{"), frame("error", message="late")])


def test_a_failure_in_the_middle_keeps_what_was_used():
    failed = failure(frames("failed"))
    assert ("rate_limit_exceeded", 12, 3) == (failed.code, failed.usage.input_tokens, failed.usage.output_tokens)
    assert "Please try again in 6.57s" in failed.message


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("error_nested", "credit_balance_exhausted", "You have no credits remaining."),
        ("error_flat", "server_error", "The server had an error."),
        ("error_first", "529", "Overloaded"),
    ],
)
def test_errors_are_read_nested_and_flat(name: str, code: str, message: str):
    failed = failure(frames(name))
    assert (code, message) == (failed.code, failed.message)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (frame("response.failed", response={"status": "failed", "error": None}), urp.Failed),
        (frame("response.failed", response={}), urp.Failed),
        (frame("response.failed", response={"status": "cancelled"}), urp.Done),
        (frame("response.cancelled", response={"status": "cancelled"}), urp.Done),
        (frame("response.incomplete", response={}), urp.Done),
        (frame("response.done", response={"status": "completed"}), urp.Done),
        (frame("response.completed", response={"status": "completed", "error": {"message": "x"}}), urp.Failed),
        (frame("response.completed"), urp.Failed),
    ],
)
def test_ways_to_end(end: Frame, expected: type):
    events = events_of([CREATED, end])
    assert_contract(events)
    assert expected is type(events[-1])


def test_a_cancelled_answer_says_so():
    [*_, done] = events_of([CREATED, frame("response.failed", response={"status": "cancelled"})])
    assert urp.Finish(reason="other", native="cancelled", origin="responses") == done.response.finish


def test_events_we_do_not_know_are_passed_over():
    told = [
        frame("response.mcp_list_tools.in_progress", item_id="x"),
        frame("keepalive"),
        frame("ping"),
        (None, b" "),
    ]
    assert [] == output_of(*told, completed())


def test_pieces_come_out_as_they_come_in():
    decoder = StreamDecoder()
    deltas = [
        [event.text for event in decoder.feed(*told) if isinstance(event, urp.TextDelta)]
        for told in frames("text")
        if told[0] == "response.output_text.delta" or decoder.feed(*told) is None
    ]
    assert [["Hel"], ["lo"], [", "], ["wörld 🌍"]] == deltas
