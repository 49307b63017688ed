"""How far a price is from the one before it, and whether somebody else should look at that first."""

from typing import Final

from monoize.base.cost.price import Price
from monoize.control.catalog.model.rates import RATES, shown_multiplier
from monoize.control.catalog.model.records import RateChange

STEEP_PER_CENT: Final = 50


def changes(before: Price | None, after: Price) -> tuple[RateChange, ...]:
    found = []
    for rate in RATES:
        old = getattr(before, rate.column) if before else None
        new = getattr(after, rate.column)
        if old != new:
            found.append(
                RateChange(
                    rate.shown,
                    None if old is None else rate.text(old),
                    None if new is None else rate.text(new),
                )
            )
    old_threshold = before.threshold_tokens if before else None
    if old_threshold != after.threshold_tokens:
        found.append(RateChange("threshold_tokens", _text(old_threshold), _text(after.threshold_tokens)))
    if before and before.geo_multiplier_bp != after.geo_multiplier_bp:
        old_multiplier = shown_multiplier(before.geo_multiplier_bp)
        found.append(RateChange("geo_multiplier", old_multiplier, shown_multiplier(after.geo_multiplier_bp)))
    return tuple(found)


def is_steep(before: Price | None, after: Price) -> bool:
    """More than half up or down, from or to nothing, or a rate that is no longer known."""
    if before is None:
        return False
    for rate in RATES:
        old, new = getattr(before, rate.column), getattr(after, rate.column)
        if old is not None and (new is None or _far_apart(old, new)):
            return True
    return _far_apart(before.geo_multiplier_bp, after.geo_multiplier_bp)


def _far_apart(old: int, new: int) -> bool:
    return abs(new - old) * 100 > old * STEEP_PER_CENT


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
