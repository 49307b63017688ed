"""YAML is read strictly: what is written is what is meant, and what is wrong is told with its line."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monoize.cli.failure import Exit, Failure
from monoize.cli.yaml_text import DEPTH_MOST, TEXT_MOST_BYTES, parsed, written

TEXTS = st.text(max_size=5)
LEAVES = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner))


@settings(deadline=None)
@given(st.dictionaries(TEXTS, VALUES))
def test_what_is_written_is_read_as_it_was(content: dict[str, Any]):
    assert content == parsed(written(content).encode(), "file").content


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1.10", "1.10"),
        ("3", 3),
        ("-3", -3),
        ("007", "007"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("9" * 30, "9" * 30),
        ("2026-01-01", "2026-01-01"),
        ("true", True),
        ("no", "no"),
        ("On", "On"),
        ("'true'", "true"),
        ('"3"', "3"),
        ("~", None),
        ("", None),
        ("${NAME}", "${NAME}"),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, meant: Any):
    assert {"a": meant} == parsed(f"a: {text}".encode(), "file").content


def test_below_a_config_numbers_are_what_they_are_in_json():
    text = "a: 0.5\nconfig: {a: 0.5, b: [1.5e-7, 3, '0.5', v1.0]}\n"

    assert {"a": "0.5", "config": {"a": 0.5, "b": [1.5e-7, 3, "0.5", "v1.0"]}} == parsed(text.encode(), "f").content
    content = {"config": {"a": 1e-7, "b": 0.1, "c": 5e22}}
    assert content == parsed(written(content).encode(), "f").content


def test_lines_are_known_by_pointer():
    lines = parsed(b"providers:\n- name: a\n\n  channels:\n  - {base_url: x, a/b: y}\n", "file").lines

    members = ("", "/providers/0/name", "/providers/0/channels/0/base_url", "/providers/0/channels/0/a~1b")
    assert [1, 2, 5, 5] == [lines[pointer] for pointer in members]


def test_anchors_repeat_and_merge_and_what_is_written_out_wins():
    text = b"usual: &usual {type: echo, weight: 1}\none: {<<: *usual, weight: 2}\ntwo: *usual\n"

    content = parsed(text, "file").content

    assert ({"type": "echo", "weight": 2}, {"type": "echo", "weight": 1}) == (content["one"], content["two"])


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 8)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"- a\n- b\n", "does not hold names"),
        (b"text", "does not hold names"),
        (b"a: 1\nb: 2\na: 3\n", "line 3: a stands here twice"),
        (b"a: [1, 2\nb: 3\n", "line 2"),
        (b"a: b: c\n", "line 1"),
        (b"a: \xff\n", "UTF-8"),
        (b"a: \x00\n", "UTF-8"),
        (b"a: 1\n--- \nb: 2\n", "line 2"),
        (b"a: !!python/object/apply:os.system [ls]\n", "line 1: tag:yaml.org,2002:python"),
        (b"a: !secret b\n", "line 1: !secret is not understood"),
        (b"a: !!binary aGk=\nb: !!set {c}\n", "set is not understood"),
        (b"? [a, b]\n: c\n", "a name is a text"),
        (b"a: &a [*a]\n", "more in here"),
        (b"a: *nobody\n", "line 1"),
        (b"[" * 5_000, "file"),
        (b"a: " + b"[" * (DEPTH_MOST + 2) + b"]" * (DEPTH_MOST + 2), "more in here"),
        (BOMB.encode(), "more in here"),
        (b"#" * (TEXT_MOST_BYTES + 1), "larger than"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: bytes, said: str):
    with pytest.raises(Failure, match="file") as refused:
        parsed(text, "file")

    assert (Exit.USAGE, True) == (refused.value.exit, said in refused.value.message), refused.value.message
