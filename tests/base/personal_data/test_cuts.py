"""A text that is cut where it may be cut is looked through piece by piece with the same findings."""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.personal_data import TEXTS

from monoize.base.personal_data.cuts import last_cut
from monoize.base.personal_data.search import find


@settings(at_leisure, max_examples=400)
@given(TEXTS | st.text(st.sampled_from("aB1 \n.,:@-é。=")))
def test_no_value_goes_beyond_a_cut(text):
    whole = [(each.kind, each.start, each.end) for each in find(text, min_confidence=0)]
    for end in range(1, len(text) + 1):
        cut = last_cut(text[:end])
        if cut:
            before = [(each.kind, each.start, each.end) for each in find(text[:cut], min_confidence=0)]
            after = [(each.kind, each.start + cut, each.end + cut) for each in find(text[cut:], min_confidence=0)]
            assert whole == before + after, (text[:cut], text[cut:])


def test_text_of_plain_words_flows_word_by_word():
    text = "this is told while it is written, and nothing waits for long"
    cuts = {last_cut(text[:end]) for end in range(len(text))}

    assert len(cuts) >= 9
    assert len("my ") == last_cut("my password is ")
    assert 0 == last_cut("-----BEGIN PRIVATE KEY-----\nsome words that are in it\n")
    assert len("first\n") == last_cut("first\n-----BEGIN PRIVATE KEY-----\nsome words that are in it\n")
