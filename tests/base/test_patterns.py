"""Patterns of names: what Python's own engine matches, in time that no pattern can stretch."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.patterns import PATTERN_CHARS_MOST, Pattern

characters = st.sampled_from(["a", "b", "-", r"\.", ".", "[ab]", "[^a]", "[a-c-]", r"\d", r"[\w.]", "(?:a|b-)"])
quantified = st.builds(str.__add__, characters, st.sampled_from(["", "", "*", "+", "?"]))
sequences = st.lists(quantified, max_size=5).map("".join)
choices = st.lists(sequences, min_size=1, max_size=3).map("|".join)
patterns = st.builds(
    lambda before, group, mark, after: f"{before}({group}){mark}{after}",
    sequences,
    choices,
    st.sampled_from(["", "?"]),
    sequences,
)


@given(patterns.filter(lambda text: len(text) <= 128), st.text("abc-.1_é", max_size=12))
def test_it_matches_what_pythons_own_engine_matches(text: str, name: str):
    assert (re.fullmatch(text, name, re.ASCII) is not None) == Pattern(text).matches(name)


@pytest.mark.parametrize(
    ("text", "matching", "others"),
    [
        ("gpt-4o", ["gpt-4o"], ["gpt-4o-mini", "a-gpt-4o", ""]),
        ("gpt-4.*", ["gpt-4", "gpt-4o-mini"], ["gpt-5"]),
        ("^claude-(opus|sonnet)-.*$", ["claude-opus-4", "claude-sonnet-"], ["claude-haiku-4"]),
        (r"o[1-4](-mini)?", ["o1", "o4-mini"], ["o5", "o1-pro"]),
        (r"a\$", ["a$"], ["a", "a\\"]),
        (r"models/gemini-\d+\.\d+-.+", ["models/gemini-2.5-pro"], ["models/gemini-x.5-pro", "models/gemini-2.5-"]),
        (".*claude.*sonnet.*", ["us.anthropic.claude-4-sonnet-v1:0"], ["sonnet-claude"]),
        ("(ab|a)*", ["", "aba", "aab"], ["b"]),
    ],
)
def test_a_pattern_is_for_all_of_a_name(text: str, matching: list[str], others: list[str]):
    assert [True] * len(matching) == [Pattern(text).matches(name) for name in matching]
    assert [False] * len(others) == [Pattern(text).matches(name) for name in others]


@pytest.mark.parametrize(
    "text",
    [
        *("", "(", ")", "(a", "a)", "[", "[]", "[^]", "[a", "*", "+a", "a**", "a*?", "|*", "(a*)*", "(a+b)+", "\\"),
        *(r"\1", r"\b", r"\Z", "a{2}", "(?=a)", "(?P<n>a)", "a^b", "a$b", "[[]", "[z-a]", "[a-é]"),
        *("(?i)a", r"[\d-z]"),
        *("a" * (PATTERN_CHARS_MOST + 1), "(" * 9 + "a" + ")" * 9),
    ],
)
def test_what_is_no_pattern_is_refused(text: str):
    with pytest.raises(ValueError):
        Pattern(text)


@given(st.text("ab(|)[]^-*+?.\\$d{", max_size=20))
def test_whatever_is_read_as_a_pattern_means_the_same_to_python(text: str):
    try:
        found = Pattern(text)
    except ValueError:
        return
    known = re.compile(text, re.ASCII)
    for name in ("", "a", "b", "ab", "aab-", "(a)", "d1"):
        assert (known.fullmatch(name) is not None) == found.matches(name)


@pytest.mark.parametrize(
    "text",
    [".*" * 60 + "x", "(a?a)*" * 20 + "x", "(a|a|a|a)*" * 12 + "x", "([^b]|[^c]|[^d]|.)+" * 6 + "x", "a?" * 64],
)
def test_no_pattern_takes_long(text: str):
    found = Pattern(text[:PATTERN_CHARS_MOST])
    started = time.perf_counter()
    found.matches("a" * 191)
    assert time.perf_counter() - started < 0.1
