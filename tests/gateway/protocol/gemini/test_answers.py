"""Plain answers: what the provider said, and what a caller of this protocol is told."""

import contextlib
from typing import Any

import msgspec
import pytest
from gateway.protocol.gemini.samples import (
    FAILING,
    NAMES,
    NAMING,
    decoded,
    events_of,
    frames,
    over_wire,
    said_response,
    strict,
)
from hypothesis import given
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged, protocols, responses

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.gemini.answer_in import decode_response
from monoize.gateway.protocol.gemini.answer_out import encode_response


def answer(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}]}


def told(*output: urp.Node, model: str | None = None, **more: Any) -> dict[str, Any]:
    response = urp.Response(
        **{"id": "x", "model": "real", "output": output, "finish": urp.Finish(reason="stop"), **more}
    )
    return encode_response(response, model=model, naming=NAMING)


@at_leisure
@given(responses("gemini"))
def test_what_this_protocol_can_say_comes_back_as_it_was(response: urp.Response):
    body = over_wire(encode_response(response, model=None, naming=NAMING))

    assert said_response(response) == decode_response(body)


@at_leisure
@given(protocols.flatmap(responses))
def test_answers_of_every_protocol_are_what_the_official_client_reads(response: urp.Response):
    body = encode_response(response, model="asked", naming=NAMING)

    read = strict(body)
    assert ("resp-1", "asked", 0) == (read.response_id, read.model_version, read.candidates[0].index)
    texts = [node.text for node in response.output if isinstance(node, urp.Text)]
    assert "".join(texts) == (read.text or "")


@pytest.mark.parametrize("name", sorted(set(NAMES) - FAILING))
def test_a_plain_answer_is_what_its_stream_is(name: str):
    """As the service writes it when it does not stream: the parts of all chunks, the last of the rest."""
    whole: dict[str, Any] = {}
    candidate: dict[str, Any] = {}
    parts: list[Any] = []
    for _, data in frames(name):
        chunk = msgspec.json.decode(data)
        for one in chunk.pop("candidates", []):
            parts += one.pop("content", {}).get("parts", [])
            candidate |= one
        whole |= chunk
    body = {**whole, "candidates": [{**candidate, "content": {"role": "model", "parts": parts}}]}

    assert decoded(name) == decode_response(body)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("MISSING_THOUGHT_SIGNATURE", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_why_it_finished(word: str, reason: str):
    finish = decode_response(answer({"text": "a"}, finishReason=word)).finish

    assert urp.Finish(reason=reason, native=word, origin="gemini") == finish


def test_a_finish_without_parts_is_an_answer():
    response = decode_response({"candidates": [{"finishReason": "MAX_TOKENS", "index": 0}]})

    assert ((), "length") == (response.output, response.finish.reason)


def test_an_answer_that_does_not_say_why_it_finished_is_one():
    assert "stop" == decode_response(answer({"text": "a"})).finish.reason


def test_calls_cut_off_are_cut_off():
    body = answer({"functionCall": {"name": "f"}}, finishReason="MAX_TOKENS")

    assert "length" == decode_response(body).finish.reason


def test_ids_of_calls_are_made_where_there_are_none():
    call = {"functionCall": {"name": "f"}}

    response = decode_response({**answer(call, call), "responseId": "a-B_1/="})

    assert ["call_a-B_1_0", "call_a-B_1_1"] == [node.call_id for node in response.output]
    assert ["call_0", "call_1"] == [node.call_id for node in decode_response(answer(call, call)).output]


def test_thoughts_that_are_images_are_no_images():
    part = {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True}

    assert (
        urp.ProviderItem(origin="gemini", role="assistant", item_type="inlineData", body=part)
        == decode_response(answer(part)).output[0]
    )


def test_names_with_underscores_are_read():
    body = {"candidates": [{"content": {"parts": [{"inline_data": {"mime_type": "image/png", "data": "aGk="}}]}}]}

    assert isinstance(decode_response(body).output[0], urp.Image)


def test_only_the_first_candidate_counts():
    body = {
        "candidates": [{**answer({"text": "b"})["candidates"][0], "index": 1}, *answer({"text": "a"})["candidates"]]
    }

    assert "a" == decode_response(body).output[0].text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, ""),
        ([], ""),
        ("<html>", ""),
        ({"candidates": []}, ""),
        ({"candidates": [{}]}, ""),
        ({"candidates": [{"content": {"role": "model"}}]}, ""),
        ({"candidates": "a"}, ""),
        ({"candidates": ["a"]}, ""),
        ({"candidates": [{"content": "a"}]}, ""),
        ({"candidates": [{"content": {"parts": ["a"]}}]}, ""),
        ({"candidates": [{"content": {"parts": [{"text": 1}]}}]}, ""),
        ({"candidates": [{"content": {"parts": [{"functionCall": {"args": {}}}]}}]}, ""),
        ({"usageMetadata": {"promptTokenCount": 1}}, ""),
        ({"error": {"code": 500, "message": "An internal error.", "status": "INTERNAL"}}, "An internal error."),
        ({"error": "out of order"}, "out of order"),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "The provider refused the prompt: SAFETY."),
        ({"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "No."}}, "No."),
    ],
)
def test_what_is_no_answer(body: Any, message: str):
    with pytest.raises(BadAnswer) as bad:
        decode_response(body)

    assert message in str(bad.value) and str(bad.value)


