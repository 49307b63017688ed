"""/costs: what calls came to, by one or two of whom, what and where, hour by hour or day by day."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import STORABLE
from monoize.control.identity.actions import names
from monoize.control.telemetry.actions import usage
from monoize.control.telemetry.model.queries import (
    BEHIND,
    STEP_MS,
    Dimension,
    Span,
    Step,
    Usage,
    UsageFilter,
    UsageRow,
    UsageTable,
    moment,
    span_of,
)
from monoize.dashboard import charts
from monoize.dashboard.format import milliseconds, short_count, short_usd
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import render
from monoize.dashboard.session import Person, PersonHere
from monoize.infra.db import Tx

router = page_router()

SERIES_MOST: Final = 8
ROWS_SHOWN: Final = 100
OTHERS: Final = "Others"
_OWN: Final = "own"

RANGES: Final[Mapping[str, tuple[str, Step, dt.timedelta]]] = {
    "24h": ("Last 24 hours", "hour", dt.timedelta(hours=23)),
    "7d": ("Last 7 days", "day", dt.timedelta(days=6)),
    "30d": ("Last 30 days", "day", dt.timedelta(days=29)),
    "90d": ("Last 90 days", "day", dt.timedelta(days=89)),
}
DIMENSIONS: Final[Mapping[str, tuple[Dimension, str]]] = {
    "model": ("model", "Model"),
    "key": ("api_key_id", "Key"),
    "agent": ("agent_id", "Agent"),
    "user": ("user_id", "User"),
    "provider": ("provider", "Provider"),
    "served": ("served_model", "Served model"),
    "tenant": ("tenant_id", "Tenant"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Measure:
    label: str
    of: Callable[[Usage], int]
    show: Callable[[int | float], str]
    is_behind: bool = False


MEASURES: Final[Mapping[str, Measure]] = {
    "charge": Measure("Charge", lambda each: each.charge_nano_usd, lambda nano: short_usd(int(nano))),
    "cost": Measure("Cost to us", lambda each: each.cost_nano_usd or 0, lambda nano: short_usd(int(nano)), True),
    "calls": Measure("Requests", lambda each: each.calls, lambda number: short_count(int(number))),
    "tokens": Measure(
        "Tokens",
        lambda each: each.total_input_tokens + each.output_tokens,
        lambda number: short_count(int(number)),
    ),
    "slow": Measure("95th percentile", lambda each: each.p95_ms or 0, milliseconds),
}

Text = Annotated[str, Query(max_length=191), STORABLE]


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: what it is of, where a closer look leads, and what it came to."""

    names: Sequence[str]
    closer: str | None
    usage: Usage


def _asked(
    range: Text = "7d", by: Text = "model", then: Text = "", measure: Text = "charge", whose: Text = ""
) -> Form:
    return Form({"range": range, "by": by, "then": then, "measure": measure, "whose": whose})


@router.get("/costs")
async def show(
    request: Request, house: HouseHere, person: PersonHere, asked: Annotated[Form, Depends(_asked)]
) -> Response:
    sees_behind = person.may("ledger.read")
    open_to = {word: each for word, each in DIMENSIONS.items() if sees_behind or each[0] not in BEHIND}
    measures = {word: each for word, each in MEASURES.items() if sees_behind or not each.is_behind}
    _, step, length = RANGES.get(asked.shown("range"), RANGES["7d"])
    by = _words(asked, open_to)
    only = _only(request, open_to)
    wanted = _wanted(person, asked, only)
    now = utc_now()
    span = span_of(step, now - length, None, now)
    measure = measures.get(asked.shown("measure"), MEASURES["charge"])
    async with house.database.read() as tx:
        dimensions = [DIMENSIONS[word][0] for word in by]
        whole = await usage.usage(tx, span, dimensions, wanted, in_steps=False, sees_behind=sees_behind)
        steps = await usage.usage(tx, span, dimensions[:1], wanted, in_steps=True, sees_behind=sees_behind)
        known = await _names(tx, (*whole.items, *steps.items), only)
    given = {**{name: value for name, value in asked.values.items() if value}, **only}
    return render(
        request,
        "spend/costs.html",
        form=asked,
        total=whole.total,
        headings=[DIMENSIONS[word][1] for word in by],
        lines=[_line(row, by, known, given) for row in whole.items[:ROWS_SHOWN]],
        left_out=max(0, len(whole.items) - ROWS_SHOWN),
        chart=_chart(steps, span, DIMENSIONS[by[0]], measure, known),
        ranges=[(word, label) for word, (label, _, _) in RANGES.items()],
        words=[(word, label) for word, (_, label) in open_to.items()],
        measures=[(word, each.label) for word, each in measures.items()],
        only=[
            (DIMENSIONS[word][1], known.get(value, value), _address({**given, word: ""}))
            for word, value in only.items()
        ],
        kept=only,
        csv=_csv_address(span, by, wanted, everybody="user_id" not in wanted),
    )


