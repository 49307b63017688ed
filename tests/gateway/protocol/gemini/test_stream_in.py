"""Streams of the provider: recorded ones, any that there could be, and the array that they may come as."""

import contextlib
from typing import Any

import msgspec
import pytest
from gateway.protocol.gemini.samples import FAILING, NAMES, RECORDED, decoded, events_of, frames, strict
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, assert_contract, damaged, fed, frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.gemini.stream_in import ELEMENT_BYTES_MOST, ArrayReader, StreamDecoder


def chunk(*parts: dict[str, Any], **candidate: Any) -> bytes:
    content = {"role": "model", "parts": list(parts)}
    return msgspec.json.encode({"candidates": [{"content": content, **candidate}]})


def failure(chunks: list[bytes]) -> urp.Failed:
    failed = events_of(chunks)[-1]
    assert isinstance(failed, urp.Failed)
    return failed


FINISHED = chunk(finishReason="STOP")


@pytest.mark.parametrize("name", NAMES)
def test_recordings_are_what_the_official_client_reads(name: str):
    for _, data in frames(name):
        if b'"error"' not in data:
            strict(msgspec.json.decode(data))


@pytest.mark.parametrize("name", NAMES)
def test_recordings_keep_the_contract(name: str):
    events = fed(StreamDecoder(), frames(name))

    assert (assert_contract(events) is None) == (name in FAILING)


def test_chunks_are_increments():
    response = decoded("text")

    assert (urp.Text(role="assistant", text="Grüße aus Köln 🎉"),) == response.output
    assert urp.Finish(reason="stop", native="STOP", origin="gemini") == response.finish
    assert ("mAitaLmkHPPlz7IPvtfUqQ4", "gemini-3.1-pro-preview") == (response.id, response.model)
    assert urp.Usage(input_tokens=8, output_tokens=7) == response.usage


def test_each_chunk_is_told_as_it_comes():
    decoder = StreamDecoder()

    told = [decoder.feed(*frame) for frame in frames("text")]

    assert [["Grü"], ["ße aus "], ["Köln 🎉"]] == [
        [event.text for event in events if isinstance(event, urp.TextDelta)] for events in told
    ]


def test_a_signature_that_comes_alone_belongs_to_the_words_before_it():
    thought, said = decoded("thinking").output

    assert urp.Reasoning(content="**Counting**\n\nThere are three of them.\n") == thought
    signature = "EpwCCpkCAXLI2nw+L2Rlc2lnbi9kb2N1bWVudA=="
    assert urp.Text(role="assistant", text="Three r's.", extra={"thoughtSignature": signature}) == said


def test_a_signed_first_part_stays_one_text_with_what_follows():
    thought, said = decoded("thinking_2_5").output

    assert "I should add." == thought.content
    assert urp.Text(role="assistant", text="2 + 2 = 4", extra={"thoughtSignature": "CikB0e2Kb1Zq"}) == said


def test_a_signed_thought_keeps_its_signature():
    events = events_of(
        [chunk({"text": "Hm", "thought": True}), chunk({"text": "", "thoughtSignature": "c2ln"}), FINISHED]
    )

    assert (urp.Reasoning(content="Hm", encrypted="c2ln", origin="gemini"),) == events[-1].response.output


def test_a_signature_before_any_words_is_kept():
    events = events_of([chunk({"text": "", "thoughtSignature": "c2ln"}), chunk({"text": "Hi"}), FINISHED])

    expected = (urp.Reasoning(encrypted="c2ln", origin="gemini"), urp.Text(role="assistant", text="Hi"))
    assert expected == events[-1].response.output


def test_two_signatures_are_of_two_texts():
    first, second = {"text": "a", "thoughtSignature": "MQ=="}, {"text": "b", "thoughtSignature": "Mg=="}

    output = events_of([chunk(first), chunk(second), FINISHED])[-1].response.output

    assert [("a", "MQ=="), ("b", "Mg==")] == [(node.text, node.extra["thoughtSignature"]) for node in output]


