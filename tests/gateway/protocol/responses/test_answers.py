"""Plain answers: of providers of this protocol, and for callers of it."""

import contextlib
from typing import Any

import msgspec
import pytest
from gateway.protocol.responses.samples import ENDING_WELL, NAMING, answer, last_response, strict, written
from hypothesis import given
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged, protocols, responses

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.responses.answer_in import decode_response
from monoize.gateway.protocol.responses.usage import read_report

WHOLE = [name for name in ENDING_WELL if name != "empty_end"]
COMPLETED = urp.Finish(reason="stop", native="completed", origin="responses")


def body(*output: Any, **members: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "model": "m",
        "status": "completed",
        "output": list(output),
        **members,
    }


def response(*nodes: urp.Node, finish: urp.Finish | None = None, **members: Any) -> urp.Response:
    finish = finish or urp.Finish(reason="stop")
    return urp.Response(id="chatcmpl-1", model="real", output=nodes, finish=finish, **members)


def output(*nodes: urp.Node, **members: Any) -> list[dict[str, Any]]:
    sent = written(response(*nodes, **members))
    strict(sent)
    return list(sent["output"])


def refused(answered: Any) -> str:
    with pytest.raises(BadAnswer) as problem:
        decode_response(answered)
    return str(problem.value)


@pytest.mark.parametrize("name", WHOLE)
def test_a_plain_answer_is_what_its_stream_would_have_told(name: str):
    plain, streamed = decode_response(last_response(name)), answer(name)
    assert (plain.finish, plain.usage, plain.model) == (streamed.finish, streamed.usage, streamed.model)
    if name == "parallel_tools":
        # The snapshots differ in what is encrypted; the one with which the item was done counts.
        assert ["gAAAAAcompleted==", "gAAAAAdone=="] == [each.output[0].encrypted for each in (plain, streamed)]
    elif name != "shifting_ids":
        assert plain.output == streamed.output


@pytest.mark.parametrize("name", WHOLE)
def test_a_recorded_answer_goes_back_as_it_came(name: str):
    before = last_response(name)
    after = written(decode_response(before))
    usage = before.pop("usage")
    assert usage.items() <= {**after["usage"], **usage}.items()
    assert usage["total_tokens"] == after.pop("usage")["total_tokens"]
    output = [{key: value for key, value in item.items() if value is not None} for item in before.pop("output")]
    for item in output:
        if item["type"] in ("custom_tool_call", "reasoning"):
            item.pop("status", None)
        for part in item.get("content", ()):
            if not part.get("logprobs", 1):
                del part["logprobs"]
    assert output == after.pop("output")
    assert before.items() <= {**after, "created_at": before["created_at"]}.items()


@pytest.mark.parametrize(
    ("members", "finish"),
    [
        ({}, COMPLETED),
        ({"status": None}, COMPLETED),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            urp.Finish(reason="length", native="max_output_tokens", origin="responses"),
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            urp.Finish(reason="content_filter", native="content_filter", origin="responses"),
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "steered"}},
            urp.Finish(reason="other", native="steered", origin="responses"),
        ),
        ({"status": "incomplete"}, urp.Finish(reason="other", native="incomplete", origin="responses")),
        ({"status": "cancelled"}, urp.Finish(reason="other", native="cancelled", origin="responses")),
    ],
)
def test_how_an_answer_ended_is_kept_exactly(members: dict[str, Any], finish: urp.Finish):
    decoded = decode_response(body(**members))
    assert finish == decoded.finish
    sent = written(decoded)
    strict(sent)
    assert (members.get("status") or "completed") == sent["status"]
    assert members.get("incomplete_details") == sent["incomplete_details"]


def test_an_answer_with_calls_ended_for_them():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    assert urp.Finish(reason="tool_calls", native="completed", origin="responses") == (
        decode_response(body(call)).finish
    )


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        ({}, "no output"),
        ({"error": {"message": "Out of cheese."}}, "Out of cheese."),
        ({"error": "Out of cheese."}, "Out of cheese."),
        (body(error={"code": "server_error", "message": "Out of cheese."}, status="failed"), "Out of cheese."),
        (body(status="failed"), "failed"),
        (body(status="in_progress"), "not finished"),
        (body(status="queued"), "not finished"),
        (body(3), "output[0]"),
        (body({"type": "function_call", "name": "f", "arguments": "{}"}), "output[0].call_id"),
    ],
)
def test_what_is_no_answer_says_why(answered: Any, words: str):
    assert words in refused(answered)


def test_members_that_nobody_else_knows_survive():
    more = {"service_tier": "flex", "metadata": {"a": "b"}, "conversation": {"id": "c"}, "something_new": 2**70}
    sent = written(decode_response(body(created_at=5, **more)))
    assert more.items() <= sent.items()
    assert ("resp_1", 5) == (sent["id"], sent["created_at"]), "it can be continued from"


def test_an_answer_of_another_protocol_has_a_name_and_time_of_ours():
    sent = written(response(created_at=5, extra={"service_tier": "x"}), model="asked-for")
    strict(sent)
    assert ("resp_ours", 1_700_000_000, "asked-for") == (sent["id"], sent["created_at"], sent["model"])
    assert "service_tier" not in sent
    assert "real" == written(response())["model"]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("other", "failed", None),
    ],
)
def test_ends_of_other_protocols_have_a_status(reason: urp.FinishReason, status: str, details: Any):
    text = urp.Text(role="assistant", text="a")
    sent = written(response(text, finish=urp.Finish(reason=reason, native="native", origin="gemini")))
    strict(sent)
    assert (status, details) == (sent["status"], sent["incomplete_details"])
    assert ("incomplete" if status == "incomplete" else "completed") == sent["output"][0]["status"]
    assert (status == "failed") == bool(sent["error"])


