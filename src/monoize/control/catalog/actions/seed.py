"""Planting the price list that ships with the product. Planting it again, or a newer edition of it, is safe."""

import dataclasses
import itertools
from collections.abc import Sequence

from monoize.base.clock import utc_now
from monoize.base.cost.price import Price
from monoize.control.catalog.actions.book import Book, opened
from monoize.control.catalog.model import timeline
from monoize.control.catalog.model.changes import changes
from monoize.control.catalog.model.records import ModelKey, PriceKey, Proposal
from monoize.control.catalog.model.seed_list import seed_list
from monoize.control.catalog.store import prices
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class Planted:
    """`kept` are prices that somebody looks after, by hand or with other lists: the seed leaves those alone."""

    added: int = 0
    corrected: int = 0
    unchanged: int = 0
    kept: int = 0


async def is_news(tx: Tx) -> bool:
    """Whether planting would change anything."""
    proposals = seed_list()
    book = Book(await prices.of_models(tx, _models(proposals)), utc_now())
    _plant_into(book, proposals)
    return book.is_changed


async def plant(change: Change) -> Planted:
    proposals = seed_list()
    async with opened(change.tx, _models(proposals), utc_now()) as book:
        planted = _plant_into(book, proposals)
    change.record("price.seed", "price_list", "seed", **dataclasses.asdict(planted))
    return planted


def _models(proposals: Sequence[Proposal]) -> set[ModelKey]:
    return {proposal.key.model for proposal in proposals}


def _plant_into(book: Book, proposals: Sequence[Proposal]) -> Planted:
    planted = Planted()
    for key, of_key in itertools.groupby(proposals, key=lambda proposal: proposal.key):
        ours = all(record.source.origin == "seed" for record in book.records.get(key, ()))
        for proposal in of_key:
            planted = _one_more(planted, _planted(book, key, proposal) if ours else "kept")
    return planted


def _planted(book: Book, key: PriceKey, proposal: Proposal) -> str:
    known = {price.effective_from: price for price in timeline.valid(book.prices(key))}
    earlier = known.get(proposal.price.effective_from)
    if earlier is None:
        book.accept(proposal)
        return "added"
    if not changes(earlier, proposal.price):
        _end_where_the_list_ends(book, earlier, proposal.price)
        return "unchanged"
    book.accept(dataclasses.replace(proposal, corrects_id=earlier.id))
    return "corrected"


def _end_where_the_list_ends(book: Book, earlier: Price, now_listed: Price) -> None:
    """A price that the list first knew without an end, and now with one."""
    end = now_listed.effective_to
    if end is not None and earlier.effective_to is None:
        book.end(earlier.id, end)


def _one_more(planted: Planted, outcome: str) -> Planted:
    return dataclasses.replace(planted, **{outcome: getattr(planted, outcome) + 1})
