"""What hosts used, drawn. Pure."""

from collections.abc import Sequence

from monoize.control.telemetry.model.reported import DayUsage
from monoize.dashboard.charts import COLUMNS_MOST, Chart, Series, stacked
from monoize.dashboard.format import short_count


def days_chart(title: str, days: Sequence[DayUsage]) -> Chart:
    """Tokens of each day: what was read anew, what came from the cache, and what was written."""
    shown = days[-COLUMNS_MOST:]
    series = [
        Series("Input", [max(each.usage.input - each.usage.cached, 0) for each in shown]),
        Series("Cached", [each.usage.cached for each in shown]),
        Series("Output", [each.usage.output for each in shown]),
    ]
    labels = [f"{each.day.day} {each.day:%b}" for each in shown]
    return stacked(title, labels, series, lambda number: short_count(int(number)))
