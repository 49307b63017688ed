"""What people do with prices: look at them, set them, correct a mistake, end one.

A steep change is not written but waits for a second person (`proposals`).
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from monoize.base.clock import utc_now
from monoize.control.catalog.actions.book import Book, opened
from monoize.control.catalog.actions.proposals import waiting
from monoize.control.catalog.errors import InvalidPrice
from monoize.control.catalog.model.changes import changes, is_steep
from monoize.control.catalog.model.rates import check_believable, rates_of
from monoize.control.catalog.model.records import (
    PendingPrice,
    PriceFilter,
    PriceRecord,
    Proposal,
)
from monoize.control.catalog.store import pending, prices
from monoize.control.edge.wire import Page, Window
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class Decided:
    """The price as it was written, or the proposal that waits."""

    written: PriceRecord | None = None
    waiting: PendingPrice | None = None


async def list_prices(tx: Tx, window: Window, wanted: PriceFilter) -> Page[PriceRecord]:
    return window.page(await prices.page(tx, window, wanted), lambda record: record.price.id)


async def get_price(tx: Tx, price_id: str) -> PriceRecord:
    return await prices.get(tx, price_id)


async def set_price(change: Change, proposal: Proposal) -> Decided:
    """A new price; or the correction of one, which then holds for the whole time of the wrong one."""
    check_believable(rates_of(proposal.price))
    if not any(rate is not None for rate in rates_of(proposal.price).values()):
        raise InvalidPrice("A price has at least one rate.")
    async with opened(change.tx, [proposal.key.model], utc_now()) as book:
        decided = await _decide(change, book, proposal)
    _record(change, proposal, decided)
    return decided


async def _decide(change: Change, book: Book, proposal: Proposal) -> Decided:
    before = book.before(proposal)
    if not is_steep(before, proposal.price):
        return Decided(written=book.accept(proposal))
    proposed = waiting(change, proposal, changes(before, proposal.price))
    await pending.put(change.tx, [proposed])
    return Decided(waiting=proposed)


def _record(change: Change, proposal: Proposal, decided: Decided) -> None:
    facts = {**named(proposal), "corrects": proposal.corrects_id}
    if decided.waiting:
        change.record("price.propose", "pending_price", decided.waiting.id, **facts)
    elif decided.written:
        verb = "price.correct" if proposal.corrects_id else "price.set"
        change.record(verb, "price", decided.written.price.id, **facts)


async def end_price(change: Change, price_id: str, at: dt.datetime) -> PriceRecord:
    """From then on the price is unknown, until another one is set."""
    known = await prices.get(change.tx, price_id)
    async with opened(change.tx, [known.key.model], utc_now()) as book:
        ended = book.end(price_id, int(at.timestamp()))
    change.record("price.end", "price", price_id, model=known.key.model_key, at=at.isoformat())
    return ended


def named(proposal: Proposal) -> Mapping[str, Any]:
    """How the audit log names a price."""
    key, rates = proposal.key, rates_of(proposal.price)
    return {
        **key._asdict(),
        "rates": {column: rate for column, rate in rates.items() if rate is not None},
        "source_url": proposal.source.url,
    }
