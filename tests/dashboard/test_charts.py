from hypothesis import given
from hypothesis import strategies as st

from monoize.dashboard.charts import Series, Span, histogram, lined, scale, share, sparkline, stacked, waterfall

values = st.lists(st.integers(0, 10**18), min_size=1, max_size=60)


@given(st.one_of(st.integers(0, 10**20), st.floats(0, 1e12)))
def test_a_scale_reaches_what_it_shows_and_not_much_further(most):
    top, lines = scale(most)

    assert most <= top * (1 + 1e-9)
    assert len(lines) <= 5
    if lines:
        assert top <= 2 * most or top == 1
        assert list(lines) == sorted(lines) and lines[-1] == top


@given(st.integers(1, 40))
def test_what_is_counted_is_never_shown_in_fractions(most):
    top, lines = scale(most, whole=True)

    assert all(line == int(line) for line in (top, *lines))


@given(st.lists(values, min_size=1, max_size=4))
def test_bars_stand_on_each_other_and_within_the_chart(columns):
    length = min(map(len, columns))
    series = [Series(str(at), column[:length]) for at, column in enumerate(columns)]
    chart = stacked("Spend", [str(at) for at in range(length)], series)

    for column in chart.columns:
        below = chart.height
        for bar in column.bars:
            assert abs(bar.y + bar.height - below) < 0.05
            below = bar.y
        assert below > -0.05
        assert 0 <= column.x and column.x + column.width <= 100.01
    assert length == len(chart.rows) == len(chart.columns)


def test_a_line_is_broken_where_nothing_is_known():
    whole = lined("Latency", ["a", "b", "c"], [Series("p50", [1, 2, 3])])
    broken = lined("Latency", ["a", "b", "c"], [Series("p50", [1, None, 3])])

    assert [1, 2] == [chart.lines[0].path.count("M") for chart in (whole, broken)]
    assert [["1"], ["–"], ["3"]] == [shown for _, shown in broken.rows]


def test_a_column_says_what_it_holds():
    chart = stacked("Spend", ["1 Nov"], [Series("gpt", [3]), Series("claude", [0])], lambda n: f"${n}")

    assert ("1 Nov\ngpt: $3", ("1 Nov", ["$3", "$0"])) == (chart.columns[0].said, chart.rows[0])


def test_a_histogram_has_an_edge_more_than_counts():
    chart = histogram("Durations", [0, 10, 100], [3, 5], str)

    assert ["0 to 10", "10 to 100"] == [label for label, _ in chart.rows]
    assert ["0", "10", "100"] == [tick.text for tick in chart.ticks]


def test_nothing_is_drawn_of_nothing():
    assert stacked("Spend", [], []).empty
    assert lined("Latency", ["a"], [Series("p50", [None])]).lines[0].path == ""
    assert "" == sparkline([]).path
    assert [] == waterfall([], str)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_meter_is_between_empty_and_full(part, whole):
    full = share(part, whole)

    assert 0 <= full <= 100
    assert (full == 0) == (part == 0)
    assert full == 100 or part < whole or part == 0


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=20))
def test_spans_lie_within_the_whole(pairs):
    for span in waterfall([Span("x", min(pair), max(pair)) for pair in pairs], str):
        assert span.width > 0
        assert 0 <= span.x and span.x + span.width <= 100.6
