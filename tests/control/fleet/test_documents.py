"""Documents have one normal form and one digest, whoever computes it, and what is no login is refused."""

import json
import string
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model import dates, documents, json_text, quality
from monoize.control.fleet.model.documents import BadDocument, Credential
from monoize.control.fleet.model.tools import CODEX, TOOLS

VECTORS: Final = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
TOKEN: Final = "sk-live-4f9a8b7c6d5e4f3a2b1c"


def named(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


def read(text: str, tool: str = "codex") -> Credential:
    return documents.read(json_text.read(text), TOOLS[tool])


def with_token(token: str) -> str:
    return json.dumps({"OPENAI_API_KEY": token, "last_refresh": "2026-11-01T10:00:00Z"})


@named(VECTORS["same"])
def test_a_document_has_one_normal_form_and_one_digest(case: dict[str, Any]):
    credential = read(case["document"], case["tool"])

    assert case["canonical"] == credential.text
    assert case["digest"] == credential.digest
    assert case["moment"] == dates.written(credential.moment)
    assert VECTORS["digest_alg"] == json_text.DIGEST_ALGORITHM


@named(VECTORS["same"])
def test_bringing_the_normal_form_into_normal_form_changes_nothing(case: dict[str, Any]):
    assert case["canonical"] == read(case["canonical"], case["tool"]).text


@named(VECTORS["refused"])
def test_what_is_no_login_is_refused_by_its_place_and_without_its_content(case: dict[str, Any]):
    with pytest.raises(BadDocument) as refused:
        read(case["document"], case["tool"])

    assert case["pointer"] == refused.value.pointer
    assert TOKEN not in str(refused.value)


@named(VECTORS["unreadable"])
def test_what_two_readers_could_see_differently_is_not_read(case: dict[str, Any]):
    with pytest.raises(ValueError, match=r"\w"):
        json_text.read(case["document"])


def test_bytes_that_are_not_utf_8_are_not_read():
    with pytest.raises(ValueError, match="Unicode"):
        json_text.read(b'{"a": "\xff"}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_writing_what_was_read_means_the_same(value: Any):
    if "\\u0000" in json.dumps(value) or "\\ud" in json.dumps(value):
        return
    text = json.dumps(value)

    written = json_text.write(json_text.read(text))

    assert value == json.loads(written)
    assert written == json_text.write(json_text.read(written))


@given(st.dictionaries(st.text(string.printable), json_values, min_size=2, max_size=6), st.randoms())
def test_the_order_of_keys_and_white_space_do_not_matter(value: dict[str, Any], random: Any):
    if "\\u0000" in json.dumps(value) or "\\ud" in json.dumps(value):
        return
    items = list(value.items())
    random.shuffle(items)

    assert json_text.digest(json_text.read(json.dumps(value))) == json_text.digest(
        json_text.read(json.dumps(dict(items), indent=3))
    )


entries = st.dictionaries(
    st.sampled_from(["token_type", "type", "org", "default_org", "project", "base_url", "note", "nested"]),
    st.none() | st.text(string.ascii_letters + " ", max_size=10) | st.lists(st.booleans(), max_size=2),
    max_size=6,
)


@given(st.dictionaries(st.text(string.ascii_lowercase, min_size=1), entries, min_size=1, max_size=4))
def test_the_normal_form_of_any_entries_is_stable(given_entries: dict[str, Any]):
    given_document = {
        "auths": {target: {**entry, "token": TOKEN} for target, entry in given_entries.items()},
        "last_refresh": "2026-11-01T10:00:00Z",
    }
    try:
        once = documents.normal(given_document, CODEX)
    except BadDocument:
        return

    assert once == documents.normal(once, CODEX)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("a1b2c3d4e5f6g7h8i9j0k1l", "at least 24"),
        ("a1b2c3d4e5f6 g7h8i9j0k1l2m3", "white space"),
        ("a1b2c3d4e5f6\u00a0g7h8i9j0k1l2m3", "white space"),
        ("a1b2c3d4e5f6\x07g7h8i9j0k1l2m3", "control"),
        ("a" * 40, "different characters"),
        ("abcde" * 8, "different characters"),
        ("sk-CHANGE-ME-0123456789abcdef", "placeholder"),
        ("your_api_key_goes_right_here", "placeholder"),
        ("x1" * 10_000 + "abcdef", "at most"),
    ],
)
def test_what_cannot_be_anybodys_token_is_refused(token: str, why: str):
    assert why in (quality.flaw(token) or "")
    with pytest.raises(BadDocument, match=why):
        read(with_token(token))


@pytest.mark.parametrize(
    "token", ["a1b2c3d4e5f6g7h8i9j0k1l2", TOKEN, "eyJhbGciOi.eyJleHAiOj.c2lnbmF0dXJl", "x" * 19 + "abcde"]
)
def test_what_can_be_a_token_is_taken(token: str):
    assert quality.flaw(token) is None
    assert [token] == [entry.token for entry in read(with_token(token)).entries]


def test_a_document_has_a_size_and_a_number_of_targets_that_it_may_have():
    fitting = {"OPENAI_API_KEY": TOKEN, "last_refresh": "2026-11-01T10:00:00Z", "x": "y" * 60_000}
    assert read(json.dumps(fitting))
    with pytest.raises(BadDocument, match="bytes"):
        read(json.dumps({**fitting, "x": "é" * 33_000}))
    many = {f"target-{n}": {"token": TOKEN} for n in range(65)}
    with pytest.raises(BadDocument, match="64 targets"):
        read(json.dumps({"auths": many, "last_refresh": "2026-11-01T10:00:00Z"}))


def test_no_secret_shows_in_what_is_printed_of_a_credential():
    credential = read(with_token(TOKEN))

    assert TOKEN not in repr(credential)
