"""Long texts are looked through in stretches, with the findings of the whole."""

import random

import pytest
from support.personal_data import FOUND, SAID, WORDS

from monoize.base.personal_data.search import find
from monoize.base.personal_data.stretches import STRETCH, STRETCH_MOST, stretches

VALUES = [*(value for values in FOUND.values() for value in values), *(text for _, text, _ in SAID)]


@pytest.mark.parametrize("seed", range(6))
def test_the_findings_are_those_of_the_whole(seed: int):
    chance = random.Random(seed)
    text = "".join(chance.choice([*VALUES, *WORDS * 4, "\n"]) for _ in range(6_000))
    assert len(text) > 4 * STRETCH

    found = [
        each._replace(start=start + each.start, end=start + each.end)
        for start, stretch in stretches(text)
        for each in find(stretch, min_confidence=0)
    ]

    assert find(text, min_confidence=0) == found
    assert text == "".join(stretch for _, stretch in stretches(text))


def test_what_may_be_cut_nowhere_is_no_longer_than_it_may_be():
    for text in ("x" * 10**6, '"A1",' * 200_000, "A1 " * 300_000):
        found = [stretch for _, stretch in stretches(text)]
        assert text == "".join(found) and max(map(len, found)) <= STRETCH_MOST
