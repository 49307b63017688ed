"""Any sequence of sets, corrections and ends: prices never overlap, and each moment has its price."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from control.catalog.bench import price, proposal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monoize.base.clock import utc_now
from monoize.base.cost.price import Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.errors import Conflict
from monoize.base.ids import new_id
from monoize.control.catalog.actions.book import Book, opened
from monoize.control.catalog.model import timeline
from monoize.control.catalog.model.records import ModelKey
from monoize.control.catalog.store import prices as store
from monoize.infra import dsn
from monoize.infra.db import Database, open_database

END = 12
moments = st.integers(0, END - 1)
sequences = st.lists(
    st.tuples(st.just("set"), moments, st.none() | st.integers(1, END))
    | st.tuples(st.just("correct"), st.integers(0, 9), st.none())
    | st.tuples(st.just("end"), st.integers(0, 9), moments),
    max_size=14,
)


Wanted = tuple[str, int, Any]


class Naive:
    """One cell for each second: who set it (by its beginning) and what holds."""

    def __init__(self) -> None:
        self.cells: list[tuple[int, int] | None] = [None] * END
        self.begins: set[int] = set()

    def set(self, begin: int, until: int | None, value: int) -> None:
        later = min((other for other in self.begins if other > begin), default=END)
        end = later if until is None else min(until, END)
        assert begin not in self.begins and begin < end
        assert until is None or until <= later or later == END
        standing = self.cells[begin]
        if standing:
            self.clear(standing[0], begin)
        self.cells[begin:end] = [(begin, value)] * (end - begin)
        self.begins.add(begin)

    def correct(self, begin: int, value: int) -> None:
        self.cells = [(begin, value) if cell and cell[0] == begin else cell for cell in self.cells]

    def clear(self, begin: int, at: int) -> None:
        for second in range(at, END):
            cell = self.cells[second]
            if cell and cell[0] == begin:
                self.cells[second] = None

    def values(self) -> list[int | None]:
        return [cell and cell[1] for cell in self.cells]


def taken(known: list[Price], naive: Naive, wanted: Wanted, value: int) -> timeline.Step | None:
    """What was wanted, done on the real prices and on the naive ones, or None if it was refused."""
    verb, first, second = wanted
    valid = timeline.valid(known)
    try:
        if verb == "set":
            if second is not None and second <= first:
                return None
            new = dataclasses.replace(price(), input_pico=value, effective_from=first, effective_to=second)
            found = timeline.placed(known, new)
            naive.set(first, second, value)
        elif not valid:
            return None
        elif verb == "correct":
            wrong = valid[first % len(valid)]
            found = timeline.corrected(known, wrong, dataclasses.replace(price(), input_pico=value))
            naive.correct(wrong.effective_from, value)
        else:
            chosen = valid[first % len(valid)]
            found = timeline.ended(known, chosen, second)
            naive.clear(chosen.effective_from, second)
    except Conflict:
        return None
    return found


def looked_up(known: list[Price]) -> list[int | None]:
    sheets = (PriceSheet.at(known, second) for second in range(END))
    return [sheet.prices[0].input_pico if sheet.prices else None for sheet in sheets]


def check_no_overlap(known: list[Price]) -> None:
    valid = timeline.valid(known)
    for earlier, later in itertools.pairwise(valid):
        assert earlier.effective_to is not None and earlier.effective_to <= later.effective_from


@settings(max_examples=300, deadline=None)
@given(sequences)
def test_prices_never_overlap_and_each_moment_has_its_price(sequence: list[Wanted]):
    known: list[Price] = []
    naive = Naive()
    for value, wanted in enumerate(sequence, 1_000):
        found = taken(known, naive, wanted, value)
        if found:
            known = timeline.after(known, found)
        check_no_overlap(known)
        assert naive.values() == looked_up(known)


@pytest.fixture
def check_stored(engine: str) -> Callable[[Sequence[Wanted]], None]:
    """Takes a sequence in the database too, in an event loop of its own: hypothesis calls from outside of one."""

    async def opened_and_checked(sequence: Sequence[Wanted]) -> None:
        database = await open_database(dsn.parse(engine), pool_size=2)
        try:
            await check(database, sequence)
        finally:
            await database.close()

    return lambda sequence: asyncio.run(opened_and_checked(sequence))


async def check(database: Database, sequence: Sequence[Wanted]) -> None:
    model = ModelKey("somebody", new_id())
    known: list[Price] = []
    naive = Naive()
    for value, wanted in enumerate(sequence, 1_000):
        step = taken(known, naive, wanted, value)
        if step:
            known = timeline.after(known, step)
            async with database.write() as tx, opened(tx, [model], utc_now()) as book:
                write(book, model, step)
    async with database.read() as tx:
        stored = [record.price for record in await store.of_models(tx, [model])]
    check_no_overlap(stored)
    assert naive.values() == looked_up(stored)


def write(book: Book, model: ModelKey, step: timeline.Step) -> None:
    if step.new:
        wanted = dataclasses.replace(step.new, **model._asdict())
        book.accept(proposal(wanted, corrects_id=step.supersedes_id))
    else:
        latest = max((book.get(id) for id in step.ended), key=lambda record: record.price.revision)
        assert step.ends_at is not None
        book.end(latest.price.id, step.ends_at)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=sequences)
def test_the_database_holds_what_the_timeline_says(
    check_stored: Callable[[Sequence[Wanted]], None], sequence: list[Wanted]
):
    check_stored(sequence)