bodies = responses("gemini").map(lambda each: over_wire(encode_response(each, model=None, naming=NAMING)))


@at_leisure
@given(any_json | damaged(bodies))
def test_anything_is_an_answer_or_is_none(body: Any):
    with contextlib.suppress(BadAnswer):
        decode_response(body)


def test_the_model_is_the_one_asked_for_or_else_the_one_that_served():
    assert ("alias", "real") == (told(model="alias")["modelVersion"], told()["modelVersion"])


def test_an_empty_answer_has_an_empty_part():
    """Clients look for one without asking whether it is there."""
    assert [{"text": ""}] == told()["candidates"][0]["content"]["parts"]


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (urp.Finish(reason="tool_calls", native="tool_use", origin="messages"), "STOP"),
        (urp.Finish(reason="length"), "MAX_TOKENS"),
        (urp.Finish(reason="content_filter", native="refusal", origin="messages"), "SAFETY"),
        (urp.Finish(reason="other", native="failed", origin="responses"), "OTHER"),
        (urp.Finish(reason="content_filter", native="SPII", origin="gemini"), "SPII"),
    ],
)
def test_the_word_for_why_it_finished(finish: urp.Finish, word: str):
    assert word == told(finish=finish)["candidates"][0]["finishReason"]


def test_calls_are_told_with_their_ids_and_own_signatures_only():
    parts = told(
        urp.ToolCall(call_id="a", name="f", arguments='{"n":1}', encrypted="c2ln", origin="gemini"),
        urp.ToolCall(call_id="b", name="g", arguments="{", encrypted="x", origin="messages"),
    )["candidates"][0]["content"]["parts"]

    assert [
        {"functionCall": {"id": "a", "name": "f", "args": {"n": 1}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "b", "name": "g", "args": {"_raw": "{"}}},
    ] == parts


def test_what_a_caller_cannot_be_told_is_left_out():
    parts = told(
        urp.Reasoning(encrypted="x", origin="responses"),
        urp.ProviderItem(origin="responses", role="assistant", item_type="x", body={}),
        urp.Image(role="assistant", source=urp.FileId(file_id="f", origin="responses")),
        urp.Refusal(text="I cannot."),
        urp.Text(role="assistant", text="a", extra={"annotations": []}),
    )["candidates"][0]["content"]["parts"]

    assert [{"text": "I cannot."}, {"text": "a"}] == parts


def test_what_only_this_protocol_knows_comes_back_to_it():
    response = decoded("grounded")

    own = encode_response(response, model=None, naming=NAMING)
    foreign = msgspec.structs.replace(response, finish=urp.Finish(reason="stop"))

    assert response.extra["candidate"]["groundingMetadata"] == own["candidates"][0]["groundingMetadata"]
    strict(own)
    assert "groundingMetadata" not in encode_response(foreign, model=None, naming=NAMING)["candidates"][0]


@pytest.mark.parametrize("name", sorted(set(NAMES) - FAILING))
def test_recordings_come_back_as_they_were(name: str):
    response = decoded(name)

    body = over_wire(encode_response(response, model=None, naming=NAMING))

    again = decode_response(body)
    calls = [node.call_id for node in response.output if isinstance(node, urp.ToolCall)]
    assert response.output == again.output
    assert calls == [node.call_id for node in again.output if isinstance(node, urp.ToolCall)]
    assert (response.finish, response.extra) == (again.finish, again.extra)


def test_a_stream_of_one_chunk_is_a_plain_answer():
    body = answer({"text": "a"}, finishReason="STOP")

    assert events_of([msgspec.json.encode(body)])[-1].response == decode_response(body)
