"""SQL of the daily sums, on every engine."""

import datetime as dt

from monoize.control.ledger.store import days
from monoize.control.ledger.store.days import DayKey, Sum
from monoize.infra.db import Database

JANUARY = dt.date(2026, 1, 1)


async def test_what_keys_were_charged_is_added_up_for_each(database: Database):
    def of(key: str, day: int, kind: str = "request_charge") -> DayKey:
        return DayKey("account", f"2026-01-{day:02}", kind, key, "user")

    sums = {
        of("a", 1): Sum(1, -(2**70)),
        of("a", 2): Sum(1, -3),
        of("a", 3): Sum(1, -100),
        of("a", 2, "top_up"): Sum(1, 50),
        of("b", 1): Sum(2, -7),
        of("c", 1): Sum(1, -1),
    }
    async with database.write() as tx:
        await days.write(tx, new=sums, moved={})
        until = JANUARY + dt.timedelta(days=2)
        found = await days.of_keys(tx, ["a", "b", "nobody"], ["request_charge"], since=JANUARY, until=until)

    assert {"a": -(2**70) - 3, "b": -7} == found
