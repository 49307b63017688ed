"""SQL of the price book: rows are added, ended and looked at again; what they say of a price never changes."""

import datetime as dt
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, insert, or_, select, tuple_, update

from monoize.base.cost.price import Book, Price
from monoize.control.catalog.errors import NoSuchPrice, PriceBookTooLarge
from monoize.control.catalog.model.records import ModelKey, PriceFilter, PriceRecord, Source
from monoize.control.catalog.tables import model_prices, price_book
from monoize.control.edge.wire import Window
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = model_prices.c
_MODELS_AT_ONCE: Final = 200
_PRICE_FIELDS: Final = tuple(Price.__dataclass_fields__)


def _price(row: Row[Any]) -> Price:
    return Price(**{name: getattr(row, name) for name in _PRICE_FIELDS})


def _record(row: Row[Any]) -> PriceRecord:
    return PriceRecord(
        price=_price(row),
        source=Source(origin=row.origin, url=row.source_url, checked_at=row.checked_at, note=row.note),
        supersedes_id=row.supersedes_id,
        created_at=row.created_at,
    )


def _values(record: PriceRecord) -> dict[str, Any]:
    return {
        **{name: getattr(record.price, name) for name in _PRICE_FIELDS},
        "origin": record.source.origin,
        "source_url": record.source.url,
        "checked_at": record.source.checked_at,
        "note": record.source.note,
        "supersedes_id": record.supersedes_id,
        "created_at": record.created_at,
    }


async def lock(tx: Tx) -> None:
    """From here to the end of the transaction nobody else writes prices."""
    counted = update(price_book).values(generation=price_book.c.generation + 1)
    if (await tx.execute(counted)).rowcount != 1:
        raise AssertionError("the row that locks the price book is missing")


async def generation(tx: Tx) -> int:
    """Grows with every transaction that wrote prices."""
    return int(await tx.scalar(select(price_book.c.generation)))


async def get(tx: Tx, id: str) -> PriceRecord:
    row = (await tx.execute(select(model_prices).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchPrice
    return _record(row)


async def of_models(tx: Tx, models: Collection[ModelKey]) -> Sequence[PriceRecord]:
    """All there ever were, of all books."""
    found: list[PriceRecord] = []
    ordered = iter(sorted(models))
    while some := list(itertools.islice(ordered, _MODELS_AT_ONCE)):
        query = select(model_prices).where(tuple_(_columns.provider, _columns.model_key).in_(some))
        found.extend(_record(row) for row in await tx.execute(query))
    return found


async def of_model_from(tx: Tx, model: ModelKey, moment_s: int, books: Iterable[Book]) -> Sequence[Price]:
    query = _not_ended(moment_s).where(
        _columns.provider == model.provider,
        _columns.model_key == model.model_key,
        _columns.pricing_source.in_(books),
    )
    return [_price(row) for row in await tx.execute(query)]


async def of_models_from(
    tx: Tx, models: Collection[ModelKey], moment_s: int, books: Iterable[Book]
) -> Mapping[ModelKey, Sequence[Price]]:
    """Of many models what holds at that moment or later, in one query."""
    if not models:
        return {}
    query = _not_ended(moment_s).where(
        _columns.provider.in_(sorted({model.provider for model in models})),
        is_one_of(tx, _columns.model_key, sorted({model.model_key for model in models})),
        _columns.pricing_source.in_(books),
    )
    wanted = frozenset(models)
    found: dict[ModelKey, list[Price]] = {}
    for row in await tx.execute(query):
        if (model := ModelKey(row.provider, row.model_key)) in wanted:
            found.setdefault(model, []).append(_price(row))
    return found


async def between(tx: Tx, begin_s: int, end_s: int, books: Iterable[Book], *, most: int) -> Sequence[Price]:
    """Whatever holds at some moment from `begin_s` up to `end_s`."""
    query = _not_ended(begin_s).where(_columns.effective_from < end_s, _columns.pricing_source.in_(books))
    rows = (await tx.execute(query.limit(most + 1))).all()
    if len(rows) > most:
        raise PriceBookTooLarge
    return [_price(row) for row in rows]


def _not_ended(moment_s: int) -> Select[Any]:
    return select(model_prices).where(or_(_columns.effective_to.is_(None), _columns.effective_to > moment_s))


async def page(tx: Tx, window: Window, wanted: PriceFilter) -> Sequence[PriceRecord]:
    query = select(model_prices).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    for column, value in (
        (_columns.provider, wanted.provider),
        (_columns.model_key, wanted.model_key),
        (_columns.kind, wanted.kind),
        (_columns.variant, wanted.variant),
        (_columns.pricing_source, wanted.book),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.holding_at_s is not None:
        query = query.where(*_holds(wanted.holding_at_s))
    return [_record(row) for row in await tx.execute(query)]


async def holding(tx: Tx, moment_s: int, *, most: int) -> Sequence[PriceRecord]:
    """The prices of all models at a moment."""
    query = select(model_prices).where(*_holds(moment_s)).order_by(_columns.id).limit(most)
    return [_record(row) for row in await tx.execute(query)]


async def set_by_hand(tx: Tx, moment_s: int, *, most: int) -> Sequence[PriceRecord]:
    """Those that hold at a moment and come from no list, by name."""
    query = select(model_prices).where(_columns.origin == "manual", *_holds(moment_s))
    found = [_record(row) for row in await tx.execute(query.limit(most + 1))]
    if len(found) > most:
        raise PriceBookTooLarge
    # Here, since engines do not agree on the order of texts.
    return sorted(found, key=lambda record: record.key)


def _holds(moment_s: int) -> tuple[ColumnElement[bool], ...]:
    newer = model_prices.alias()
    return (
        _columns.effective_from <= moment_s,
        or_(_columns.effective_to.is_(None), _columns.effective_to > moment_s),
        ~select(newer.c.id).where(newer.c.supersedes_id == _columns.id).exists(),
    )


async def turned(tx: Tx, after_s: int, until_s: int) -> Collection[ModelKey]:
    """Models of which a price began or ended in that time."""
    query = (
        select(_columns.provider, _columns.model_key)
        .where(
            or_(
                and_(_columns.effective_from > after_s, _columns.effective_from <= until_s),
                and_(_columns.effective_to > after_s, _columns.effective_to <= until_s),
            )
        )
        .distinct()
    )
    return [ModelKey(row.provider, row.model_key) for row in await tx.execute(query)]


async def add(tx: Tx, records: Sequence[PriceRecord]) -> None:
    if records:
        await tx.execute(insert(model_prices), [_values(record) for record in records])


async def checked(tx: Tx, ids: Collection[str], at: dt.datetime) -> None:
    """Somebody looked again and found these prices as they are."""
    if ids:
        statement = update(model_prices).where(_columns.id == bindparam("of")).values(checked_at=at)
        await tx.execute(statement, [{"of": id} for id in sorted(ids)])


async def end(tx: Tx, ends: Mapping[str, int]) -> None:
    if ends:
        statement = update(model_prices).where(_columns.id == bindparam("of")).values(effective_to=bindparam("end"))
        await tx.execute(statement, [{"of": id, "end": ends[id]} for id in sorted(ends)])
