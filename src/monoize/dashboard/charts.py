"""The geometry of charts: from numbers to where things are drawn. Pure; templates/components/chart.html draws.

Across, places are percentages, so that a chart is as wide as there is room; down, they are pixels. So text keeps
its size on every screen, and nothing needs a script or a style attribute. Every chart is a table too, for whoever
does not see it. Ten series and two hundred columns are the most that can be told apart.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Final

Number = int | float
Show = Callable[[Number], str]

SERIES_MOST: Final = 10
COLUMNS_MOST: Final = 200
HEIGHT: Final = 152
_TICKS_MOST: Final = 6
_LEAST: Final = 1e-9  # below it there is nothing to see
_GAP: Final = 0.28  # of a column, left free beside its bar
_SPAN_LEAST: Final = 0.5
_WIDE: Final = 1000.0  # units across of a line's own picture, which is stretched


@dataclasses.dataclass(frozen=True, slots=True)
class Series:
    name: str
    values: Sequence[Number | None]
    """One for each label; None where there is nothing to tell, which is not the same as 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    y: float
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str
    anchor: str


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    series: int
    y: float
    height: float


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    x: float
    width: float
    start: float
    """Where the whole column begins, whose width is `span`: what the pointer is over."""
    span: float
    bars: Sequence[Bar]
    said: str


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    series: int
    path: str
    area: str


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    title: str
    height: int
    grid: Sequence[Grid]
    ticks: Sequence[Tick]
    columns: Sequence[Column]
    lines: Sequence[Line]
    names: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    """The same as a table: for each label what each series has there."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see: no labels, or nothing but noughts."""
        return not self.grid


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Something that took from `start` to `end`, both counted from the beginning of the whole."""

    name: str
    start: Number
    end: Number
    tone: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class DrawnSpan:
    name: str
    x: float
    width: float
    said: str
    tone: str


def waterfall(spans: Sequence[Span], show: Show) -> Sequence[DrawnSpan]:
    """Each span where it lies in the whole; one too short to see is given some width."""
    whole = max((span.end for span in spans), default=0) or 1
    return [
        DrawnSpan(
            span.name,
            x=round(min(100 * span.start / whole, 100 - _SPAN_LEAST), 2),
            width=round(max(100 * (span.end - span.start) / whole, _SPAN_LEAST), 2),
            said=show(span.end - span.start),
            tone=span.tone,
        )
        for span in spans
    ]


def stacked(
    title: str, labels: Sequence[str], series: Sequence[Series], show: Show = str, height: int = HEIGHT
) -> Chart:
    """Bars that stand on each other; with one series, a bar chart. Less than nothing is drawn as nothing."""
    _check(labels, series)
    totals = [sum(max(one.values[at] or 0, 0) for one in series) for at in range(len(labels))]
    top, steps = scale(max(totals, default=0), whole=_whole(series))
    columns = []
    for at, label in enumerate(labels):
        span = 100 / len(labels)
        below, bars = float(height), []
        for number, one in enumerate(series):
            tall = height * max(one.values[at] or 0, 0) / top
            if tall:
                below -= tall
                bars.append(Bar(number, round(below, 2), round(tall, 2)))
        columns.append(
            Column(
                x=round(at * span + span * _GAP / 2, 3),
                width=round(span * (1 - _GAP), 3),
                start=round(at * span, 3),
                span=round(span, 3),
                bars=bars,
                said=_said(label, series, at, show),
            )
        )
    return _chart(title, labels, series, show, height, top, steps, columns=columns)


def lined(
    title: str, labels: Sequence[str], series: Sequence[Series], show: Show = str, height: int = HEIGHT
) -> Chart:
    """A line for each series; where one has None, its line is broken."""
    _check(labels, series)
    known = [value for one in series for value in one.values if value is not None]
    top, steps = scale(max(known, default=0), whole=_whole(series))
    span = 100 / max(len(labels), 1)
    columns = [
        Column(0, 0, round(at * span, 3), round(span, 3), (), _said(label, series, at, show))
        for at, label in enumerate(labels)
    ]
    lines = [Line(number, *_path(one.values, top, height)) for number, one in enumerate(series)]
    return _chart(title, labels, series, show, height, top, steps, columns=columns, lines=lines)


def histogram(
    title: str, edges: Sequence[Number], counts: Sequence[int], show: Show = str, height: int = HEIGHT
) -> Chart:
    """How many lie between one edge and the next: there is one edge more than there are counts."""
    assert len(edges) == len(counts) + 1
    labels = [f"{show(edges[at])} to {show(edges[at + 1])}" for at in range(len(counts))]
    chart = stacked(title, labels, [Series("Count", counts)], lambda number: f"{number:,}", height)
    ticks = [
        Tick(round(100 * at / len(counts), 3), show(edges[at]), _anchor(at, len(edges)))
        for at in _chosen(len(edges))
    ]
    return dataclasses.replace(chart, ticks=ticks)


def sparkline(values: Sequence[Number | None], height: int = 28) -> Line:
    """A line without axes, from its least to its greatest value."""
    assert len(values) <= COLUMNS_MOST
    top = max((value for value in values if value is not None), default=0)
    return Line(0, *_path(values, top or 1, height, inset=1.5))


def share(part: Number, whole: Number) -> float:
    """The percentage of a meter that is full: something is never drawn as nothing, and too much as full."""
    if whole <= 0:
        return 100.0 if part > 0 else 0.0
    return round(min(100.0, max(100 * part / whole, 1.0 if part > 0 else 0.0)), 2)


def scale(most: Number, *, whole: bool = False) -> tuple[Number, Sequence[Number]]:
    """A round number that nothing exceeds, and the steps up to it at which a line is drawn."""
    if most < _LEAST:
        return 1, ()
    step = 10.0 ** math.floor(math.log10(most))
    step = next(step * factor for factor in (0.25, 0.5, 1, 2, 2.5) if step * factor * 4 >= most)
    if whole:
        step = max(1, math.ceil(step))
    lines = math.ceil(most / step - 1e-9)
    return step * lines, tuple(step * number for number in range(1, lines + 1))


def _chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    show: Show,
    height: int,
    top: Number,
    steps: Sequence[Number],
    *,
    columns: Sequence[Column],
    lines: Sequence[Line] = (),
) -> Chart:
    span = 100 / max(len(labels), 1)
    return Chart(
        title=title,
        height=height,
        grid=[Grid(round(height - height * step / top, 2), show(step)) for step in steps],
        ticks=[
            Tick(round(span * (at + 0.5), 3), labels[at], _anchor(at, len(labels))) for at in _chosen(len(labels))
        ],
        columns=columns,
        lines=lines,
        names=[one.name for one in series],
        rows=[(label, [_shown(one.values[at], show) for one in series]) for at, label in enumerate(labels)],
    )


def _path(values: Sequence[Number | None], top: Number, height: int, inset: float = 0.0) -> tuple[str, str]:
    """The line, and the area below it, in units of a picture that is _WIDE across."""
    line, area, run = [], [], []
    for at, value in enumerate([*values, None]):
        if value is not None:
            x = _WIDE * (at + 0.5) / len(values) if inset == 0 else _WIDE * at / max(len(values) - 1, 1)
            y = inset + (height - 2 * inset) * (1 - max(value, 0) / top)
            run.append(f"{x:.1f} {y:.1f}")
        elif run:
            # A point alone is a line too short to see: it is given some width.
            drawn = "M" + "L".join(run) + ("h2" if len(run) == 1 else "")
            line.append(drawn)
            area.append(f"{drawn}V{height}H{run[0].split()[0]}Z")
            run = []
    return "".join(line), "".join(area)


def _check(labels: Sequence[str], series: Sequence[Series]) -> None:
    assert len(series) <= SERIES_MOST
    assert len(labels) <= COLUMNS_MOST
    assert all(len(one.values) == len(labels) for one in series)


def _whole(series: Sequence[Series]) -> bool:
    return all(isinstance(value, int) for one in series for value in one.values if value is not None)


def _said(label: str, series: Sequence[Series], at: int, show: Show) -> str:
    """What is told of a column: the label, and under it every series that has something there."""
    there = [f"{one.name}: {_shown(one.values[at], show)}" for one in series if one.values[at]]
    return "\n".join([label, *(there or ["nothing"])])


def _shown(value: Number | None, show: Show) -> str:
    return "–" if value is None else show(value)


def _chosen(labels: int) -> range:
    """Which labels are written: as many as there is room for, evenly, the first among them."""
    return range(0, labels, max(1, math.ceil(labels / _TICKS_MOST)))


def _anchor(at: int, labels: int) -> str:
    return "end" if at == labels - 1 and labels > 1 else "middle"
