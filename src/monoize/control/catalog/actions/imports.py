"""Taking over the price lists that others publish, or only showing what that would change."""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Sequence

from monoize.base.clock import utc_now
from monoize.control.catalog.actions.book import Book, opened
from monoize.control.catalog.actions.proposals import waiting
from monoize.control.catalog.model import formats
from monoize.control.catalog.model.comparison import Compared, compare
from monoize.control.catalog.model.formats import Format, PriceList
from monoize.control.catalog.model.records import ModelKey, Source
from monoize.control.catalog.store import pending, prices
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class Import:
    """A document as somebody sent it, and which of its providers are meant; None is all."""

    format: Format
    document: str
    source_url: str
    providers: frozenset[str] | None = None

    def read(self) -> PriceList:
        return formats.read(self.format, self.document, self.providers)


@dataclasses.dataclass(frozen=True, slots=True)
class Imported:
    """What each price of the list came to, and which rows of it were refused."""

    compared: Sequence[Compared]
    listed: PriceList

    @property
    def counts(self) -> Counter[str]:
        return Counter(each.outcome for each in self.compared)


async def preview(tx: Tx, wanted: Import, listed: PriceList) -> Imported:
    now = utc_now()
    book = Book(await prices.of_models(tx, _models(listed)), now)
    return _compared(book, wanted, listed, now)


async def take_over(change: Change, wanted: Import, listed: PriceList) -> Imported:
    """All that can be written is written; steep changes wait, prices that were set by hand stay."""
    now = utc_now()
    async with opened(change.tx, _models(listed), now) as book:
        imported = _compared(book, wanted, listed, now)
        steep = []
        for each in imported.compared:
            if each.outcome in ("added", "changed"):
                book.accept(each.proposal)
            elif each.outcome == "unchanged":
                assert each.preceding_id is not None
                book.found_unchanged(each.preceding_id)
            elif each.outcome == "waiting":
                steep.append(waiting(change, each.proposal, each.changes, now))
        await pending.put(change.tx, steep)
    change.record(
        "price.import",
        "price_list",
        wanted.format,
        source_url=wanted.source_url,
        refused=len(listed.refused),
        **imported.counts,
    )
    return imported


def _compared(book: Book, wanted: Import, listed: PriceList, now: dt.datetime) -> Imported:
    source = Source(origin=wanted.format, url=wanted.source_url, checked_at=now)
    return Imported(compare(listed.listed, book.records, source, book.now_s), listed)


def _models(listed: PriceList) -> set[ModelKey]:
    return {price.model for price in listed.listed}
