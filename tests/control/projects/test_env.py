"""What a service finds in its environment: layers, masks, inheritance. Pure."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.projects.errors import EnvironmentTooDeep, EnvironmentTooLarge, InheritanceCycle
from monoize.control.projects.model import env
from monoize.control.projects.model.env import Variable

keys = st.sampled_from(["A", "B", "C", "API_TOKEN"])


def layer(name: str, **values: str) -> list[Variable]:
    return [Variable(key, value, False, "service", name) for key, value in values.items()]


@given(st.lists(st.dictionaries(keys, st.text(max_size=5)), max_size=4))
def test_the_last_layer_that_has_a_name_wins_and_no_name_is_lost(contents: list[dict[str, str]]):
    layers = [layer(str(number), **values) for number, values in enumerate(contents)]

    expected: dict[str, str] = {}
    for values in contents:
        expected.update(values)
    assert expected == env.effective(layers).values
    assert sorted(expected) == [shown.key for shown in env.shown(layers)]


def test_what_is_shown_says_whose_value_gave_way_and_masks_what_is_secret_or_sounds_like_it():
    secret = Variable("DSN", "postgres://x:y@z", True, "secret", "the service's secrets", 3)
    shown = env.shown(
        [layer("shared", COLOUR="red", DSN="old"), layer("service", COLOUR="blue", API_TOKEN="t"), [secret]]
    )

    assert [
        ("API_TOKEN", env.MASK, None),
        ("COLOUR", "blue", "shared"),
        ("DSN", env.MASK, "shared"),
    ] == [(each.key, each.value, each.overrides) for each in shown]
    assert "postgres" not in repr(shown) + repr(secret)


def test_an_environment_that_no_program_could_be_started_with_is_refused():
    big = {f"V{number}": "x" * env.VALUE_BYTES_MOST for number in range(8)}
    with pytest.raises(EnvironmentTooLarge):
        env.effective([layer("big", **big)])


@given(st.dictionaries(st.integers(1, 8), st.one_of(st.none(), st.integers(1, 8)), min_size=8, max_size=8))
def test_a_lineage_ends_or_is_refused(parents: dict[int, int | None]):
    for start in parents:
        try:
            found = env.lineage(parents, start)
        except (InheritanceCycle, EnvironmentTooDeep):
            continue
        assert found[-1] == start
        assert len(set(found)) == len(found) <= env.DEPTH_MOST
        assert all(parents[child] == parent for parent, child in itertools.pairwise(found))
        assert parents[found[0]] is None
