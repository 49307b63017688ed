"""What the price book says at a moment, as the price sheets that costs are worked out from."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from monoize.base.cost.price import BOOKS_BY_PRECEDENCE, Book, Price
from monoize.base.cost.sheet import PriceSheet
from monoize.control.catalog.model.records import ModelKey
from monoize.control.catalog.store import prices
from monoize.infra.db import Tx

PRICES_MOST: Final = 100_000
"""In one snapshot."""


class TimedSheet(NamedTuple):
    """`sheet` holds from `begins_s` until the next one of its model begins."""

    begins_s: int
    sheet: PriceSheet


async def sheet(
    tx: Tx, provider: str, model_key: str, *, at_s: int, books: Sequence[Book] = BOOKS_BY_PRECEDENCE
) -> PriceSheet:
    """`at_s` is when the request happened, whenever it is priced."""
    known = await prices.of_model_from(tx, ModelKey(provider, model_key), at_s, books)
    return PriceSheet.at(known, at_s, books)


async def sheets(
    tx: Tx, models: Collection[ModelKey], *, at_s: int, books: Sequence[Book] = BOOKS_BY_PRECEDENCE
) -> Mapping[ModelKey, PriceSheet]:
    """Of those models that have a price then, or will have one."""
    known = await prices.of_models_from(tx, models, at_s, books)
    return {model: PriceSheet.at(rows, at_s, books) for model, rows in known.items()}


async def snapshot(
    tx: Tx, *, from_s: int, days: int, books: Sequence[Book] = BOOKS_BY_PRECEDENCE, most: int = PRICES_MOST
) -> Mapping[ModelKey, tuple[TimedSheet, ...]]:
    """For each model that has a price within `days` its sheets in order of time, the one of `from_s` first."""
    end_s = from_s + days * 86_400
    by_model: dict[ModelKey, list[Price]] = {}
    for price in await prices.between(tx, from_s, end_s, books, most=most):
        by_model.setdefault(ModelKey(price.provider, price.model_key), []).append(price)
    return {model: tuple(_sheets(known, from_s, end_s, books)) for model, known in by_model.items()}


def _sheets(known: Sequence[Price], from_s: int, end_s: int, books: Sequence[Book]) -> list[TimedSheet]:
    begins_s: int | None = from_s
    found: list[TimedSheet] = []
    while begins_s is not None and begins_s < end_s:
        timed = TimedSheet(begins_s, PriceSheet.at(known, begins_s, books))
        found.append(timed)
        begins_s = timed.sheet.changes_at_s
    return found


async def generation(tx: Tx) -> int:
    """Grows whenever prices were written: a snapshot with the same number is still true."""
    return await prices.generation(tx)
