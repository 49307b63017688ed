"""Counters that only grow, or begin again: every bit of what they say is counted, and no bit twice."""

import datetime as dt

import pytest
from control.compute.plans import NOW, reading
from hypothesis import given
from hypothesis import strategies as some

from monoize.control.compute.model.accounting import is_news, used_since
from monoize.control.compute.model.machines import Reading
from monoize.control.compute.model.overage import Usage

EVERYTHING = frozenset({"bandwidth", "cpu", "memory"})


@pytest.mark.parametrize(
    ("before", "now", "cpu"),
    [
        (None, reading(5), 5),
        (reading(5), reading(5), 0),
        (reading(5), reading(12), 7),
        (reading(12), reading(5), 5),
        (reading(5), reading(12, epoch="b"), 12),
        (reading(None), reading(12), 12),
        (reading(12), reading(None), 0),
        (reading(12), reading(-1), 0),
    ],
)
def test_the_growth_counts_and_after_a_reset_all_of_the_new_counter(before: Reading | None, now: Reading, cpu: int):
    assert Usage(cpu_used_ms=cpu) == used_since(before, now, EVERYTHING)


def test_only_what_the_provider_meters_counts_and_bandwidth_is_the_proxys():
    now = Reading(epoch="a", at=NOW, cpu_ms=5, memory_mb_seconds=7, network_bytes=9)

    assert Usage() == used_since(None, now, {"bandwidth"})
    assert Usage(cpu_used_ms=5) == used_since(None, now, {"cpu"})
    assert Usage(memory_used_mb_seconds=7) == used_since(None, now, {"memory"})


def test_a_reading_that_is_older_than_the_one_that_is_stored_is_no_news():
    assert is_news(None, reading(1))
    assert not is_news(reading(1), reading(2))
    assert is_news(reading(1), reading(2, after_s=1))
    assert not is_news(reading(1, after_s=1), reading(2))


@given(some.lists(some.lists(some.integers(0, 1000), max_size=6), max_size=4))
def test_the_differences_add_up_to_what_was_used_in_every_life_of_the_machine(lives: list[list[int]]):
    stored: Reading | None = None
    counted, used = 0, 0
    for life, steps in enumerate(lives):
        counter = 0
        for step in steps:
            counter += step
            used += step
            told = Reading(epoch=str(life), at=NOW + dt.timedelta(seconds=used), cpu_ms=counter)
            counted += used_since(stored, told, EVERYTHING).cpu_used_ms
            stored = told

    assert used == counted
