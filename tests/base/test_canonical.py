"""Equal JSON has one spelling and one hash, whatever order and notation it came in."""

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.canonical import canonical_hash, canonical_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: "\\ud" not in json.dumps(value))


def test_a_known_document_has_the_known_hash():
    wanted = "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777"

    assert wanted == canonical_hash({"a": 1, "b": 2}) == canonical_hash({"b": 2.0, "a": 1})
    assert wanted != canonical_hash({"a": 1, "b": 3})


@pytest.mark.parametrize(
    ("bits", "written"),
    [
        # The examples of RFC 8785, appendix B.
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_wants_them(bits: str, written: str):
    assert written == canonical_json(struct.unpack(">d", bytes.fromhex(bits))[0])


def test_names_are_sorted_by_their_utf16():
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]

    written = canonical_json(dict.fromkeys(names, 0))

    assert ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"] == list(json.loads(written))


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {"\ud800": 1}, {1: 2}, b"bytes", {1, 2}])
def test_what_is_no_json_is_refused(value: object):
    with pytest.raises(ValueError):
        canonical_json(value)


@given(values)
def test_what_was_written_means_the_same_and_is_written_the_same_again(value: object):
    written = canonical_json(value)

    assert value == json.loads(written)
    assert written == canonical_json(json.loads(written))
