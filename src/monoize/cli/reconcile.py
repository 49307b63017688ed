"""`monoize ledger reconcile`: our costs beside a provider's bill, to see what is priced wrongly or passes us by.

The bill is read here and stays here: the server is only asked for its costs.
"""

import datetime as dt
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monoize.base.money import decimal_text
from monoize.cli import show
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteVerb

if TYPE_CHECKING:
    from monoize.cli.bills import Line
    from monoize.cli.reconciliation import Cost, DayTotal, Reconciliation, Sides

SIDES_COLUMNS: Final = (
    "ours_nano_usd",
    "bill_nano_usd",
    "drift_nano_usd",
    "drift_percent",
    "calls",
    "unpriced_calls",
)
ROW_COLUMNS: Final = ("provider", "day", "model", *SIDES_COLUMNS, "only_in")
DAY_COLUMNS: Final = ("provider", "day", *SIDES_COLUMNS, "over_tolerance")
PART_DAYS_MOST: Final = 31
PARTS_MOST: Final = 500
STDIN: Final = "-"

_PERCENT: Final = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,2}))?")


class Percent(click.ParamType[int]):
    """A percentage, in hundredths of a per cent."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        percent = _PERCENT.fullmatch(value)
        if percent is None:
            self.fail(f"{value!r} is not a percentage; write 1 or 0.5, with at most two decimals", param, ctx)
        return int(percent[1]) * 100 + int((percent[2] or "").ljust(2, "0"))


Part = tuple[str, dt.date, dt.date]
"""What one request asks for: a provider, the first day and the day after the last."""


@click.command("reconcile", cls=RemoteVerb)
@click.option(
    "--provider-bill",
    "place",
    metavar="FILE",
    required=True,
    help="CSV, or the JSON of OpenAI's or Anthropic's costs; - for standard input.",
)
@click.option("--provider", metavar="NAME", help="Whose the lines are that do not say it.")
@click.option(
    "--tolerance",
    "tolerance_bp",
    type=Percent(),
    metavar="PERCENT",
    default="1",
    show_default=True,
    help="How far a day may drift from the bill.",
)
@click.pass_obj
def reconcile(invocation: Invocation, place: str, provider: str | None, tolerance_bp: int) -> None:
    """Compare our costs with a provider's bill; exit with 1 if they drift apart on any day."""
    from monoize.cli import bills, reconciliation

    lines = bills.parse(_content(place, bills.BILL_MOST_BYTES), provider=provider)
    found = reconciliation.reconcile(lines, _costs(invocation, _parts(lines)))
    over = [each for each in found.days if each.sides.exceeds(tolerance_bp)]
    _show(invocation, found, tolerance_bp)
    if found.total.unpriced_calls:
        show.said(f"Calls without a price, which are missing from our side: {found.total.unpriced_calls}.")
    if over:
        raise Failure(
            f"{len(over)} of {len(found.days)} days drift from the bill by more than {_percent(tolerance_bp)} %",
            exit=Exit.NO,
            hint="Look for wrong and missing prices with `monoize prices audit`.",
            lines=[_in_words(each) for each in over],
        )
    show.said(f"The bill is right: {len(found.days)} days within {_percent(tolerance_bp)} %.")


def _content(place: str, most_bytes: int) -> bytes:
    """One byte more than it may have tells that there is more."""
    if place == STDIN:
        return sys.stdin.buffer.read(most_bytes + 1)
    try:
        with Path(place).open("rb") as file:
            return file.read(most_bytes + 1)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise click.UsageError(f"cannot read {place}: {reason}") from problem


def _parts(lines: "Sequence[Line]") -> Sequence[Part]:
    """From the first to the last day of each provider's bill: what it leaves out in between is drift, too."""
    days: dict[str, tuple[dt.date, dt.date]] = {}
    for line in lines:
        first, last = days.get(line.provider, (line.day, line.day))
        days[line.provider] = min(first, line.day), max(last, line.day)
    wanted = (part for provider, (first, last) in days.items() for part in _parts_of(provider, first, last))
    parts = list(itertools.islice(wanted, PARTS_MOST + 1))
    if len(parts) > PARTS_MOST:
        raise Failure(
            f"the bill reaches over too many days or providers: more than {PARTS_MOST} requests would be needed",
            hint="Look for a mistyped day, or split the bill.",
        )
    return parts


def _parts_of(provider: str, first: dt.date, last: dt.date) -> Iterator[Part]:
    end = last + dt.timedelta(days=1)
    while first < end:
        until = min(first + dt.timedelta(days=PART_DAYS_MOST), end)
        yield provider, first, until
        first = until


def _costs(invocation: Invocation, parts: Sequence[Part]) -> "Sequence[Cost]":
    from monoize.cli.reconciliation import Cost

    items: list[Json] = []
    for number, (provider, since, until) in enumerate(parts, 1):
        params = {"provider": provider, "since": since.isoformat(), "until": until.isoformat()}
        items += invocation.api.get("/api/telemetry/costs", params)["items"]
        if len(parts) > 1:
            show.said(f"{number} of {len(parts)} parts of our costs …")
    for provider in sorted({provider for provider, _, _ in parts} - {item["provider"] for item in items}):
        show.said(f"There are no calls of {provider} here in these days; perhaps it has another name here.")
    return [
        Cost(
            provider=item["provider"],
            day=dt.date.fromisoformat(item["day"]),
            model=item["model"],
            calls=item["calls"],
            unpriced_calls=item["unpriced_calls"],
            cost_nano=int(item["cost_nano_usd"]),
        )
        for item in items
    ]


def _show(invocation: Invocation, found: "Reconciliation", tolerance_bp: int) -> None:
    rows = [
        {"provider": row.provider, "day": row.day.isoformat(), "model": row.model}
        | _sides(row.sides)
        | {"only_in": row.only_in}
        for row in found.rows
    ]
    days = [
        {"provider": each.provider, "day": each.day.isoformat()}
        | _sides(each.sides)
        | {"over_tolerance": each.sides.exceeds(tolerance_bp)}
        for each in found.days
    ]
    if invocation.json:
        show.as_json({"rows": rows, "days": days, "total": _sides(found.total)})
        return
    _table(rows, ROW_COLUMNS)
    click.echo()
    _table([*days, {"provider": None, "day": "total", "over_tolerance": None} | _sides(found.total)], DAY_COLUMNS)


def _sides(sides: "Sides") -> Json:
    return {
        "ours_nano_usd": str(sides.ours_nano),
        "bill_nano_usd": str(sides.theirs_nano),
        "drift_nano_usd": str(sides.drift_nano),
        "drift_bp": sides.drift_bp,
        "calls": sides.calls,
        "unpriced_calls": sides.unpriced_calls,
    }


def _table(items: Sequence[Json], columns: Sequence[str]) -> None:
    shown = [item | {"drift_percent": _percent(item["drift_bp"])} for item in items]
    show.table(
        [show.label(name) for name in columns],
        [[show.value(name, item[name]) for name in columns] for item in shown],
    )


def _in_words(each: "DayTotal") -> str:
    ours, theirs = (show.usd(str(nano)) for nano in (each.sides.ours_nano, each.sides.theirs_nano))
    return f"{each.provider} {each.day}: {ours} USD with us, {theirs} USD on the bill"


def _percent(bp: int | None) -> str | None:
    return None if bp is None else decimal_text(bp, 2)
