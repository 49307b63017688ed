"""Every worked example that is documented is a test, and every number on a test is documented."""

from support.worked_examples import stated, told


def test_worked_examples_are_numbered_without_a_gap_and_none_is_gone():
    numbers = [number for number, _ in told()]

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 60


def test_every_worked_example_is_stated_by_a_test_and_no_test_states_another():
    assert {number for number, _ in told()} == set(stated())
