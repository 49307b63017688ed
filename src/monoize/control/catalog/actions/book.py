"""The one place where prices are written: the book is locked and read once, changed in memory, written at the end.

async with opened(tx, models, now) as book:
    book.place(…)

With the prices go, in the same transaction, what was observed and whatever repeats prices for others to read.
What is raised in the block leaves nothing behind.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from monoize.base.cost.price import Price
from monoize.base.cost.sheet import PriceSheet
from monoize.control.catalog.errors import NoSuchPrice
from monoize.control.catalog.model import timeline
from monoize.control.catalog.model.records import ModelKey, PriceKey, PriceRecord, Proposal
from monoize.control.catalog.model.timeline import Step
from monoize.control.catalog.store import mirrors, prices
from monoize.infra.db import Tx


class Book:
    """All prices there ever were of some models."""

    def __init__(self, records: Sequence[PriceRecord], now: dt.datetime) -> None:
        self._now = now
        self._records = {record.price.id: record for record in records}
        self._by_key: dict[PriceKey, list[str]] = {}
        for record in records:
            self._by_key.setdefault(record.key, []).append(record.price.id)
        self._new: list[str] = []
        self._ends: dict[str, int] = {}
        self._checked: list[str] = []

    @property
    def now_s(self) -> int:
        return int(self._now.timestamp())

    @property
    def is_changed(self) -> bool:
        return bool(self._new or self._ends)

    @property
    def records(self) -> Mapping[PriceKey, Sequence[PriceRecord]]:
        return {key: [self._records[id] for id in ids] for key, ids in self._by_key.items()}

    def get(self, price_id: str) -> PriceRecord:
        if price_id not in self._records:
            raise NoSuchPrice
        return self._records[price_id]

    def prices(self, key: PriceKey) -> list[Price]:
        return [self._records[id].price for id in self._by_key.get(key, ())]

    def before(self, proposal: Proposal) -> Price | None:
        """The price whose place this one takes, or the last there was: ending it first hides no steep change."""
        if proposal.corrects_id:
            return self.get(proposal.corrects_id).price
        return timeline.preceding(self.prices(proposal.key), self._begin(proposal))

    def accept(self, proposal: Proposal) -> PriceRecord:
        """A new price from its beginning on, or the correction of one."""
        known = self.prices(proposal.key)
        if proposal.corrects_id:
            step = timeline.corrected(known, self.get(proposal.corrects_id).price, proposal.price)
        else:
            begun = dataclasses.replace(proposal.price, effective_from=self._begin(proposal))
            step = timeline.placed(known, begun)
        self._take(step)
        assert step.new is not None
        record = PriceRecord(
            price=step.new, source=proposal.source, supersedes_id=step.supersedes_id, created_at=self._now
        )
        self._records[step.new.id] = record
        self._by_key.setdefault(record.key, []).append(step.new.id)
        self._new.append(step.new.id)
        return record

    def end(self, price_id: str, moment_s: int) -> PriceRecord:
        price = self.get(price_id).price
        self._take(timeline.ended(self.prices(PriceKey.of(price)), price, moment_s))
        return self._records[price_id]

    def found_unchanged(self, price_id: str) -> None:
        self._checked.append(price_id)

    def _begin(self, proposal: Proposal) -> int:
        if not proposal.from_now:
            return proposal.price.effective_from
        return timeline.free_moment(self.prices(proposal.key), self.now_s)

    def _take(self, step: Step) -> None:
        for id in step.ended:
            record = self._records[id]
            ended = dataclasses.replace(record.price, effective_to=step.ends_at)
            self._records[id] = dataclasses.replace(record, price=ended)
            assert step.ends_at is not None
            self._ends[id] = step.ends_at

    async def write(self, tx: Tx) -> None:
        new = [self._records[id] for id in self._new]
        await prices.end(tx, {id: end for id, end in self._ends.items() if id not in set(self._new)})
        await prices.checked(tx, self._checked, self._now)
        await prices.add(tx, new)
        await mirrors.observe(tx, new)
        touched = {self._records[id].key.model for id in (*self._new, *self._ends)}
        held = [record.price for record in self._records.values()]
        await mirrors.show(tx, shown_prices(touched, held, self.now_s))


@contextlib.asynccontextmanager
async def opened(tx: Tx, models: Collection[ModelKey], now: dt.datetime) -> AsyncIterator[Book]:
    await prices.lock(tx)
    book = Book(await prices.of_models(tx, models), now)
    yield book
    await book.write(tx)


async def show_turned(tx: Tx, after_s: int, until_s: int) -> None:
    """What is shown beside models follows prices that were set to begin or end later."""
    models = await prices.turned(tx, after_s, until_s)
    if models:
        await prices.lock(tx)
        known = [record.price for record in await prices.of_models(tx, models)]
        await mirrors.show(tx, shown_prices(models, known, until_s))


def shown_prices(models: Collection[ModelKey], known: Sequence[Price], now_s: int) -> dict[ModelKey, Price | None]:
    """The ordinary price of each model now, from the first book that has one."""
    by_model: dict[ModelKey, list[Price]] = {model: [] for model in models}
    for price in known:
        if (model := ModelKey(price.provider, price.model_key)) in by_model:
            by_model[model].append(price)
    return {model: _ordinary(PriceSheet.at(rows, now_s)) for model, rows in by_model.items()}


def _ordinary(sheet: PriceSheet) -> Price | None:
    """What a request without any particulars pays."""
    paid = sheet.rates_when(fast=False, long=False, batch=False, us_only=False).price_id
    return next((price for price in sheet.prices if price.id == paid), None)
