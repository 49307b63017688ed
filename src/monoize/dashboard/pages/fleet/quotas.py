"""How much of its allowance the account of a pool has used, as meters and as a chart of its days. Pure."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from monoize.control.fleet.model.quota import HistoryPoint, ShownWindow, Standing
from monoize.dashboard.charts import Chart, Series, lined, share
from monoize.dashboard.format import day_of_month, milliseconds

HISTORY_DAYS: Final = 60


class Meter(NamedTuple):
    """For `ui.meter`."""

    label: str
    full: float
    said: str


def quota_meters(standing: Standing) -> Sequence[Meter]:
    """Of the windows that its provider tells of; nothing while it was never asked."""
    usage = standing.chatgpt_usage
    if usage is None:
        return ()
    windows = (("Five hours", usage.primary_window), ("Week", usage.secondary_window))
    found = [_meter(label, window) for label, window in windows if window and window.used_percent is not None]
    if usage.daily_used_percent is not None:
        said = f"{usage.daily_used_percent} % of the week's"
        found.append(Meter("Today", share(usage.daily_used_percent, 100), said))
    return found


def history_chart(points: Sequence[HistoryPoint], today: dt.date) -> Chart:
    """The most that was used on each day; a day on which nobody asked breaks the line."""
    days = [today - dt.timedelta(days=back) for back in reversed(range(HISTORY_DAYS))]
    five_hours, week = dict[dt.date, int](), dict[dt.date, int]()
    for point in points:
        day = point.fetched_at.date()
        for most, used in ((five_hours, point.primary_used_percent), (week, point.secondary_used_percent)):
            if used is not None:
                most[day] = max(most.get(day, 0), used)
    series = [
        Series(name, [most.get(day) for day in days]) for name, most in (("Five hours", five_hours), ("Week", week))
    ]
    labels = [day_of_month(day) for day in days]
    return lined("Most that was used, 60 days", labels, series, lambda number: f"{number:.0f} %")


def _meter(label: str, window: ShownWindow) -> Meter:
    used = window.used_percent or 0
    said = f"{used} %"
    if window.reset_after_seconds is not None:
        said += f", begins anew in {milliseconds(window.reset_after_seconds * 1000)}"
    return Meter(label, share(used, 100), said)
