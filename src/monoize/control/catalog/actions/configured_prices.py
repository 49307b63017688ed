"""The prices of a document: found beside the book, and written into it."""

from collections.abc import Collection, Sequence
from typing import Final

from monoize.base.clock import utc_now
from monoize.control.catalog.actions.book import Book
from monoize.control.catalog.actions.proposals import waiting
from monoize.control.catalog.model import configured_prices
from monoize.control.catalog.model.changes import changes
from monoize.control.catalog.model.configuration import Wanted
from monoize.control.catalog.model.configured_prices import PriceStep
from monoize.control.catalog.model.records import ModelKey, PriceRecord, Proposal
from monoize.control.catalog.store import pending, prices
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

PRICES_MOST: Final = 5_000


async def by_hand(tx: Tx) -> Sequence[PriceRecord]:
    """Those that hold now and that somebody set."""
    return await prices.set_by_hand(tx, int(utc_now().timestamp()), most=PRICES_MOST)


def models(wanted: Wanted, by_hand: Sequence[PriceRecord]) -> Collection[ModelKey]:
    """Those whose prices are in question."""
    keys = [*(proposal.key for proposal in wanted.prices or ()), *(record.key for record in by_hand)]
    return {key.model for key in keys}


def steps(book: Book, by_hand: Sequence[PriceRecord], wanted: Wanted) -> list[PriceStep]:
    return configured_prices.steps(book.records, by_hand, wanted.prices or (), now_s=book.now_s, prune=wanted.prune)


async def write(change: Change, book: Book, steps: Sequence[PriceStep]) -> None:
    steep = []
    for step in steps:
        if step.ends:
            book.end(step.ends.price.id, configured_prices.end_of(step.ends, book.now_s))
        elif step.proposal and step.outcome == "waiting":
            steep.append(step.proposal)
        elif step.proposal:
            book.accept(step.proposal)
    known = await pending.of_models(change.tx, {proposal.key.model for proposal in steep})
    proposed = {each.proposal.key: each.proposal for each in known}
    new = [each for each in steep if each.key not in proposed or not _is_alike(proposed[each.key], each)]
    await pending.put(change.tx, [waiting(change, each, changes(book.before(each), each.price)) for each in new])


def _is_alike(proposed: Proposal, wanted: Proposal) -> bool:
    """Who proposes the same again proposes nothing new."""
    is_same_source = (proposed.source.url, proposed.source.note) == (wanted.source.url, wanted.source.note)
    return proposed.from_now and is_same_source and not changes(proposed.price, wanted.price)
