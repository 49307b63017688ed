"""How the rates of one price went over time, as a chart. Pure."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.base.cost.price import Price
from monoize.control.catalog.model.records import PriceRecord
from monoize.dashboard.charts import Chart, Series, lined
from monoize.dashboard.format import day_of_month, short_usd

_POINTS: Final = 60
_LONGEST: Final = dt.timedelta(days=730)
_SHORTEST: Final = dt.timedelta(days=30)
_NANO_OF_PICO_PER_MTOK: Final = 1_000  # pico-USD of one token, as nano-USD of a million
_LINES: Final = (("Input", "input_pico"), ("Output", "output_pico"), ("Cache read", "cache_read_pico"))


def history_chart(records: Sequence[PriceRecord], now: dt.datetime) -> Chart | None:
    """Of all rows of one price; None where nothing can be seen, since it never was another."""
    rows = _counting(records)
    if len(rows) < 2:
        return None
    moments = _moments(rows, now)
    series = [Series(name, [_rate(rows, column, at) for at in moments]) for name, column in _LINES]
    known = [one for one in series if any(value is not None for value in one.values)]
    if not known:
        return None
    labels = [day_of_month(dt.datetime.fromtimestamp(at, dt.UTC)) for at in moments]
    return lined(
        "USD per million tokens", labels, known, lambda rate: short_usd(int(rate) * _NANO_OF_PICO_PER_MTOK)
    )


def _counting(records: Sequence[PriceRecord]) -> list[Price]:
    """Without what was corrected: it never counted, looked at from today."""
    corrected = {record.supersedes_id for record in records}
    return [record.price for record in records if record.price.id not in corrected]


def _moments(rows: Sequence[Price], now: dt.datetime) -> list[int]:
    end = int(now.timestamp())
    first = min(price.effective_from for price in rows)
    begin = min(max(first, end - int(_LONGEST.total_seconds())), end - int(_SHORTEST.total_seconds()))
    return [begin + (end - begin) * at // (_POINTS - 1) for at in range(_POINTS)]


def _rate(rows: Sequence[Price], column: str, at_s: int) -> int | None:
    for price in rows:
        if price.holds_at(at_s):
            rate: int | None = getattr(price, column)
            return rate
    return None
