"""The contents of a request to the provider: who says what, in which order, and what of it is left out."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.gemini.asking import HELLO, NEWER, asked, call, result, text
from gateway.protocol.gemini.samples import MODEL

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.turns_out import UNSIGNED

PICTURE = urp.Image(role="user", source=urp.Inline(media_type="image/png", data="aGk="))
PICTURE_PART = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}


def test_instructions_stand_apart_wherever_they_stood():
    body = asked(HELLO, urp.Text(role="developer", text="Be brief."), text("Well?"))

    assert {"parts": [{"text": "Be brief."}]} == body["systemInstruction"]
    assert [{"role": "user", "parts": [{"text": "Hello"}, {"text": "Well?"}]}] == body["contents"]


def test_instructions_alone_are_asked_as_a_question():
    body = asked(urp.Text(role="system", text="Say hello."))

    assert {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]} == body


def test_empty_words_are_left_out():
    body = asked(HELLO, urp.Text(role="assistant", text=""), urp.Text(role="system", text=""))

    assert {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]} == body


def test_results_stand_alone_and_right_after_their_calls():
    body = asked(
        HELLO,
        call("a"),
        call("b", "g"),
        result("b", text("2")),
        text("And then?"),
        result("a", text("1")),
        urp.Text(role="assistant", text="Done."),
    )

    assert [
        ("user", ["text"]),
        ("model", ["functionCall", "functionCall"]),
        ("user", ["functionResponse", "functionResponse"]),
        ("user", ["text"]),
        ("model", ["text"]),
    ] == [(content["role"], [next(iter(part)) for part in content["parts"]]) for content in body["contents"]]
    answers = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert [("a", "f", {"output": "1"}), ("b", "g", {"output": "2"})] == [
        (answer["id"], answer["name"], answer["response"]) for answer in answers
    ]


def test_calls_one_after_the_other_stay_so():
    body = asked(HELLO, call("a"), result("a"), call("b"), result("b"))

    assert ["user", "model", "user", "model", "user"] == [content["role"] for content in body["contents"]]


def test_calls_without_results_and_results_without_calls_are_left_out():
    body = asked(HELLO, call("a"), result("b", text("2")), urp.Text(role="assistant", text="Well."))

    assert ["text"] == [next(iter(part)) for part in body["contents"][1]["parts"]]
    assert 2 == len(body["contents"])


def test_ids_that_come_twice_belong_to_their_own_turn():
    """Other gateways call the first call of every turn the same."""
    body = asked(
        HELLO,
        call("call_0", "f"),
        result("call_0", text("1")),
        text("Again."),
        call("call_0", "g"),
        result("call_0", text("2")),
    )

    answers = [
        part["functionResponse"]
        for content in body["contents"]
        for part in content["parts"]
        if len(part) == 1 and "functionResponse" in part
    ]
    assert [("f", "1"), ("g", "2")] == [(each["name"], each["response"]["output"]) for each in answers]


def test_ids_that_come_twice_in_one_turn_keep_their_order():
    body = asked(HELLO, call("f"), call("f"), result("f", text("1")), result("f", text("2")))

    answers = [part["functionResponse"]["response"] for part in body["contents"][2]["parts"]]
    assert [{"output": "1"}, {"output": "2"}] == answers


def test_the_name_of_a_result_is_that_of_its_call():
    body = asked(HELLO, call("a", "right"), result("a", name="wrong"))

    assert "right" == body["contents"][2]["parts"][0]["functionResponse"]["name"]


def test_failed_functions_say_so():
    body = asked(HELLO, call("a"), result("a", text("no such city"), is_error=True))

    assert {"error": "no such city"} == body["contents"][2]["parts"][0]["functionResponse"]["response"]


@pytest.mark.parametrize(
    ("words", "response"),
    [
        ('{"t":20}', {"t": 20}),
        ('{"t": 20}', {"output": '{"t": 20}'}),
        ('{"output":1}', {"output": '{"output":1}'}),
        ("{}", {"output": "{}"}),
        ("[1]", {"output": "[1]"}),
        ("sunny", {"output": "sunny"}),
    ],
)
def test_an_object_is_answered_as_one_if_it_stays_the_same_text(words: str, response: Any):
    body = asked(HELLO, call("a"), result("a", text(words)))

    assert response == body["contents"][2]["parts"][0]["functionResponse"]["response"]


def test_images_of_a_result_are_in_it_for_newer_models():
    body = asked(HELLO, call("a"), result("a", text("see"), PICTURE), model=NEWER)

    assert [PICTURE_PART] == body["contents"][2]["parts"][0]["functionResponse"]["parts"]
    assert 3 == len(body["contents"])


def test_images_of_a_result_follow_it_for_older_models():
    body = asked(HELLO, call("a"), result("a", text("see"), PICTURE), call("b"), result("b"), model=MODEL)

    assert "parts" not in body["contents"][2]["parts"][0]["functionResponse"]
    assert {"role": "user", "parts": [PICTURE_PART]} == body["contents"][3]


def test_signatures_go_back_with_their_calls_and_thoughts():
    body = asked(
        HELLO,
        urp.Reasoning(content="hm", encrypted="dGg=", origin="gemini"),
        call("a", encrypted="c2ln", origin="gemini"),
        call("b"),
        result("a"),
        result("b"),
        model=NEWER,
    )

    thought, first, second = body["contents"][1]["parts"]
    assert {"text": "hm", "thought": True, "thoughtSignature": "dGg="} == thought
    assert ("c2ln", None) == (first["thoughtSignature"], second.get("thoughtSignature"))


def test_signatures_of_texts_go_back_to_where_they_came_from():
    signed = urp.Text(role="assistant", text="Hi", extra={"thoughtSignature": "c2ln"})

    assert {"text": "Hi", "thoughtSignature": "c2ln"} == asked(signed, origin="gemini")["contents"][0]["parts"][0]
    assert {"text": "Hi"} == asked(signed, origin="chat")["contents"][0]["parts"][0]


def test_what_others_encrypted_is_left_out():
    body = asked(
        HELLO,
        urp.Reasoning(content="readable", encrypted="x", origin="messages"),
        urp.Reasoning(encrypted="x", origin="responses"),
        call("a", encrypted="x", origin="chat"),
        result("a"),
    )

    thought, called = body["contents"][1]["parts"]
    assert {"text": "readable", "thought": True} == thought
    assert "thoughtSignature" not in called


def test_newer_models_are_told_of_calls_that_were_never_signed():
    nodes = (HELLO, call("a"), call("b"), result("a"), result("b"), call("c"), result("c"))

    first, _, second = asked(*nodes, model=NEWER)["contents"][1:4]

    assert [UNSIGNED, None] == [part.get("thoughtSignature") for part in first["parts"]]
    assert UNSIGNED == second["parts"][0]["thoughtSignature"]
    assert UNSIGNED not in str(asked(*nodes, model=MODEL))
    assert UNSIGNED not in str(asked(*nodes, model="gemma-4-31b-it"))


@pytest.mark.parametrize("words", ["", "  ", "{}"])
def test_no_arguments_are_an_empty_object(words: str):
    body = asked(HELLO, call("a", arguments=words), result("a"))

    assert {} == body["contents"][1]["parts"][0]["functionCall"]["args"]


@pytest.mark.parametrize("words", ["{", "[1]", "null", "hello"])
def test_arguments_that_are_no_object_are_kept_as_they_are(words: str):
    body = asked(HELLO, call("a", arguments=words), result("a"))

    assert {"_raw": words} == body["contents"][1]["parts"][0]["functionCall"]["args"]


def test_large_integers_are_exact():
    body = asked(HELLO, call("a", arguments=f'{{"n":{2**64 + 1}}}'), result("a"))

    assert str(2**64 + 1).encode() in msgspec.json.encode(body)


def test_free_form_tools_are_left_out_with_their_calls_and_results():
    body = asked(
        HELLO,
        call("a", kind="custom", arguments="ls"),
        result("a", text("x"), kind="custom"),
        tools=(urp.Tool(name="shell", kind="custom"),),
    )

    assert {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]} == body


def test_words_of_nodes_do_not_cross():
    node = urp.Text(role="user", text="a", extra={"cache_control": {"type": "ephemeral"}})

    assert [{"text": "a"}] == asked(node)["contents"][0]["parts"]


@pytest.mark.parametrize(
    ("node", "part"),
    [
        (
            urp.Image(role="user", source=urp.Url(url="data:image/png;base64,aGk=")),
            PICTURE_PART,
        ),
        (
            urp.File(role="user", source=urp.Url(url="data:,a%20b")),
            {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}},
        ),
        (
            urp.Image(role="user", source=urp.Url(url="https://example.com/a.WEBP?x=y.png")),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/a.WEBP?x=y.png"}},
        ),
        (
            urp.File(role="user", source=urp.Url(url="https://example.com/a")),
            {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a"}},
        ),
        (
            urp.File(role="user", source=urp.PlainText(text="hi"), filename="a.txt"),
            {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
        ),
        (
            urp.Audio(role="user", source=urp.Inline(media_type="audio/wav", data="aGk=")),
            {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
        ),
        (
            urp.File(role="user", source=urp.FileId(file_id="gs://b/a.pdf", origin="gemini")),
            {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/a.pdf"}},
        ),
        (urp.Refusal(text="I cannot."), {"text": "I cannot."}),
        (
            urp.Audio(role="assistant", source=urp.Url(url="x"), transcript="I said so."),
            {"text": "I said so."},
        ),
        (urp.Reasoning(summary=("a", "b")), {"text": "a\n\nb", "thought": True}),
    ],
)
def test_parts(node: urp.Node, part: dict[str, Any]):
    assert part == asked(node)["contents"][0]["parts"][0]


@pytest.mark.parametrize(
    "node",
    [
        urp.File(role="user", source=urp.FileId(file_id="file-1", origin="responses")),
        urp.ProviderItem(origin="responses", role="user", item_type="x", body={"type": "x"}),
        urp.Reasoning(id="rs_1"),
    ],
)
def test_what_cannot_be_said_is_left_out(node: urp.Node):
    assert [{"role": "user", "parts": [{"text": "Hello"}]}] == asked(HELLO, node)["contents"]


def test_what_part_of_an_answer_a_text_was_does_not_cross():
    assert [{"text": "a"}] == asked(urp.Text(role="assistant", text="a", phase="commentary"))["contents"][0][
        "parts"
    ]
