"""What is read out of the last lines of a coding CLI, whatever its terminal mixed into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model.usage_lines import LINE_CHARS_MOST, Counts, cleaned, counts_in

WHOLE = "Token usage: total=1,250 input=1,000 (+ 400 cached) output=250 (reasoning 64)"


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        (WHOLE, Counts(1250, 1000, 250, 400, 64)),
        ("Token usage: total=5 input=3 output=2", Counts(5, 3, 2)),
        ("Token usage: total=5 input=3 (+ 1 cached) output=2", Counts(5, 3, 2, 1)),
        ("Token usage: total=5 input=3 output=2 (reasoning 1)", Counts(5, 3, 2, None, 1)),
        ("Token usage: total=1_000_000 input=0 output=1_000_000", Counts(1_000_000, 0, 1_000_000)),
        ("TOKEN USAGE: TOTAL: 7, INPUT: 4, OUTPUT: 3, CACHED: 2, REASONING: 1", Counts(7, 4, 3, 2, 1)),
        ("Token usage: 12,000 tokens", Counts()),
        ("Token usage: total=-5 input=3", Counts(input=3)),
        ("Token usage: total= input=x output=2", Counts(output=2)),
        ("Token usage: total=9999999999999 input=3", Counts(input=3)),
        ("Token usage: subtotal=9 input=3", Counts(input=3)),
        ("", Counts()),
    ],
)
def test_counts_are_read_as_a_cli_prints_them_and_anything_else_is_unsaid(line: str, counts: Counts):
    assert counts == counts_in(line)


@pytest.mark.parametrize(
    "noise",
    [
        WHOLE,
        f"\x1b[2m\x1b[38;5;244m{WHOLE}\x1b[0m\r\n",
        f"\x1b]0;codex\x07{WHOLE}",
        f"\x1b]8;;http://example.com\x1b\\{WHOLE}",
        f"› done\t│ {WHOLE}",
        WHOLE.replace(" ", "\x00\x08 "),
        WHOLE.replace(" ", " [<35;20;7M ", 2),
        WHOLE.replace("Token", "Tok\x1b[Ken"),
    ],
)
def test_a_report_is_found_in_the_noise_of_a_terminal(noise: str):
    assert WHOLE == cleaned(noise)


def test_doubled_backslashes_become_one():
    assert r"a \ b \ c" == cleaned(r"a \\ b \\\\ c")


def test_a_line_that_is_too_long_is_cut_and_says_so():
    assert "x" * LINE_CHARS_MOST == cleaned("x" * LINE_CHARS_MOST)
    assert "x" * LINE_CHARS_MOST + "..." == cleaned("x" * (LINE_CHARS_MOST + 1))


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b[]<;0123mMtoken usage:=,\\\x07"), max_size=300))
def test_whatever_comes_out_is_short_printable_and_stays_as_it_is(text: str):
    line = cleaned(text)

    assert len(line) <= LINE_CHARS_MOST + 3
    assert line.isascii()
    assert not line or line.isprintable()
    assert line == line.strip()
    assert line == cleaned(line)


@given(st.builds(Counts, *[st.integers(0, 10**12 - 1)] * 5))
def test_what_is_printed_is_what_is_read(counts: Counts):
    line = (
        f"Token usage: total={counts.total:,} input={counts.input:,} (+ {counts.cached:,} cached)"
        f" output={counts.output:,} (reasoning {counts.reasoning:,})"
    )

    assert counts == counts_in(cleaned(line))
