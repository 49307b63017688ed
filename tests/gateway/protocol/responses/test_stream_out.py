"""What callers of this protocol read of answers that stream, whoever gives them."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.responses.samples import (
    ENDING_WELL,
    FAILING,
    NAMING,
    answer,
    check,
    events_of,
    frames,
    kinds,
    last_response,
    lifecycle,
    told,
    wire,
    written,
)
from support.urp_strategies import frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.responses.stream_out import StreamEncoder

STARTED = urp.Started(id="chatcmpl-1", model="real")
TEXT = urp.Text(role="assistant", text="Hello")
EMPTY = urp.Text(role="assistant", text="")
CALL = urp.ToolCall(call_id="c", name="f", arguments='{"a":1}')
FAILED = urp.Failed(message="It broke.", code="upstream_truncated", usage=urp.Usage(input_tokens=3))


def done(*nodes: urp.Node, reason: urp.FinishReason = "stop", **members: Any) -> urp.Done:
    finish = urp.Finish(reason=reason)
    return urp.Done(response=urp.Response(id="chatcmpl-1", model="real", output=nodes, finish=finish, **members))


def says(index: int, *pieces: str) -> list[urp.StreamEvent]:
    return [urp.TextDelta(index=index, text=piece) for piece in pieces]


def test_a_text_from_its_beginning_to_its_end():
    events = [
        STARTED,
        *lifecycle(0, TEXT, EMPTY, *says(0, "Hel", "lo")),
        done(TEXT, usage=urp.Usage(input_tokens=2)),
    ]
    sent = told(events)
    assert [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ] == kinds(sent)
    where = {"item_id": f"msg_{NAMING.node_id(0)}", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    assert {"type": "response.content_part.added", "sequence_number": 3, **where, "part": part} == sent[3]
    assert {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        **where,
        "delta": "Hel",
        "logprobs": [],
    } == sent[4]
    assert {
        "input_tokens": 2,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 2,
    } == sent[-1]["response"]["usage"]
    assert sent[-1]["response"]["user"] is None


def test_an_event_is_named_before_its_data_and_in_them():
    sent = wire([STARTED, done()])
    assert sent.startswith(b'event: response.created\ndata: {"type":"response.created","sequence_number":0,')
    assert sent.endswith(b"}\n\n")


def test_no_done_marker_follows():
    for events in ([STARTED, done()], [STARTED, FAILED], [FAILED]):
        assert b"[DONE]" not in wire(events)


def test_a_call_ends_once_with_everything_it_has():
    begun = msgspec.structs.replace(CALL, arguments="")
    sent = told([STARTED, *lifecycle(0, CALL, begun, *says(0, '{"a"', ":1}")), done(CALL, reason="tool_calls")])
    [ended] = [event for event in sent if event["type"] == "response.function_call_arguments.done"]
    assert ('{"a":1}', "c", "f", f"fc_{NAMING.node_id(0)}") == (
        ended["arguments"],
        ended["call_id"],
        ended["name"],
        ended["item_id"],
    )
    assert ["in_progress", "completed"] == [event["item"]["status"] for event in sent if "item" in event]
    assert "" == sent[2]["item"]["arguments"]


def test_a_custom_call():
    call = msgspec.structs.replace(CALL, kind="custom", arguments="raw")
    begun = msgspec.structs.replace(call, arguments="")
    sent = told([STARTED, *lifecycle(0, call, begun, *says(0, "raw")), done(call)])
    assert [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ] == kinds(sent)[2:-1]
    assert "raw" == sent[-1]["response"]["output"][0]["input"]


def test_a_refusal_has_events_of_its_own():
    refusal = urp.Refusal(text="No.")
    sent = told([STARTED, *lifecycle(0, refusal, urp.Refusal(text=""), *says(0, "No.")), done(refusal)])
    assert ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"] == kinds(sent)[3:-2]


def test_summary_and_full_reasoning_are_separate_surfaces():
    thought = urp.Reasoning(content="deep", summary=("a", "bc"))
    deltas = [
        urp.ReasoningDelta(index=0, text="deep"),
        urp.ReasoningDelta(index=0, text="a", summary_index=0),
        urp.ReasoningDelta(index=0, text="b", summary_index=1),
        urp.ReasoningDelta(index=0, text="c", summary_index=1),
    ]
    sent = told([STARTED, *lifecycle(0, thought, urp.Reasoning(), *deltas), done(thought)])
    assert [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
    ] == kinds(sent)[2:-1]
    check(sent)


def test_events_that_nobody_documented_are_never_sent():
    for name in ENDING_WELL:
        assert not [kind for kind in kinds(told(events_of(frames(name)))) if kind.startswith("reasoning.")]
        assert "reasoning_signature.delta" not in kinds(told(events_of(frames(name))))


def test_reasoning_that_says_nothing_is_not_announced():
    sealed = urp.Reasoning(encrypted="sig", origin="messages")
    events = [
        STARTED,
        *lifecycle(0, EMPTY, EMPTY),
        *lifecycle(1, urp.Reasoning(), urp.Reasoning()),
        *lifecycle(2, sealed, urp.Reasoning()),
        *lifecycle(3, TEXT, EMPTY),
        *lifecycle(4, CALL, CALL),
        done(EMPTY, urp.Reasoning(), sealed, TEXT, CALL),
    ]
    sent = told(events)
    check(sent)
    assert ["message", "function_call"] == [item["type"] for item in sent[-1]["response"]["output"]]
    assert 2 == len(sent[-1]["response"]["output"][0]["content"])


def test_what_others_encrypted_is_not_shown_as_ours():
    thought = urp.Reasoning(summary=("a",), encrypted="sig", origin="messages")
    assert b"sig" not in wire([STARTED, *lifecycle(0, thought, urp.Reasoning()), done(thought)])
    own = msgspec.structs.replace(thought, origin="responses")
    assert b"sig" in wire([STARTED, *lifecycle(0, own, urp.Reasoning()), done(own)])


def test_nodes_that_interleave_are_told_one_after_the_other():
    other = msgspec.structs.replace(CALL, call_id="d")
    begun = [msgspec.structs.replace(call, arguments="") for call in (CALL, other)]
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=begun[0]),
        urp.NodeStarted(index=1, node=begun[1]),
        *says(1, '{"a"'),
        *says(0, '{"a":1}'),
        *says(1, ":1}"),
        urp.NodeDone(index=1, node=other),
        urp.NodeDone(index=0, node=CALL),
        done(CALL, other),
    ]
    sent = told(events)
    check(sent)
    assert ["c", "d"] == [item["call_id"] for item in sent[-1]["response"]["output"]]


def test_a_phase_begins_a_message():
    said = [urp.Text(role="assistant", text=phase, phase=phase) for phase in ("commentary", "final_answer")]
    begun = [msgspec.structs.replace(each, text="") for each in said]
    sent = told([STARTED, *lifecycle(0, said[0], begun[0]), *lifecycle(1, said[1], begun[1]), done(*said)])
    check(sent)
    assert ["commentary", "final_answer"] == [item["phase"] for item in sent[-1]["response"]["output"]]


def test_the_end_may_have_more_than_was_told():
    sent = told([STARTED, *lifecycle(0, TEXT, EMPTY), done(TEXT, CALL, urp.Reasoning(summary=("late",)))])
    check(sent)
    assert ["message", "function_call", "reasoning"] == [item["type"] for item in sent[-1]["response"]["output"]]


def test_the_end_completes_what_has_not_ended():
    events = [STARTED, urp.NodeStarted(index=0, node=EMPTY), *says(0, "Hel"), urp.NodeStarted(index=1, node=CALL)]
    sent = told([*events, done(TEXT, CALL)])
    check(sent)
    assert ["Hel", "lo"] == [event["delta"] for event in sent if event["type"] == "response.output_text.delta"]


def test_an_end_may_be_all_there_is():
    sent = told([done(TEXT)])
    check(sent)
    assert "created" == kinds(sent)[0]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("stop", "completed"),
        ("length", "incomplete"),
        ("content_filter", "incomplete"),
        ("other", "failed"),
    ],
)
def test_the_last_event_is_named_for_how_it_ended(reason: urp.FinishReason, kind: str):
    sent = told([STARTED, *lifecycle(0, TEXT, EMPTY), done(TEXT, reason=reason)])
    assert (kind, kind) == (kinds(sent)[-1], sent[-1]["response"]["status"])
    assert ("incomplete" if kind == "incomplete" else "completed") == sent[-1]["response"]["output"][0]["status"]


def test_a_failure_before_anything_is_an_error():
    [sent] = told([FAILED])
    error = {"message": "It broke.", "type": "server_error", "param": None, "code": "upstream_truncated"}
    assert {"type": "error", "sequence_number": 0, "error": error} | {
        name: error[name] for name in ("message", "param", "code")
    } == sent


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        (FAILED, "server_error"),
        (urp.Failed(message="x", status=429), "rate_limit_exceeded"),
        (urp.Failed(message="x", kind="rate_limit_error"), "rate_limit_exceeded"),
        (urp.Failed(message="x", code="context_length_exceeded"), "context_length_exceeded"),
        (urp.Failed(message="x", code="insufficient_quota"), "insufficient_quota"),
    ],
)
def test_a_failure_afterwards_is_a_failed_response_with_a_code_that_clients_know(failed: urp.Failed, code: str):
    last = told([STARTED, *lifecycle(0, CALL, CALL), urp.NodeStarted(index=1, node=EMPTY), failed])[-1]
    assert "response.failed" == last["type"]
    assert ("failed", {"code": code, "message": failed.message}) == (
        last["response"]["status"],
        last["response"]["error"],
    )
    assert ["function_call"] == [item["type"] for item in last["response"]["output"]]
    assert (failed.usage is not None) == bool(last["response"]["usage"])


def test_after_the_end_there_is_nothing():
    encoder = StreamEncoder(NAMING, None)
    for event in (STARTED, FAILED):
        encoder.encode(event)
    for event in (STARTED, FAILED, done(), urp.NodeStarted(index=0, node=TEXT)):
        assert b"" == encoder.encode(event)


def test_the_model_is_what_the_caller_is_to_read():
    encoder = StreamEncoder(NAMING, "asked-for")
    sent = [msgspec.json.decode(data) for _, data in frames_of(encoder.encode(STARTED) + encoder.encode(done()))]
    assert {"asked-for"} == {event["response"]["model"] for event in sent}


@pytest.mark.parametrize("name", ENDING_WELL)
def test_recordings_are_told_again_as_they_ended(name: str):
    sent = told(events_of(frames(name)), "responses")
    check(sent)
    last = last_response(name)
    if name not in ("empty_end", "parallel_tools", "shifting_ids"):
        assert written(answer(name))["output"] == sent[-1]["response"]["output"]
    if name not in ("only_the_end", "only_wholes"):
        assert (last["id"], last["created_at"]) == (sent[0]["response"]["id"], sent[0]["response"]["created_at"])
    assert last["service_tier"] == sent[-1]["response"]["service_tier"]


def test_a_provider_of_this_protocol_is_not_renamed():
    sent = told(events_of(frames("web_search")), "responses")
    assert ["ws_1", "ws_2", "msg_ws"] == [item["id"] for item in sent[-1]["response"]["output"]]
    assert "response.output_text.annotation.added" in {event["type"] for event in sent}
    assert ["in_progress", "completed"] == [
        event["item"]["status"] for event in sent if event.get("output_index") == 0 and "item" in event
    ]


@pytest.mark.parametrize("name", sorted(FAILING))
def test_recorded_failures_stay_failures(name: str):
    assert kinds(told(events_of(frames(name))))[-1] in ("failed", "error")
