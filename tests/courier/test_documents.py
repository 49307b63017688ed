"""The courier sees in a login exactly what the hub sees in it: one normal form, one digest, one moment."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model import dates, documents, json_text
from monoize.control.fleet.model import tools as hub_tools
from monoize.control.fleet.model.documents import BadDocument
from monoize.courier import courier
from monoize.courier.courier import TOOLS, login_in

VECTORS: Final = json.loads((Path(__file__).parents[1] / "control" / "fleet" / "vectors.json").read_text("utf-8"))
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def named(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


@named(VECTORS["same"])
def test_a_login_has_the_form_the_digest_and_the_moment_that_the_hub_gives_it(case: dict[str, Any]):
    tool = TOOLS[case["tool"]]
    login = login_in(case["document"].encode(), tool)

    assert login.document is not None
    assert case["canonical"] == courier.write_json(courier.normal(login.document, tool))
    assert case["digest"] == login.digest
    assert dates.instant(case["moment"]) == dates.instant(login.moment)


@named(VECTORS["unreadable"])
def test_what_two_readers_could_see_differently_is_no_login(case: dict[str, Any]):
    assert login_in(case["document"].encode(), TOOLS["codex"]).document is None


@given(VALUES)
def test_both_sides_write_every_value_alike(value: Any):
    text = json.dumps(value)
    try:
        expected = json_text.write(json_text.read(text))
    except ValueError:
        with pytest.raises(ValueError, match=r"\w"):
            courier.read_json(text)
    else:
        assert expected == courier.write_json(courier.read_json(text))


@given(st.dictionaries(st.sampled_from(["token", "type", "token_type", "org", "project", "x"]), VALUES))
def test_an_entry_that_the_hub_takes_has_the_same_digest_here(entry: dict[str, Any]):
    token = {"token": "sk-live-4f9a8b7c6d5e4f3a2b1c"}
    text = json.dumps({"auths": {"example.com": {**entry, **token}}, "last_refresh": "2026-11-01T10:00:00Z"})
    try:
        expected = documents.read(json_text.read(text), hub_tools.CODEX)
    except (BadDocument, ValueError):
        return

    assert expected.digest == login_in(text.encode(), TOOLS["codex"]).digest


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{", "\xff", '{"last_refresh":"2026-11-01T10:00:00Z"}'])
def test_a_file_that_cannot_be_used_counts_as_none(text: str):
    login = login_in(text.encode("latin-1"), TOOLS["codex"])

    assert (None, "2000-01-01T00:00:00Z") == (login.document, login.moment)


def test_both_sides_know_the_same_tools():
    for name, theirs in hub_tools.TOOLS.items():
        ours = TOOLS[name]
        assert theirs.file == f"~/{ours.folder}/{ours.login}"
        assert (theirs.login_target, theirs.token_paths, theirs.moment_path, theirs.has_entries) == (
            ours.login_target,
            ours.token_paths,
            ours.moment_path,
            ours.has_entries,
        )
    assert set(TOOLS) == set(hub_tools.TOOLS)
