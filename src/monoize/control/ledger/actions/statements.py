"""What readers of the ledger get: rows newest first, as pages or all of them in a stream, and sums of each day."""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from monoize.control.edge.wire import Page, Window
from monoize.control.ledger.errors import SummaryTooLong
from monoize.control.ledger.model.entries import (
    SUMMARY_DAYS_MOST,
    Account,
    DaySum,
    DaySums,
    Entry,
    EntryFilter,
)
from monoize.control.ledger.model.kinds import KindName
from monoize.control.ledger.store import days, entries
from monoize.control.ledger.store.days import Sum
from monoize.infra.db import Database, Tx

CHARGED_WITH_KEY: Final[Sequence[KindName]] = ("request_charge", "api_key_charge")

_STREAMED_AT_ONCE: Final = 500


async def list_entries(tx: Tx, window: Window, wanted: EntryFilter) -> Page[Entry]:
    return window.page(await entries.page(tx, window, wanted), lambda entry: entry.id)


async def every_entry(database: Database, wanted: EntryFilter) -> AsyncIterator[Sequence[Entry]]:
    """All of them, some at a time. No connection is held while the reader takes its time with one part."""
    after: str | None = None
    while True:
        async with database.read() as tx:
            found = await entries.page(tx, Window(_STREAMED_AT_ONCE, after), wanted)
        shown = found[:_STREAMED_AT_ONCE]
        if shown:
            yield shown
        if len(found) <= _STREAMED_AT_ONCE:
            return
        after = shown[-1].id


async def sums_by_day(
    tx: Tx, user_id: str, *, since: dt.date, until: dt.date, api_key_id: str | None = None
) -> DaySums:
    """The sums of one user, oldest day first; `until` is the day after the last."""
    if (until - since).days > SUMMARY_DAYS_MOST:
        raise SummaryTooLong
    sums: dict[tuple[str, Account, str], Sum] = {}
    async for key, found in days.of_user(tx, user_id, since=since, until=until, api_key_id=api_key_id):
        account: Account = "user" if key.account_id == key.user_id else "sub_account"
        line = (key.day, account, key.kind)
        sums[line] = sums.get(line, Sum(0, 0)) + found
    return DaySums(
        [
            DaySum(dt.date.fromisoformat(day), account, kind, found.entries, found.total_nano_usd)
            for (day, account, kind), found in sorted(sums.items())
        ]
    )


async def spent_with_key(tx: Tx, key_id: str, *, since: dt.date, until: dt.date) -> int:
    """What was charged for requests with one key, wherever it was taken from; `until` is the day after the last."""
    return -await days.of_key(tx, key_id, CHARGED_WITH_KEY, since=since, until=until)


async def spent_with_keys(tx: Tx, key_ids: Collection[str], *, since: dt.date, until: dt.date) -> Mapping[str, int]:
    """The same of several keys, without those with which nothing was charged."""
    found = await days.of_keys(tx, key_ids, CHARGED_WITH_KEY, since=since, until=until)
    return {key_id: -total for key_id, total in found.items()}


async def find_entry(tx: Tx, entry_id: str) -> Entry | None:
    return await entries.get(tx, entry_id)
