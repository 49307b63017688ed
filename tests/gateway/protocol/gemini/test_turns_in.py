"""The contents of a request: their parts, and which result is of which call."""

from typing import Any

import pytest

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.gemini.request_in import decode_request


def nodes(*contents: dict[str, Any]) -> list[urp.Node]:
    return list(decode_request({"contents": list(contents)}).input)


def content(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **more}}


def result(name: str, response: Any = None, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response or {}, **more}}


def test_a_call_without_an_id_gets_one_and_its_result_the_same():
    found = nodes(
        content("model", call("f"), call("g"), call("f", args={"n": 2})),
        content("user", result("f", {"output": "1"}), result("f", {"output": "2"}), result("g", {"output": "3"})),
    )

    assert [("f", "call_0"), ("g", "call_1"), ("f", "call_2")] == [(n.name, n.call_id) for n in found[:3]]
    assert [("call_0", "1"), ("call_2", "2"), ("call_1", "3")] == [
        (n.call_id, n.content[0].text) for n in found[3:]
    ]


def test_given_ids_find_their_calls_whatever_the_order():
    found = nodes(
        content("model", call("f", id="a"), call("f"), call("f", id="call_0")),
        content("user", result("f", id="call_0"), result("f", id="a"), result("f")),
    )

    assert ["a", "call_0_", "call_0", "call_0", "a", "call_0_"] == [node.call_id for node in found]


def test_a_result_may_leave_out_its_name_if_its_id_is_known():
    found = nodes(content("model", call("f", id="a")), content("user", {"functionResponse": {"id": "a"}}))

    assert ("a", "f") == (found[1].call_id, found[1].name)


def test_the_same_request_always_gets_the_same_ids():
    contents = [content("model", call("f"), call("f")), content("user", result("f"))]

    assert nodes(*contents) == nodes(*contents)


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "sunny"}, "sunny", False),
        ({"error": "no such city"}, "no such city", True),
        ({"output": {"t": 20}}, '{"t":20}', False),
        ({"output": 0}, "0", False),
        ({"output": False}, "false", False),
        ({"result": "sunny"}, '{"result":"sunny"}', False),
        ({"output": "a", "unit": "b"}, '{"output":"a","unit":"b"}', False),
        ({"big": 2**70}, f'{{"big":{2**70}}}', False),
    ],
)
def test_what_came_out_of_a_function(response: Any, text: str, is_error: bool):
    node = nodes(content("model", call("f")), content("user", result("f", response)))[1]

    assert (text, is_error) == (node.content[0].text, node.is_error)


@pytest.mark.parametrize("response", [{}, {"output": ""}, {"output": None}])
def test_a_function_may_have_nothing_to_say(response: Any):
    assert () == nodes(content("model", call("f")), content("user", result("f", response)))[1].content


def test_images_of_a_result_stay_in_it():
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk=", "displayName": "chart.png"}}
    other = {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}

    node = nodes(content("model", call("f")), content("user", result("f", parts=[image, other])))[1]

    picture, sound = node.content
    assert urp.Inline(media_type="image/png", data="aGk=") == picture.source
    assert ("functionResponsePart", other) == (sound.item_type, sound.body)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"inlineData": {"mimeType": "audio/wav", "data": "_-8"}},
            urp.Audio(role="user", source=urp.Inline(media_type="audio/wav", data="/+8=")),
        ),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "aGk=", "displayName": "a.pdf"}},
            urp.File(role="user", source=urp.Inline(media_type="application/pdf", data="aGk="), filename="a.pdf"),
        ),
        (
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
            urp.File(
                role="user",
                source=urp.FileId(
                    file_id="https://generativelanguage.googleapis.com/v1beta/files/abc", origin="gemini"
                ),
            ),
        ),
        (
            {"fileData": {"fileUri": "gs://bucket/a.png", "mimeType": "image/png"}},
            urp.Image(
                role="user",
                source=urp.FileId(file_id="gs://bucket/a.png", origin="gemini"),
                extra={"fileData": {"mimeType": "image/png"}},
            ),
        ),
        (
            {"fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"}, "videoMetadata": {"fps": 1}},
            urp.File(
                role="user",
                source=urp.Url(url="https://youtu.be/x"),
                extra={"fileData": {"mimeType": "video/mp4"}, "videoMetadata": {"fps": 1}},
            ),
        ),
        (
            {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
            urp.Reasoning(content="hm", encrypted="c2ln", origin="gemini"),
        ),
        (
            {"text": "hm", "thoughtSignature": "c2ln"},
            urp.Text(role="user", text="hm", extra={"thoughtSignature": "c2ln"}),
        ),
        ({"text": "", "thoughtSignature": "c2ln"}, urp.Reasoning(encrypted="c2ln", origin="gemini")),
        (
            {"executableCode": {"code": "1"}},
            urp.ProviderItem(
                origin="gemini", role="user", item_type="executableCode", body={"executableCode": {"code": "1"}}
            ),
        ),
    ],
)
def test_parts(part: dict[str, Any], expected: urp.Node):
    assert [expected] == nodes(content("user", part))


@pytest.mark.parametrize("part", [{}, {"text": ""}, {"thought": True}, {"text": None}])
def test_parts_that_say_nothing(part: dict[str, Any]):
    assert [] == nodes(content("user", part))


def test_arguments_that_are_nested_too_deeply_are_refused():
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}

    with pytest.raises(BadRequest):
        nodes(content("model", call("f", args=deep)))
