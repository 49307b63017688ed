"""What is found in text, what is not, and that nothing makes it slow."""

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.personal_data import FOUND, NEAR, SAID, TEXTS

from monoize.base.personal_data.finding import KINDS
from monoize.base.personal_data.search import DETECTORS, find


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in FOUND.items() for value in values])
def test_a_value_is_found_as_a_whole_wherever_it_stands(kind, value):
    for before, after in (("", ""), ("it was ", ", and then"), ("(", ")"), ("\n", "\n"), ('"', '"')):
        assert [(kind, value)] == found(before + value + after), (before, after)


@pytest.mark.parametrize(("kind", "text", "value"), SAID)
def test_a_word_beside_it_makes_it_one(kind, text, value):
    assert (kind, value) in found(text)
    assert (kind, value) not in found(value)


@pytest.mark.parametrize("text", NEAR)
def test_what_only_looks_like_it_is_left_alone(text):
    assert [] == found(text)


def test_of_what_overlaps_the_surest_stays_and_what_is_allowed_hides_nothing():
    text = "password=ann@example.com"
    assert [("email", "ann@example.com")] == found(text)
    hashed = hashlib.sha256(b"ann@example.com").hexdigest()

    assert [] == find(text, allowed={hashed})
    assert [] == find("8.8.8.8", ["email"])
    assert ["ip"] == [each.kind for each in find("10.0.0.1", min_confidence=0.3)]


@at_leisure
@given(TEXTS | st.text())
def test_findings_lie_in_the_text_in_their_order_and_apart(text):
    findings = find(text, min_confidence=0)

    ends = [0, *(each.end for each in findings)]
    assert all(end <= each.start < each.end <= len(text) for end, each in zip(ends, findings, strict=False))


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_costs_no_more_for_being_longer(kind):
    pieces = (
        "@ a@ a. 1 1_ 1. (1 +1_ A A_ Aa_ Mr_Aa_ a: : :: 1: eyJ sk- DE12_ password= password_ :// ://a: bearer_ A1"
    )
    pieces += " 0_ 40 4111_ 12_Aa_ 12_rue_de_ Strasse_1,_ John_ name:_ key- eyJaaaaaaaaaaaa. -----BEGIN_"
    pieces += " -----BEGIN_PRIVATE_KEY-----"
    for piece in pieces.split():
        text = piece.replace("_", " ") * (40_000 // len(piece))
        started = time.process_time()
        list(DETECTORS[kind](text))
        assert time.process_time() - started < 3, piece


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in find(text)]
