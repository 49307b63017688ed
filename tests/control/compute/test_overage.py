"""What is beyond the plan costs exactly what it costs, and nobody goes on beyond what they agreed to."""

import datetime as dt
import math
from fractions import Fraction

import pytest
from control.compute.plans import GB, GB_HOUR, HOUR_MS, NOW, plan, standing
from hypothesis import given
from hypothesis import strategies as some

from monoize.control.compute.model.overage import Balance, Standing, Usage, month_of, overage_cents, reached

AMOUNTS = some.integers(0, 2**62)
RATES = some.integers(0, 10**9)


@pytest.mark.parametrize(
    ("usage", "cents"),
    [
        (Usage(), 0),
        (Usage(GB, HOUR_MS, GB_HOUR), 0),
        (Usage(GB + 1), 1),
        (Usage(cpu_used_ms=HOUR_MS + 1), 1),
        (Usage(memory_used_mb_seconds=GB_HOUR + 1), 1),
        (Usage(GB + 1, HOUR_MS + 1, GB_HOUR + 1), 1),
        (Usage(2 * GB), 10),
        (Usage(2 * GB + 1), 11),
        (Usage(2 * GB, 2 * HOUR_MS, 2 * GB_HOUR), 1110),
        (Usage(2**60), 10 * (2**30 - 1)),
        (Usage(2**60 + 1), 10 * (2**30 - 1) + 1),
        (Usage(cpu_used_ms=2**53 + 1), math.ceil(Fraction((2**53 + 1 - HOUR_MS) * 100, HOUR_MS))),
    ],
)
def test_the_price_is_exact_and_rounded_up_once(usage: Usage, cents: int):
    assert cents == overage_cents(plan(), usage)


def test_what_costs_nothing_beyond_the_plan_costs_nothing():
    free = plan(
        overage_bandwidth_cost_per_gb_cents=0,
        overage_cpu_cost_per_hour_cents=0,
        overage_memory_cost_per_gb_hour_cents=0,
    )

    assert 0 == overage_cents(free, Usage(2**62, 2**62, 2**62))


@given(AMOUNTS, AMOUNTS, AMOUNTS, RATES, RATES, RATES)
def test_the_price_is_that_of_rational_arithmetic_for_all_amounts(
    bandwidth: int, cpu: int, memory: int, per_gb: int, per_hour: int, per_gb_hour: int
):
    of = plan(
        overage_bandwidth_cost_per_gb_cents=per_gb,
        overage_cpu_cost_per_hour_cents=per_hour,
        overage_memory_cost_per_gb_hour_cents=per_gb_hour,
    )
    exact = (
        Fraction(max(0, bandwidth - GB), GB) * per_gb
        + Fraction(max(0, cpu - HOUR_MS), HOUR_MS) * per_hour
        + Fraction(max(0, memory - GB_HOUR), GB_HOUR) * per_gb_hour
    )

    assert math.ceil(exact) == overage_cents(of, Usage(bandwidth, cpu, memory))


@given(AMOUNTS, some.integers(0, 2**40))
def test_using_more_never_costs_less(bandwidth: int, more: int):
    assert overage_cents(plan(), Usage(bandwidth)) <= overage_cents(plan(), Usage(bandwidth + more))


@pytest.mark.parametrize(
    ("used", "budget", "nano", "allowed"),
    [
        (GB, 0, 0, True),
        (GB + 1, 0, 10**12, False),
        (GB + 1, 1, 10**12, True),
        (2 * GB, 10, 10**12, True),
        (2 * GB + 1, 10, 10**12, False),
        (GB + 1, 1, 0, False),
        (GB + 1, 1, -5, False),
    ],
)
def test_one_may_go_on_within_the_plan_or_the_budget_and_only_with_money_beyond_the_plan(
    used: int, budget: int, nano: int, allowed: bool
):
    assert allowed is standing(Usage(used), budget=budget, nano=nano).allowed


def test_without_a_plan_nothing_is_allowed_and_an_unlimited_account_owes_as_much_as_its_budget():
    month = month_of(NOW)

    assert not Standing(month, None, Usage(), 10**9, 0, Balance(10**12)).allowed
    assert Standing(month, plan(), Usage(2 * GB), 10, 0, Balance(-5, unlimited=True)).allowed


@given(some.integers(0, 100 * GB), some.integers(0, 500), some.integers(0, 500))
def test_never_more_is_charged_than_was_agreed_and_never_less_than_before(used: int, budget: int, charged: int):
    of = standing(Usage(used), budget=budget, charged=charged)
    after = charged + of.due_cents

    assert after == max(charged, min(of.overage_cents, budget))


@pytest.mark.parametrize(
    ("usage", "budget", "expected"),
    [
        (Usage(), 0, []),
        (Usage(GB * 8 // 10 - 1), 0, []),
        (Usage(GB * 8 // 10 + 1), 0, [("bandwidth", 80)]),
        (Usage(GB), 0, [("bandwidth", 100)]),
        (Usage(cpu_used_ms=HOUR_MS * 9 // 10), 0, [("cpu", 80)]),
        (Usage(memory_used_mb_seconds=GB_HOUR), 0, [("memory", 100)]),
        (Usage(GB + 1), 0, [("bandwidth", 100), ("budget", 100)]),
        (Usage(GB + 1), 100, [("bandwidth", 100)]),
        (Usage(9 * GB), 100, [("bandwidth", 100), ("budget", 80)]),
    ],
)
def test_people_hear_of_four_fifths_and_of_all_of_their_plan_and_budget(
    usage: Usage, budget: int, expected: list[tuple[str, int]]
):
    assert expected == list(reached(standing(usage, budget=budget)))


def test_a_month_is_that_of_the_moment_in_utc():
    east = dt.timezone(dt.timedelta(hours=9))

    assert dt.date(2026, 4, 1) == month_of(dt.datetime(2026, 5, 1, 8, 59, tzinfo=east))
    assert dt.date(2026, 5, 1) == month_of(dt.datetime(2026, 5, 1, 9, 0, tzinfo=east))