def test_parallel_calls_over_several_chunks_do_not_collide():
    response = decoded("parallel_calls")

    calls = [node for node in response.output if isinstance(node, urp.ToolCall)]
    answer = "call_mAitaLmkHPPlz7IPvtfUqQ4_"
    assert [f"{answer}0", f"{answer}1", f"{answer}2"] == [call.call_id for call in calls]
    assert ["get_weather", "get_weather", "now"] == [call.name for call in calls]
    assert ['{"city":"Paris","at":12345678901234567890}', '{"city":"Rome"}', "{}"] == [
        call.arguments for call in calls
    ]
    assert ["Er8BCrwBAXLI2nxQYXJpcw==", None, None] == [call.encrypted for call in calls]
    assert ["gemini", None, None] == [call.origin for call in calls]


def test_a_stop_with_calls_is_for_the_calls():
    assert ("tool_calls", "STOP") == (decoded("parallel_calls").finish.reason, decoded("text").finish.native)


def test_ids_that_are_given_are_kept():
    calls = [node.call_id for node in decoded("calls_with_ids").output if isinstance(node, urp.ToolCall)]

    assert ["m5nlz2xq", "k0p3wd71"] == calls


def test_ids_that_are_given_twice_are_told_apart():
    call = {"functionCall": {"id": "look", "name": "look"}}

    output = events_of([chunk(call, call), FINISHED])[-1].response.output

    assert ["look", "look_1"] == [node.call_id for node in output]


def test_a_finish_without_parts_is_a_finish():
    response = decoded("max_tokens")

    assert ((), "length") == (response.output, response.finish.reason)
    assert 997 == response.usage.reasoning_tokens == response.usage.output_tokens


def test_what_was_stopped_for_safety_keeps_what_was_said():
    response = decoded("stopped_for_safety")

    assert ("Once upon", "content_filter") == (response.output[0].text, response.finish.reason)
    assert "HIGH" == response.extra["candidate"]["safetyRatings"][0]["probability"]


def test_a_blocked_prompt_has_failed():
    failed = failure([data for _, data in frames("prompt_blocked")])

    assert ("content_filter", 400, 23) == (failed.code, failed.status, failed.usage.input_tokens)
    assert "PROHIBITED_CONTENT" in failed.message


def test_an_error_midway_has_failed():
    failed = failure([data for _, data in frames("error_midway")])

    assert ("UNAVAILABLE", 503) == (failed.kind, failed.status)
    assert "The model is overloaded. Please try again later." == failed.message
    assert 2 == failed.usage.output_tokens


def test_an_end_without_a_finish_has_failed():
    assert "upstream_truncated" == failure([data for _, data in frames("truncated")]).code
    assert "upstream_truncated" == failure([]).code


@pytest.mark.parametrize("name", sorted(set(NAMES) - FAILING - {"max_tokens"}))
def test_a_recording_cut_before_its_finish_has_failed(name: str):
    cut = []
    for _, data in frames(name):
        if b"finishReason" in data:
            break
        cut.append(data)

    assert "upstream_truncated" == failure(cut).code


@pytest.mark.parametrize("data", [b"{", b"<html>", b'"text"', b"[1]", b'{"a":"\xff"}', b"[" * 10_000, b"null"])
def test_what_is_no_chunk_has_failed(data: bytes):
    assert "upstream_invalid" == failure([chunk({"text": "a"}), data, FINISHED]).code


def test_a_call_without_a_name_has_failed():
    assert "upstream_invalid" == failure([chunk({"functionCall": {"args": {}}}), FINISHED]).code


def test_an_unspecified_finish_is_none():
    assert "upstream_truncated" == failure([chunk(finishReason="FINISH_REASON_UNSPECIFIED")]).code


def test_words_after_a_finish_still_count():
    """Some gateways say with every chunk that they have finished."""
    finished = [chunk({"text": text}, finishReason="STOP") for text in ("a", "b")]

    assert "ab" == events_of(finished)[-1].response.output[0].text


def test_nothing_follows_the_end():
    decoder = StreamDecoder()
    decoder.feed(None, FINISHED)
    decoder.end()

    assert [] == decoder.feed(None, chunk({"text": "more"})) + decoder.end()


def test_the_word_of_other_streams_for_done_says_nothing():
    events = events_of([chunk({"text": "a"}), b"[DONE]", FINISHED, b" [DONE] ", b""])

    assert isinstance(events[-1], urp.Done)


