"""The prices of a document beside the book: which begin now and which end, and what that changes. Pure.

A document says what prices are at the moment, and only those that somebody set by hand. Prices of lists stay out of
it, and so do those that begin or end later.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from monoize.control.catalog.errors import InvalidConfiguration, RateOutOfRange
from monoize.control.catalog.model import timeline
from monoize.control.catalog.model.changes import changes, is_steep
from monoize.control.catalog.model.configuration import Difference, FieldChange, Outcome, changed_fields
from monoize.control.catalog.model.rates import problem_with, rates_of
from monoize.control.catalog.model.records import PriceKey, PriceRecord, Proposal

Records = Mapping[PriceKey, Sequence[PriceRecord]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """A proposal that is written or waits, or a price that ends."""

    outcome: Outcome
    key: PriceKey
    changes: tuple[FieldChange, ...] = ()
    proposal: Proposal | None = None
    ends: PriceRecord | None = None

    def difference(self) -> Difference:
        kind, variant, book = self.key.kind, self.key.variant, self.key.pricing_source
        particular = [word for word in (kind, variant, book) if word not in ("standard", "", "list")]
        name = " ".join([f"{self.key.provider}/{self.key.model_key}", *particular])
        return Difference(outcome=self.outcome, kind="price", name=name, changes=self.changes)


def steps(
    records: Records, by_hand: Sequence[PriceRecord], wanted: Sequence[Proposal], *, now_s: int, prune: bool
) -> list[PriceStep]:
    """`records` are all prices there ever were of these models, `by_hand` those that somebody set and that hold."""
    _check(wanted)
    found = [step for proposal in wanted if (step := _step(records.get(proposal.key, ()), proposal, now_s))]
    if prune:
        named = {proposal.key for proposal in wanted}
        found += [
            PriceStep(outcome="removed", key=record.key, ends=record)
            for record in by_hand
            if record.key not in named and record.price.effective_to != end_of(record, now_s)
        ]
    return found


def end_of(record: PriceRecord, now_s: int) -> int:
    """Now, but a price holds for a second at least."""
    return max(now_s, record.price.effective_from + 1)


def _check(wanted: Sequence[Proposal]) -> None:
    seen: set[PriceKey] = set()
    for place, proposal in enumerate(wanted):
        rates = rates_of(proposal.price)
        if all(rate is None for rate in rates.values()):
            raise InvalidConfiguration.at(f"prices/{place}", "A price has at least one rate.")
        if wrong := problem_with(rates):
            raise InvalidConfiguration.at(f"prices/{place}/{wrong}", f"{RateOutOfRange.__doc__}")
        if proposal.key in seen:
            raise InvalidConfiguration.at(f"prices/{place}", "Another entry is about the same price.")
        seen.add(proposal.key)


def _step(records: Sequence[PriceRecord], proposal: Proposal, now_s: int) -> PriceStep | None:
    """None if the price is as it should be."""
    standing = _holding(records, now_s)
    found = _changed(standing, proposal)
    if standing and not found:
        return None
    before = timeline.preceding([record.price for record in records], now_s)
    outcome: Outcome = "changed" if standing else "added"
    if is_steep(before, proposal.price):
        outcome = "waiting"
    return PriceStep(outcome=outcome, key=proposal.key, changes=found, proposal=proposal)


def _holding(records: Sequence[PriceRecord], now_s: int) -> PriceRecord | None:
    """Of two that were set within this second the second one, which holds from the next on."""
    prices = [record.price for record in records]
    price = timeline.holding(prices, timeline.free_moment(prices, now_s))
    return next((record for record in records if price and record.price.id == price.id), None)


def _changed(standing: PriceRecord | None, proposal: Proposal) -> tuple[FieldChange, ...]:
    """One of a list is taken into the hand, even where nothing else changes."""
    before, after = standing.source if standing else None, proposal.source
    sources = changed_fields(
        {"source_url": before.url, "note": before.note, "origin": before.origin} if before else {},
        {"source_url": after.url, "note": after.note, "origin": after.origin},
    )
    rates = changes(standing.price if standing else None, proposal.price)
    return (*(FieldChange(each.rate, each.before, each.after) for each in rates), *sources)
