"""What a published list would change in the book: pure, so that a preview and the import cannot differ."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from monoize.base.cost.price import NO_MULTIPLIER_BP, Price
from monoize.base.ids import new_id
from monoize.control.catalog.model import timeline
from monoize.control.catalog.model.changes import changes, is_steep
from monoize.control.catalog.model.formats import ListedPrice
from monoize.control.catalog.model.rates import CACHE_COLUMNS, RATES, multiplied
from monoize.control.catalog.model.records import PriceKey, PriceRecord, Proposal, RateChange, Source

Outcome = Literal["added", "changed", "waiting", "kept", "unchanged"]


@dataclasses.dataclass(frozen=True, slots=True)
class Compared:
    """`added` and `changed` are written; `waiting` is steep or had ended; `kept` was set by hand and stays."""

    outcome: Outcome
    proposal: Proposal
    preceding_id: str | None
    changes: tuple[RateChange, ...]


def compare(
    listed: Sequence[ListedPrice], book: Mapping[PriceKey, Sequence[PriceRecord]], source: Source, now_s: int
) -> list[Compared]:
    return [_compared(each, book, source, now_s) for each in listed]


def _compared(
    listed: ListedPrice, book: Mapping[PriceKey, Sequence[PriceRecord]], source: Source, now_s: int
) -> Compared:
    key = PriceKey(*listed.model, listed.kind, "", "list")
    preceding = _preceding(book, key, now_s)
    before = preceding.price if preceding else None
    ordinary = _preceding(book, key._replace(kind="standard"), now_s)
    price = _completed(listed, key, before, ordinary.price if ordinary else None, now_s)
    proposal = Proposal(price=price, source=source, from_now=True)
    found = changes(before, price)
    return Compared(_outcome(preceding, price, now_s), proposal, before.id if before else None, found)


def _outcome(preceding: PriceRecord | None, price: Price, now_s: int) -> Outcome:
    if preceding is None:
        return "added"
    holds = preceding.price.holds_at(now_s)
    if holds and not changes(preceding.price, price):
        return "unchanged"
    if preceding.source.origin == "manual":
        return "kept"
    # Lists keep premiums and models for long after they ended.
    return "changed" if holds and not is_steep(preceding.price, price) else "waiting"


def _preceding(book: Mapping[PriceKey, Sequence[PriceRecord]], key: PriceKey, moment_s: int) -> PriceRecord | None:
    records = book.get(key, ())
    price = timeline.preceding([record.price for record in records], moment_s)
    return next((record for record in records if price and record.price.id == price.id), None)


def _completed(
    listed: ListedPrice, key: PriceKey, preceding: Price | None, ordinary: Price | None, now_s: int
) -> Price:
    """What the list is silent about stays as it is: cache rates as multiples of the input, the rest as amounts."""
    rates: dict[str, int | None] = dict(listed.rates)
    if preceding:
        for rate in RATES:
            if rate.column not in rates:
                rates[rate.column] = (
                    multiplied(preceding, rate.column, rates["input_pico"])
                    if rate.column in CACHE_COLUMNS
                    else getattr(preceding, rate.column)
                )
    like = preceding or ordinary
    return Price(
        id=new_id(),
        **key._asdict(),
        **rates,  # type: ignore[arg-type]
        threshold_tokens=preceding.threshold_tokens if preceding else listed.threshold_tokens,
        geo_multiplier_bp=like.geo_multiplier_bp if like else NO_MULTIPLIER_BP,
        effective_from=now_s,
    )
