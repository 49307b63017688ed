"""How the prices of one key follow each other: half-open intervals that never overlap.

Pure. The functions say what has to be written: which rows end when, and which row is new. A rate is never changed.
"""

import dataclasses
from collections.abc import Sequence

from monoize.base.cost.price import Price
from monoize.control.catalog.errors import NotInItsTime, PriceExists, PriceOverlaps, PriceSuperseded


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """`ended` are the rows (a price with all that it superseded) whose time ends at `ends_at`."""

    ended: Sequence[str] = ()
    ends_at: int | None = None
    new: Price | None = None
    supersedes_id: str | None = None


def valid(prices: Sequence[Price]) -> list[Price]:
    """Without those that were corrected, by time."""
    latest: dict[int, Price] = {}
    for price in sorted(prices, key=lambda price: price.revision):
        latest[price.effective_from] = price
    return [latest[begin] for begin in sorted(latest)]


def holding(prices: Sequence[Price], moment_s: int) -> Price | None:
    return next((price for price in valid(prices) if price.holds_at(moment_s)), None)


def preceding(prices: Sequence[Price], moment_s: int) -> Price | None:
    """The price that holds then, or else the last one that did."""
    return next((price for price in reversed(valid(prices)) if price.effective_from <= moment_s), None)


def free_moment(prices: Sequence[Price], now_s: int) -> int:
    """Now, or the first second after it at which no price begins."""
    begins = {price.effective_from for price in prices}
    while now_s in begins:
        now_s += 1
    return now_s


def placed(prices: Sequence[Price], price: Price) -> Step:
    """`price` from its beginning on: what held then ends, what comes later stays."""
    begin = price.effective_from
    if any(other.effective_from == begin for other in prices):
        raise PriceExists
    next_begin = min((other.effective_from for other in prices if other.effective_from > begin), default=None)
    end = next_begin if price.effective_to is None else price.effective_to
    if next_begin is not None and end is not None and end > next_begin:
        raise PriceOverlaps
    new = dataclasses.replace(price, effective_to=end, revision=0)
    standing = holding(prices, begin)
    return Step(_chain(prices, standing), begin, new) if standing else Step(new=new)


def corrected(prices: Sequence[Price], wrong: Price, right: Price) -> Step:
    """The rates of `right` for the whole time of `wrong`, as its next revision."""
    if wrong not in valid(prices):
        raise PriceSuperseded
    new = dataclasses.replace(
        right,
        effective_from=wrong.effective_from,
        effective_to=wrong.effective_to,
        revision=wrong.revision + 1,
    )
    return Step(new=new, supersedes_id=wrong.id)


def ended(prices: Sequence[Price], price: Price, moment_s: int) -> Step:
    if price not in valid(prices):
        raise PriceSuperseded
    if not (price.effective_from < moment_s and price.holds_at(moment_s)):
        raise NotInItsTime
    return Step(_chain(prices, price), moment_s)


def after(prices: Sequence[Price], step: Step) -> list[Price]:
    """The prices once the step is taken."""
    kept = [
        dataclasses.replace(price, effective_to=step.ends_at) if price.id in step.ended else price
        for price in prices
    ]
    return [*kept, step.new] if step.new else kept


def _chain(prices: Sequence[Price], price: Price) -> list[str]:
    """What was superseded ends with what superseded it, or it would seem to hold again."""
    return [other.id for other in prices if other.effective_from == price.effective_from]
