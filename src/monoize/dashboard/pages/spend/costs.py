"""/costs: what calls came to, by one or two of whom, what and where, hour by hour or day by day.

Of what went through the gateway, or of what hosts report besides: never of both together.
"""

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
from monoize.control.fleet.actions.hosts import names_of_hosts
from monoize.control.identity.actions import names
from monoize.control.telemetry.actions import usage
from monoize.control.telemetry.model.calls import Source
from monoize.control.telemetry.model.queries import (
    BEHIND,
    DIMENSIONS_OF,
    STEP_MS,
    Course,
    Dimension,
    Figure,
    Span,
    Step,
    Usage,
    UsageFilter,
    UsageRow,
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
_MEASURED: Final[Sequence[Source]] = ("gateway",)
_REPORTED: Final[Sequence[Source]] = ("reported",)
_HOST_DIGITS_MOST: Final = 18

RANGES: Final[Mapping[str, tuple[str, Step, dt.timedelta]]] = {
    "24h": ("Last 24 hours", "hour", dt.timedelta(hours=23)),
    "7d": ("Last 7 days", "day", dt.timedelta(days=6)),
    "30d": ("Last 30 days", "day", dt.timedelta(days=29)),
    "90d": ("Last 90 days", "day", dt.timedelta(days=89)),
}
SOURCES: Final[Mapping[str, tuple[Source, str]]] = {
    "": ("gateway", "Gateway"),
    "reported": ("reported", "Reported by hosts"),
}
DIMENSIONS: Final[Mapping[str, tuple[Dimension, str]]] = {
    "model": ("model", "Model"),
    "key": ("api_key_id", "Key"),
    "agent": ("agent_id", "Agent"),
    "host": ("host_id", "Host"),
    "user": ("user_id", "User"),
    "provider": ("provider", "Provider"),
    "served": ("served_model", "Served model"),
    "tenant": ("tenant_id", "Tenant"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Measure:
    """`ranked`: the figures by which the greatest are found."""

    label: str
    ranked: Sequence[Figure]
    of: Callable[[Usage], int]
    show: Callable[[int | float], str]
    is_behind: bool = False
    sources: Sequence[Source] = _MEASURED


MEASURES: Final[Mapping[str, Measure]] = {
    "charge": Measure(
        "Charge", ["charge_nano"], lambda each: each.charge_nano_usd, lambda nano: short_usd(int(nano))
    ),
    "cost": Measure(
        "Cost to us",
        ["cost_nano"],
        lambda each: each.cost_nano_usd or 0,
        lambda nano: short_usd(int(nano)),
        is_behind=True,
    ),
    "worth": Measure(
        "Would have cost",
        ["cost_nano"],
        lambda each: each.cost_nano_usd or 0,
        lambda nano: short_usd(int(nano)),
        is_behind=True,
        sources=_REPORTED,
    ),
    "calls": Measure("Requests", ["calls"], lambda each: each.calls, lambda number: short_count(int(number))),
    "tokens": Measure(
        "Tokens",
        ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"],
        lambda each: each.total_input_tokens + each.output_tokens,
        lambda number: short_count(int(number)),
        sources=[*_MEASURED, *_REPORTED],
    ),
    "slow": Measure("95th percentile", ["charge_nano"], lambda each: each.p95_ms or 0, milliseconds),
}

Text = Annotated[str, Query(max_length=191), STORABLE]


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: what it is of, where a closer look leads, and what it came to."""

    names: Sequence[str]
    closer: str | None
    usage: Usage


def _asked(
    source: Text = "",
    range: Text = "7d",
    by: Text = "model",
    then: Text = "",
    measure: Text = "",
    whose: Text = "",
) -> Form:
    given = {"source": source, "range": range, "by": by, "then": then, "measure": measure, "whose": whose}
    return Form(given)


@router.get("/costs")
async def show(
    request: Request, house: HouseHere, person: PersonHere, asked: Annotated[Form, Depends(_asked)]
) -> Response:
    sees_behind = person.may("ledger.read")
    source, _ = SOURCES.get(asked.shown("source"), SOURCES[""])
    open_to = {
        word: each
        for word, each in DIMENSIONS.items()
        if each[0] in DIMENSIONS_OF[source] and (sees_behind or each[0] not in BEHIND)
    }
    measures = {
        word: each
        for word, each in MEASURES.items()
        if source in each.sources and (sees_behind or not each.is_behind)
    }
    _, step, length = RANGES.get(asked.shown("range"), RANGES["7d"])
    by = _words(asked, open_to)
    only = _only(request, open_to)
    wanted = _wanted(person, asked, only)
    now = utc_now()
    span = span_of(step, now - length, None, now, source)
    measure = measures.get(asked.shown("measure"), next(iter(measures.values())))
    dimensions = [DIMENSIONS[word][0] for word in by]
    async with house.database.read() as tx:
        ranking = await usage.ranking(
            tx, span, dimensions, wanted, of=measure.ranked, most=ROWS_SHOWN, sees_behind=sees_behind
        )
        course = await usage.course(
            tx, span, dimensions[0], wanted, of=measure.ranked, most=SERIES_MOST, sees_behind=sees_behind
        )
        shown = [row.by for row in ranking.greatest] + [{dimensions[0]: name} for name in course.greatest]
        known = await _names(tx, shown, only)
    given = {**{name: value for name, value in asked.values.items() if value}, **only}
    return render(
        request,
        "spend/costs.html",
        form=asked,
        source=source,
        sources=[(word, label) for word, (_, label) in SOURCES.items()],
        total=ranking.total,
        headings=[DIMENSIONS[word][1] for word in by],
        lines=[_line(row, by, known, given, open_to) for row in ranking.greatest],
        others=ranking.others if ranking.others.calls else None,
        chart=_chart(course, span, f"{measure.label} by {DIMENSIONS[by[0]][1].lower()}", measure, known),
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
    return {word: value for word, value in found.items() if _may_be(word, value)}


def _may_be(word: str, value: str) -> bool:
    if word == "host":
        return len(value) <= _HOST_DIGITS_MOST and value.isascii() and value.isdecimal()
    return value.isprintable() and 0 < len(value) <= 191


def _wanted(person: Person, asked: Form, only: Mapping[str, str]) -> UsageFilter:
    wanted: dict[Dimension, str | int] = {DIMENSIONS[word][0]: value for word, value in only.items()}
    if "host" in only:
        wanted["host_id"] = int(only["host"])
    if own := person.whose(only_own=asked.shown("whose") == _OWN):
        wanted["user_id"] = own
    return wanted


async def _names(
    tx: Tx, shown: Sequence[Mapping[Dimension, str | None]], only: Mapping[str, str]
) -> Mapping[str, str]:
    """What people call the ids that are shown. Ids of all kinds are unlike each other."""

    def ids(word: str) -> set[str]:
        found = {ids.get(DIMENSIONS[word][0]) for ids in shown} | {only.get(word)}
        return {id for id in found if id}

    return {
        **await names.of_users(tx, ids("user")),
        **await names.of_keys(tx, ids("key")),
        **await names.of_tenants(tx, ids("tenant")),
        **await names_of_hosts(tx, ids("host")),
    }


def _line(
    row: UsageRow,
    by: Sequence[str],
    known: Mapping[str, str],
    given: Mapping[str, str],
    open_to: Mapping[str, Any],
) -> Line:
    """A closer look narrows down to this row, and tells it apart by what it was not told apart by."""
    ids = [row.by[DIMENSIONS[word][0]] for word in by]
    closer = None
    if all(ids):
        narrowed = {word: id for word, id in zip(by, ids, strict=True) if id}
        unasked = next((word for word in open_to if word not in {**given, **narrowed} and word not in by), "model")
        closer = _address({**given, **narrowed, "by": unasked, "then": ""})
    return Line([known.get(id, id) if id else "None" for id in ids], closer, row.usage)


def _chart(course: Course, span: Span, title: str, measure: Measure, known: Mapping[str, str]) -> charts.Chart:
    """The greatest as series of their own; the rest together, where it adds up."""
    moments = [moment(at) for at in range(span.since_ms, span.until_ms, STEP_MS[span.step])]

    def series(name: str, usage: Mapping[dt.datetime, Usage]) -> charts.Series:
        return charts.Series(name, [measure.of(usage[at]) if at in usage else 0 for at in moments])

    greatest = [series(known.get(id, id) if id else "None", usage) for id, usage in course.greatest.items()]
    if measure is MEASURES["slow"]:
        return charts.lined(title, _labels(moments, span.step), greatest, measure.show)
    others = series(OTHERS, course.others)
    shown = [*greatest, others] if any(others.values) else greatest
    return charts.stacked(title, _labels(moments, span.step), shown, measure.show)


def _labels(moments: Sequence[dt.datetime], step: Step) -> Sequence[str]:
    return [f"{at:%H:%M}" if step == "hour" else f"{at.day} {at:%b}" for at in moments]


def _address(given: Mapping[str, str]) -> str:
    return f"/costs?{urlencode({name: value for name, value in given.items() if value})}"


def _csv_address(span: Span, by: Sequence[str], wanted: UsageFilter, *, everybody: bool) -> str:
    """The same table from the API."""
    names = {"api_key_id": "key_id"}
    api_words = {"served": "served_model"}
    query: dict[str, str | int] = {
        "source": span.source,
        "group_by": ",".join(api_words.get(word, word) for word in by),
        "step": span.step,
        "since": moment(span.since_ms).isoformat(),
        "until": moment(span.until_ms).isoformat(),
        **{names.get(dimension, dimension): value for dimension, value in wanted.items()},
    }
    return f"/api/telemetry/usage.csv?{urlencode(query | ({'everybody': 'true'} if everybody else {}))}"