def _words(asked: Form, open_to: Mapping[str, Any]) -> Sequence[str]:
    """One or two dimensions that this person may ask for, the first of them the model where they named none."""
    wanted = [word for word in (asked.shown("by"), asked.shown("then")) if word in open_to]
    return list(dict.fromkeys(wanted)) or ["model"]


def _only(request: Request, open_to: Mapping[str, Any]) -> Mapping[str, str]:
    """To what it was narrowed down: the words of dimensions in the address."""
    found = {word: request.query_params.get(word, "") for word in open_to}
    return {word: value for word, value in found.items() if value.isprintable() and 0 < len(value) <= 191}


def _wanted(person: Person, asked: Form, only: Mapping[str, str]) -> UsageFilter:
    wanted: dict[Dimension, str] = {DIMENSIONS[word][0]: value for word, value in only.items()}
    if own := person.whose(only_own=asked.shown("whose") == _OWN):
        wanted["user_id"] = own
    return wanted


async def _names(tx: Tx, rows: Sequence[UsageRow], only: Mapping[str, str]) -> Mapping[str, str]:
    """What people call the ids in these rows. Ids of all kinds are unlike each other."""

    def ids(word: str) -> set[str]:
        found = {row.by.get(DIMENSIONS[word][0]) for row in rows} | {only.get(word)}
        return {id for id in found if id}

    return {
        **await names.of_users(tx, ids("user")),
        **await names.of_keys(tx, ids("key")),
        **await names.of_tenants(tx, ids("tenant")),
    }


def _line(row: UsageRow, by: Sequence[str], known: Mapping[str, str], given: Mapping[str, str]) -> Line:
    """A closer look narrows down to this row, and tells it apart by what it was not told apart by."""
    ids = [row.by[DIMENSIONS[word][0]] for word in by]
    closer = None
    if all(ids):
        narrowed = {word: id for word, id in zip(by, ids, strict=True) if id}
        unasked = next(
            (word for word in DIMENSIONS if word not in {**given, **narrowed} and word not in by), "model"
        )
        closer = _address({**given, **narrowed, "by": unasked, "then": ""})
    return Line([known.get(id, id) if id else "None" for id in ids], closer, row.usage)


def _chart(
    steps: UsageTable, span: Span, dimension: tuple[Dimension, str], measure: Measure, known: Mapping[str, str]
) -> charts.Chart:
    """The greatest as series of their own; the rest together, where it adds up."""
    length_ms = STEP_MS[span.step]
    moments = [moment(at) for at in range(span.since_ms, span.until_ms, length_ms)]
    values: dict[str | None, dict[dt.datetime | None, int]] = {}
    for row in steps.items:
        values.setdefault(row.by[dimension[0]], {})[row.at] = measure.of(row.usage)
    ranked = sorted(values, key=lambda name: sum(values[name].values()), reverse=True)
    series = [
        charts.Series(known.get(id, id) if id else "None", [values[id].get(at, 0) for at in moments])
        for id in ranked[:SERIES_MOST]
    ]
    title = f"{measure.label} by {dimension[1].lower()}"
    if measure is MEASURES["slow"]:
        return charts.lined(title, _labels(moments, span.step), series, measure.show)
    if rest := ranked[SERIES_MOST:]:
        series.append(charts.Series(OTHERS, [sum(values[id].get(at, 0) for id in rest) for at in moments]))
    return charts.stacked(title, _labels(moments, span.step), series if values else (), measure.show)


def _labels(moments: Sequence[dt.datetime], step: Step) -> Sequence[str]:
    return [f"{at:%H:%M}" if step == "hour" else f"{at.day} {at:%b}" for at in moments]


def _address(given: Mapping[str, str]) -> str:
    return f"/costs?{urlencode({name: value for name, value in given.items() if value})}"


def _csv_address(span: Span, by: Sequence[str], wanted: UsageFilter, *, everybody: bool) -> str:
    """The same table from the API."""
    names = {"api_key_id": "key_id"}
    api_words = {"served": "served_model"}
    query: dict[str, str] = {
        "group_by": ",".join(api_words.get(word, word) for word in by),
        "step": span.step,
        "since": moment(span.since_ms).isoformat(),
        "until": moment(span.until_ms).isoformat(),
        **{names.get(dimension, dimension): value for dimension, value in wanted.items()},
    }
    return f"/api/telemetry/usage.csv?{urlencode(query | ({'everybody': 'true'} if everybody else {}))}"
