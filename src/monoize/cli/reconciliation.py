"""Our costs beside a provider's bill, by provider, day and model. Pure.

Drift is ours less theirs. Every line of the bill and every cost of ours is in exactly one row, so the rows add up
to both sides, whether or not their models could be matched.
"""

import collections
import dataclasses
import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, Literal, NamedTuple, TypeVar

from monoize.base.money import NANO_PER_USD, round_half_up
from monoize.cli.bills import Line

BP_PER_WHOLE: Final = 10_000
NEGLIGIBLE_NANO: Final = NANO_PER_USD // 100

OnlyIn = Literal["bill", "ours"]
Entry = TypeVar("Entry", Line, "Cost")

_SNAPSHOT: Final = re.compile(
    r"(.+)-2[0-9]{3}(?:-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What the calls of one model came to on one day; `unpriced_calls`, a part of `calls`, are missing from it."""

    provider: str
    day: dt.date
    model: str
    calls: int
    unpriced_calls: int
    cost_nano: int


@dataclasses.dataclass(frozen=True, slots=True)
class Sides:
    ours_nano: int = 0
    theirs_nano: int = 0
    calls: int = 0
    unpriced_calls: int = 0

    def __add__(self, other: "Sides") -> "Sides":
        return Sides(
            self.ours_nano + other.ours_nano,
            self.theirs_nano + other.theirs_nano,
            self.calls + other.calls,
            self.unpriced_calls + other.unpriced_calls,
        )

    @property
    def drift_nano(self) -> int:
        return self.ours_nano - self.theirs_nano

    @property
    def drift_bp(self) -> int | None:
        """In hundredths of a per cent of the bill; None when the bill is nought and we are not."""
        if self.theirs_nano == 0:
            return None if self.drift_nano else 0
        return round_half_up(self.drift_nano * BP_PER_WHOLE, abs(self.theirs_nano))

    def exceeds(self, tolerance_bp: int) -> bool:
        """By the exact drift: what is shown is rounded."""
        drift_nano = abs(self.drift_nano)
        return drift_nano > NEGLIGIBLE_NANO and drift_nano * BP_PER_WHOLE > abs(self.theirs_nano) * tolerance_bp


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """`model` is None where the bill names none."""

    provider: str
    day: dt.date
    model: str | None
    sides: Sides
    only_in: OnlyIn | None


@dataclasses.dataclass(frozen=True, slots=True)
class DayTotal:
    provider: str
    day: dt.date
    sides: Sides


@dataclasses.dataclass(frozen=True, slots=True)
class Reconciliation:
    rows: Sequence[Row]
    days: Sequence[DayTotal]
    total: Sides


class _Model(NamedTuple):
    """A model under the name that is shown."""

    name: str
    sides: Sides


def reconcile(lines: Sequence[Line], costs: Sequence[Cost]) -> Reconciliation:
    """Of a provider whose bill names no model at all there is one row for each day."""
    theirs, ours = _by_day(lines), _by_day(costs)
    with_models = {line.provider for line in lines if line.model is not None}
    rows: list[Row] = []
    days: list[DayTotal] = []
    for provider, day in sorted(theirs.keys() | ours.keys()):
        compare = _by_model if provider in with_models else _as_a_whole
        of_day = compare(provider, day, theirs.get((provider, day), ()), ours.get((provider, day), ()))
        rows += of_day
        days.append(DayTotal(provider, day, _sum(row.sides for row in of_day)))
    return Reconciliation(rows, days, _sum(each.sides for each in days))


def _by_day(entries: Iterable[Entry]) -> Mapping[tuple[str, dt.date], Sequence[Entry]]:
    found = collections.defaultdict[tuple[str, dt.date], list[Entry]](list)
    for entry in entries:
        found[entry.provider, entry.day].append(entry)
    return found


def _as_a_whole(provider: str, day: dt.date, lines: Sequence[Line], costs: Sequence[Cost]) -> Sequence[Row]:
    only_in: OnlyIn | None = None if lines and costs else "bill" if lines else "ours"
    sides = _sum(map(_their_side, lines)) + _sum(map(_our_side, costs))
    return [Row(provider, day, None, sides, only_in)]


def _by_model(provider: str, day: dt.date, lines: Sequence[Line], costs: Sequence[Cost]) -> Sequence[Row]:
    # A line without model and amount only says that the day cost nothing.
    nameless = [line for line in lines if line.model is None and line.nano]
    theirs = _models((line.model, _their_side(line)) for line in lines if line.model is not None)
    ours = _models((cost.model, _our_side(cost)) for cost in costs)
    partners = _partners(theirs.keys(), ours.keys())
    rows = [
        Row(provider, day, ours[key].name, theirs[their_key].sides + ours[key].sides, None)
        for their_key, key in partners.items()
    ]
    rows += _alone(provider, day, theirs, partners.keys(), "bill")
    rows += _alone(provider, day, ours, set(partners.values()), "ours")
    rows.sort(key=lambda row: (row.model or "", row.only_in or ""))
    if nameless:
        rows.append(Row(provider, day, None, _sum(map(_their_side, nameless)), "bill"))
    return rows


def _alone(
    provider: str, day: dt.date, models: Mapping[str, _Model], paired: Collection[str], only_in: OnlyIn
) -> Iterator[Row]:
    for key, model in models.items():
        if key not in paired:
            yield Row(provider, day, model.name, model.sides, only_in)


def _models(named: Iterable[tuple[str, Sides]]) -> Mapping[str, _Model]:
    """By their names after case folding; a bill has a line for each thing that was used of a model."""
    found: dict[str, _Model] = {}
    for name, sides in named:
        before = found.get(name.casefold(), _Model(name, Sides()))
        found[name.casefold()] = _Model(before.name, before.sides + sides)
    return found


def _partners(theirs: Set[str], ours: Set[str]) -> Mapping[str, str]:
    """Which of ours each of their models is. A snapshot and its undated name are one only where neither could be
    another's: how a cost divides between two snapshots nobody knows.
    """
    equal = theirs & ours
    their_rest, our_rest = theirs - equal, ours - equal
    pairs = [(name, base) for name in their_rest if (base := _undated(name)) and base in our_rest]
    pairs += [(base, name) for name in our_rest if (base := _undated(name)) and base in their_rest]
    choices_of_theirs = collections.Counter(their_name for their_name, _ in pairs)
    choices_of_ours = collections.Counter(our_name for _, our_name in pairs)
    sure = {
        their_name: our_name
        for their_name, our_name in pairs
        if choices_of_theirs[their_name] == choices_of_ours[our_name] == 1
    }
    return {name: name for name in equal} | sure


def _undated(name: str) -> str | None:
    snapshot = _SNAPSHOT.fullmatch(name)
    return snapshot[1] if snapshot else None


def _their_side(line: Line) -> Sides:
    return Sides(theirs_nano=line.nano)


def _our_side(cost: Cost) -> Sides:
    return Sides(ours_nano=cost.cost_nano, calls=cost.calls, unpriced_calls=cost.unpriced_calls)


def _sum(sides: Iterable[Sides]) -> Sides:
    return sum(sides, Sides())