def test_searches_of_the_web_are_counted():
    assert 2 == decoded("grounded").usage.web_searches


def test_the_results_of_tools_are_part_of_the_prompt():
    usage = decoded("grounded").usage

    assert (150, 120, 49, 40) == (
        usage.input_tokens,
        usage.tool_prompt_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )


def test_what_was_cached_is_part_of_the_prompt_and_may_come_late():
    usage = decoded("cached").usage

    assert (4100, 4096, "flex") == (usage.input_tokens, usage.cache_read_tokens, usage.service_tier)


def test_what_was_spoken_is_counted():
    assert 32 == decoded("spoken").usage.input_audio_tokens


def test_images_are_images():
    said, image = decoded("image").output

    assert "Here you are: " == said.text
    assert urp.Inline(media_type="image/png", data="iVBORw0KGgoAAAANSUhEUg==") == image.source


def test_what_only_this_protocol_knows_is_carried():
    code, result, said = decoded("code").output

    assert ("executableCode", "codeExecutionResult") == (code.item_type, result.item_type)
    assert "print(2**64)" == code.body["executableCode"]["code"]
    assert "18446744073709551616" == said.text


def test_the_raw_usage_is_kept_as_merged():
    decoder = StreamDecoder()
    fed(decoder, frames("grounded"))

    assert 120 == decoder.report["toolUsePromptTokenCount"]
    assert 199 == decoder.report["totalTokenCount"]


chunks = st.sampled_from([data for name in NAMES for _, data in frames(name)])
damaged_chunks = damaged(chunks.map(msgspec.json.decode)).map(msgspec.json.encode)
any_data = chunks | damaged_chunks | any_json.map(msgspec.json.encode) | st.binary(max_size=20)


@at_leisure
@given(st.lists(any_data, max_size=6))
def test_any_frames_keep_the_contract(data: list[bytes]):
    assert_contract(events_of(data))


@at_leisure
@given(st.sampled_from(NAMES), st.data())
def test_a_stream_is_the_same_however_its_bytes_are_cut(name: str, data: st.DataObject):
    array = b"[" + b"\n,\r\n".join(chunk for _, chunk in frames(name)) + b"\n]"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(array)), max_size=8)))
    reader = ArrayReader()

    found = [
        element
        for start, end in zip([0, *cuts], [*cuts, len(array)], strict=True)
        for element in reader.feed(array[start:end])
    ]

    assert [chunk for _, chunk in frames(name)] == found


@at_leisure
@given(st.lists(st.dictionaries(st.text(), any_json, max_size=3), max_size=3))
def test_an_array_is_read_byte_by_byte(elements: list[dict[str, Any]]):
    reader = ArrayReader()
    array = msgspec.json.encode(elements)

    found = [element for place in range(len(array)) for element in reader.feed(array[place : place + 1])]

    assert elements == [msgspec.json.decode(element) for element in found]


def test_an_error_that_comes_without_an_array_is_read():
    assert [b'{"error": {}}'] == ArrayReader().feed(b' {"error": {}} ')


@pytest.mark.parametrize("data", [b"<html>", b"[1]", b'["{"]', b"[{}x"])
def test_what_is_no_array_of_objects_is_refused(data: bytes):
    with pytest.raises(BadAnswer):
        ArrayReader().feed(data)


def test_an_element_without_end_is_refused():
    reader = ArrayReader()
    piece = b"a" * (ELEMENT_BYTES_MOST // 4)
    reader.feed(b'{"a": "')
    for _ in range(3):
        reader.feed(piece)

    with pytest.raises(BadAnswer):
        reader.feed(piece)


@at_leisure
@given(st.binary(max_size=60) | st.text('[]{}",\\ a:', max_size=60).map(str.encode), st.integers(1, 9))
def test_any_bytes_are_read_or_refused(data: bytes, size: int):
    reader = ArrayReader()
    with contextlib.suppress(BadAnswer):
        for start in range(0, len(data), size):
            reader.feed(data[start : start + size])


def test_recordings_are_streams_of_events():
    for name in NAMES:
        assert all(event is None for event, _ in frames_of((RECORDED / f"{name}.sse").read_bytes()))