def test_words_of_one_phase_are_one_message_and_all_else_is_an_item():
    items = output(
        urp.Reasoning(summary=("a", "b")),
        urp.Text(role="assistant", text="c", phase="commentary"),
        urp.Refusal(text="d"),
        urp.Text(role="assistant", text="e", phase="final_answer"),
        urp.ToolCall(call_id="c1", name="f", arguments="{}"),
        urp.ToolCall(call_id="c2", name="g", arguments="raw", kind="custom"),
        urp.Text(role="assistant", text="h"),
    )
    kinds = ["reasoning", "message", "message", "function_call", "custom_tool_call", "message"]
    assert kinds == [item["type"] for item in items]
    assert [["output_text", "refusal"], ["output_text"], ["output_text"]] == [
        [part["type"] for part in item["content"]] for item in items if item["type"] == "message"
    ]
    assert ["commentary", "final_answer", None] == [
        item.get("phase") for item in items if item["type"] == "message"
    ]
    prefixes = ["rs", "msg", "msg", "fc", "ctc", "msg"]
    assert [f"{prefix}_{NAMING.node_id(place)}" for place, prefix in enumerate(prefixes)] == [
        item["id"] for item in items
    ]


def test_reasoning_that_says_nothing_takes_no_place():
    text = urp.Text(role="assistant", text="a")
    sealed = urp.Reasoning(encrypted="sig", origin="messages")
    [item] = output(urp.Reasoning(), sealed, text, urp.Reasoning(), text)
    assert (2, f"msg_{NAMING.node_id(0)}") == (len(item["content"]), item["id"])


def test_what_others_encrypted_is_not_shown_as_ours():
    [item] = output(urp.Reasoning(content="a", encrypted="sig", origin="messages"))
    assert "encrypted_content" not in item
    assert [{"type": "reasoning_text", "text": "a"}] == item["content"]


def test_nothing_is_in_progress_once_the_answer_is_there():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "in_progress"}
    message = {"type": "message", "role": "assistant", "content": [], "status": "in_progress"}
    sent = written(decode_response(body(call, {**message, "content": [{"type": "output_text", "text": "a"}]})))
    assert ["completed", "completed"] == [item["status"] for item in sent["output"]]


def test_an_item_without_an_id_does_not_borrow_one():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    [node] = decode_response(body(call)).output
    assert isinstance(node, urp.ToolCall)
    assert node.id is None


def test_pictures_sounds_and_addresses_of_others_are_said_somehow():
    picture = urp.Image(role="assistant", source=urp.Inline(media_type="image/webp", data="UklG"))
    items = output(
        picture,
        urp.Image(role="assistant", source=urp.Url(url="https://example.com/x")),
        urp.Audio(role="assistant", source=urp.Inline(media_type="audio/wav", data="AAAA"), transcript="la"),
        urp.File(role="assistant", source=urp.Url(url="https://example.com/a"), filename="a"),
        urp.Audio(role="assistant", source=urp.Inline(media_type="audio/wav", data="AAAA")),
        urp.ProviderItem(origin="gemini", role="assistant", item_type="x", body={"x": 1}),
    )
    assert ("UklG", "webp") == (items[0]["result"], items[0]["output_format"])
    assert ["![image](https://example.com/x)", "la", "[a](https://example.com/a)"] == [
        part["text"] for part in items[1]["content"]
    ]
    assert 2 == len(items)


def test_results_of_tools_that_the_provider_ran_stay_results():
    result = urp.ToolResult(call_id="c", content=(urp.Text(role="user", text="done"),))
    [item] = output(result)
    assert ("function_call_output", "done", "completed") == (item["type"], item["output"], item["status"])


def test_annotations_and_probabilities_are_kept_for_those_who_know_them():
    part = {"type": "output_text", "text": "a", "annotations": [{"type": "file_path", "file_id": "f", "index": 0}]}
    item = {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [part]}
    decoded = decode_response(body(item))
    assert [part] == written(decoded)["output"][0]["content"]
    foreign = msgspec.structs.replace(decoded, finish=urp.Finish(reason="stop"))
    assert [{"type": "output_text", "text": "a", "annotations": []}] == written(foreign)["output"][0]["content"]


def test_the_report_is_the_object_of_the_wire():
    usage = {"input_tokens": 1, "new": {"x": 2}}
    assert usage == read_report(body(usage=usage))
    assert read_report(body(usage=3)) is None


@at_leisure
@given(any_json)
def test_any_json_is_an_answer_or_none(answered: Any):
    with contextlib.suppress(BadAnswer):
        decode_response(answered)


@at_leisure
@given(damaged(responses("responses").map(written)))
def test_a_damaged_answer_is_an_answer_or_none(answered: Any):
    with contextlib.suppress(BadAnswer):
        written(decode_response(answered))


@at_leisure
@given(protocols.flatmap(responses))
def test_every_answer_satisfies_the_official_client(answered: urp.Response):
    strict(written(answered))


@at_leisure
@given(responses("responses"))
def test_what_can_be_said_is_understood_again(answered: urp.Response):
    again = decode_response(msgspec.json.decode(msgspec.json.encode(written(answered))))
    assert [msgspec.structs.replace(node, id=None) for node in answered.output] == [
        msgspec.structs.replace(node, id=None) for node in again.output
    ]
    assert (answered.finish.reason, answered.model) == (again.finish.reason, again.model)
    assert answered.usage == again.usage
