"""Our costs and a provider's bill are compared without losing anything of either."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.cli.bills import Line
from monoize.cli.reconciliation import NEGLIGIBLE_NANO, Cost, Reconciliation, Row, Sides, reconcile

DAY = dt.date(2026, 2, 8)


def line(model: str | None, nano: int = 100, *, day: dt.date = DAY, provider: str = "openai") -> Line:
    return Line(provider, day, model, nano)


def cost(model: str, nano: int = 100, *, day: dt.date = DAY, provider: str = "openai", unpriced: int = 0) -> Cost:
    return Cost(provider, day, model, 1 + unpriced, unpriced, nano)


def shown(found: Reconciliation) -> list[tuple[str | None, int, int, str | None]]:
    return [(row.model, row.sides.ours_nano, row.sides.theirs_nano, row.only_in) for row in found.rows]


def matched(theirs: list[str], ours: list[str]) -> list[str | None]:
    """The models that are on both sides."""
    found = reconcile([line(name) for name in theirs], [cost(name) for name in ours])
    return [row.model for row in found.rows if row.only_in is None]


def test_models_are_compared_by_provider_and_day():
    tomorrow = DAY + dt.timedelta(days=1)
    found = reconcile(
        [line("a", 100), line("a", 20), line("a", 7, day=tomorrow), line("a", 5, provider="anthropic")],
        [cost("a", 90, unpriced=1), cost("a", 7, day=tomorrow), cost("a", 6, provider="anthropic")],
    )

    assert [
        Row("anthropic", DAY, "a", Sides(6, 5, 1, 0), None),
        Row("openai", DAY, "a", Sides(90, 120, 2, 1), None),
        Row("openai", tomorrow, "a", Sides(7, 7, 1, 0), None),
    ] == found.rows
    assert [("anthropic", DAY), ("openai", DAY), ("openai", tomorrow)] == [
        (each.provider, each.day) for each in found.days
    ]
    assert Sides(103, 132, 4, 1) == found.total


def test_what_only_one_side_knows_is_a_row_that_says_so():
    found = reconcile([line("theirs"), line(None, -3), line("both")], [cost("ours", 5), cost("both")])

    assert [
        ("both", 100, 100, None),
        ("ours", 5, 0, "ours"),
        ("theirs", 0, 100, "bill"),
        (None, 0, -3, "bill"),
    ] == (shown(found))


def test_a_bill_without_models_is_compared_by_day():
    tomorrow, gap = DAY + dt.timedelta(days=2), DAY + dt.timedelta(days=1)
    found = reconcile(
        [line(None, 60), line(None, 40), line(None, 9, day=tomorrow)],
        [cost("a", 70), cost("b", 31, unpriced=2), cost("a", 8, day=gap)],
    )

    assert [(None, 101, 100, None), (None, 8, 0, "ours"), (None, 0, 9, "bill")] == shown(found)
    assert Sides(101, 100, 4, 2) == found.rows[0].sides


def test_whether_a_bill_has_models_is_a_matter_of_each_provider():
    found = reconcile([line("a"), line(None, provider="anthropic")], [cost("a"), cost("b", provider="anthropic")])

    assert [(None, 100, 100, None), ("a", 100, 100, None)] == shown(found)


def test_a_day_that_was_billed_with_nought_keeps_our_models_apart():
    tomorrow = DAY + dt.timedelta(days=1)
    found = reconcile(
        [line("a"), line(None, 0, day=tomorrow)],
        [cost("a"), cost("a", 5, day=tomorrow), cost("b", 6, day=tomorrow)],
    )

    assert [("a", 100, 100, None), ("a", 5, 0, "ours"), ("b", 6, 0, "ours")] == shown(found)


def test_names_are_shown_as_we_write_them():
    assert [("GPT-4o", 200, 300, None)] == shown(
        reconcile([line("gpt-4o"), line("GPT-4O"), line("gpt-4o")], [cost("GPT-4o"), cost("gpt-4o")])
    )


@pytest.mark.parametrize("snapshot", ["m-2024-08-06", "m-20240806", "M-2024-12-31"])
def test_a_snapshot_and_its_undated_name_are_one_model(snapshot: str):
    assert ["m"] == matched([snapshot], ["m"])
    assert [snapshot] == matched(["m"], [snapshot])


@pytest.mark.parametrize(
    "other",
    [
        *(
            "m-mini",
            "m-2024",
            "m-2024-13-01",
            "m-2024-08-32",
            "m-2024-0806",
            "m-202408061",
            "m-12345678",
            "m2024-08-06",
        ),
        *("-2024-08-06", "m-2024-08-06-preview", "m-٢٠٢٤-08-06"),
    ],
)
def test_names_that_differ_by_anything_else_are_two_models(other: str):
    assert [] == matched([other], ["m"])
    assert [] == matched(["m"], [other])


@pytest.mark.parametrize(
    ("theirs", "ours", "both"),
    [
        # Equal names come first, and what they leave over may still be sure.
        (["m", "m-2024-08-06"], ["m", "m-2024-08-06"], ["m", "m-2024-08-06"]),
        (["m-2024-05-13", "m-2024-08-06"], ["m", "m-2024-05-13"], ["m", "m-2024-05-13"]),
        (["m", "m-2024-08-06"], ["m"], ["m"]),
        (["m-2024-08-06"], ["m", "m-2024-08-06"], ["m-2024-08-06"]),
        # Which of two it is cannot be told.
        (["m-2024-05-13", "m-2024-08-06"], ["m"], []),
        (["m"], ["m-2024-05-13", "m-2024-08-06"], []),
        (["m-2024-08-06"], ["m-20240806"], []),
        # A name may be undated of one thing and dated of another.
        (["m-2024-05-13"], ["m", "m-2024-05-13-2024-08-06"], []),
    ],
)
def test_models_are_matched_only_when_no_other_could_be_meant(theirs: list[str], ours: list[str], both: list[str]):
    assert both == matched(theirs, ours)
    assert both == matched(theirs[::-1], ours[::-1])


@pytest.mark.parametrize(
    ("ours", "theirs", "bp"),
    [
        (0, 0, 0),
        (5, 0, None),
        (0, 5, -10_000),
        (101, 100, 100),
        (99, 100, -100),
        (3, 1, 20_000),
        (10_000, 10_001, -1),
        (100_005, 100_000, 1),
        (-90, -100, 1_000),
        (10**30 + 1, 10**30, 0),
    ],
)
def test_drift_is_told_in_hundredths_of_a_per_cent_of_the_bill(ours: int, theirs: int, bp: int | None):
    assert bp == Sides(ours, theirs).drift_bp


@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance_bp", "exceeds"),
    [
        (101, 100, 100, False),
        (102, 100, 100, True),
        (98, 100, 100, True),
        (-98, -100, 100, True),
        (-99, -100, 100, False),
        (5, 0, 1_000_000, True),
        (0, 0, 0, False),
        (1_001, 1_000, 0, True),
        (101_004_999, 100_000_000, 100, True),
    ],
)
def test_a_drift_over_the_tolerance_is_told_by_its_exact_size(
    ours: int, theirs: int, tolerance_bp: int, exceeds: bool
):
    assert exceeds is Sides(ours * 10**9, theirs * 10**9).exceeds(tolerance_bp)


def test_a_drift_of_a_cent_is_never_too_much():
    assert not Sides(NEGLIGIBLE_NANO, 0).exceeds(0)
    assert not Sides(0, NEGLIGIBLE_NANO).exceeds(0)
    assert Sides(NEGLIGIBLE_NANO + 1, 0).exceeds(0)


names = st.sampled_from(["a", "A", "b", "a-2024-08-06", "a-20240806", "A-2024-05-13", "a-2024-08-06-20240806", ""])
days = st.sampled_from([DAY, DAY + dt.timedelta(days=1)])
providers = st.sampled_from(["openai", "anthropic"])
lines = st.builds(Line, providers, days, st.none() | names, st.integers(-1000, 1000))
counts = st.integers(0, 9)
costs = st.builds(Cost, providers, days, names, counts, counts, st.integers(0, 1000))


@at_leisure
@given(st.lists(lines, max_size=12), st.lists(costs, max_size=12))
def test_rows_add_up_to_totals_and_nothing_is_lost(bill: list[Line], ours: list[Cost]):
    found = reconcile(bill, ours)

    for provider in ("openai", "anthropic"):
        for day in (DAY, DAY + dt.timedelta(days=1)):
            here = (provider, day)
            billed = sum(each.nano for each in bill if (each.provider, each.day) == here)
            of_day = [each for each in ours if (each.provider, each.day) == here]
            expected = Sides(
                sum(each.cost_nano for each in of_day),
                billed,
                sum(each.calls for each in of_day),
                sum(each.unpriced_calls for each in of_day),
            )
            rows = [row.sides for row in found.rows if (row.provider, row.day) == here]
            totals = [each.sides for each in found.days if (each.provider, each.day) == here]

            assert expected == sum(rows, Sides()) == sum(totals, Sides())
            assert len(totals) <= 1
    assert found.total == sum((each.sides for each in found.days), Sides())


@at_leisure
@given(st.lists(lines, max_size=12), st.lists(costs, max_size=12), st.randoms())
def test_the_order_of_lines_and_costs_changes_no_amount(bill: list[Line], ours: list[Cost], random):
    def amounts(found: Reconciliation) -> list[tuple[str, dt.date, str, Sides, str | None]]:
        return sorted(
            ((row.provider, row.day, (row.model or "").casefold(), row.sides, row.only_in) for row in found.rows),
            key=str,
        )

    before = amounts(reconcile(bill, ours))
    random.shuffle(bill)
    random.shuffle(ours)

    assert before == amounts(reconcile(bill, ours))


@at_leisure
@given(st.lists(lines, max_size=12), st.lists(costs, max_size=12))
def test_a_row_is_marked_by_the_sides_that_have_a_model_of_its_name(bill: list[Line], ours: list[Cost]):
    for row in reconcile(bill, ours).rows:
        if row.only_in == "bill":
            assert (row.sides.ours_nano, row.sides.calls) == (0, 0)
        if row.only_in == "ours":
            assert row.sides.theirs_nano == 0
