"""Sums of costs over many requests, and what a subscription costs on one day."""

import calendar
import dataclasses
import datetime as dt
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class Spend:
    """`nano` adds up the calls whose cost is known; `unpriced_calls`, a part of `calls`, are missing from it."""

    nano: int = 0
    calls: int = 0
    unpriced_calls: int = 0

    @classmethod
    def of(cls, totals_nano: Iterable[int | None]) -> "Spend":
        nano = calls = unpriced_calls = 0
        for total_nano in totals_nano:
            calls += 1
            if total_nano is None:
                unpriced_calls += 1
            else:
                nano += total_nano
        return cls(nano, calls, unpriced_calls)

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(self.nano + other.nano, self.calls + other.calls, self.unpriced_calls + other.unpriced_calls)


def subscription_on(day: dt.date, monthly_nano: int) -> int:
    """The part of a monthly price that falls on `day`: an even share, and on the last day of the month the rest."""
    days = calendar.monthrange(day.year, day.month)[1]
    each, rest = divmod(monthly_nano, days)
    return each + rest if day.day == days else each
