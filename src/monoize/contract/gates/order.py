"""All gates that need no counter, in the order in which they are asked. The first that denies answers."""

from collections.abc import Iterator

from monoize.contract.gates.asked import Asked, Price
from monoize.contract.gates.bounds import of_limits
from monoize.contract.gates.costs import of_costs
from monoize.contract.gates.decision import Decision
from monoize.contract.gates.entrance import at_the_entrance
from monoize.contract.gates.models import of_models
from monoize.contract.governed import Governed
from monoize.contract.stops import NOTHING_STOPPED, Stops


def decide(
    governed: Governed, asked: Asked, price: Price | None = None, stops: Stops = NOTHING_STOPPED
) -> tuple[Decision, ...]:
    """Without a price, nobody asks what the request may cost. Counted are neither rates nor budgets."""
    return tuple(_until_denied(_in_order(governed, asked, price, stops)))


def _in_order(governed: Governed, asked: Asked, price: Price | None, stops: Stops) -> Iterator[Decision]:
    yield from at_the_entrance(governed, stops, asked.auth)
    yield from of_models(governed.policy, asked)
    if price is not None:
        yield from of_costs(governed.policy, asked, price)
    yield from of_limits(governed, asked)


def _until_denied(decisions: Iterator[Decision]) -> Iterator[Decision]:
    for decision in decisions:
        yield decision
        if decision.verdict == "deny":
            return
