"""What people are told of an agent once, and need not look after: money, limits, changes of its record. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from monoize.base.money import nano_of_usd, usd_of_nano
from monoize.contract.policies.budgets import Budgets
from monoize.control.governance.model.windows import WindowUse

Event = Literal["budget_soft", "budget_block", "limit_hit", "config_changed"]
REFUSALS: Final[Mapping[str, Event]] = {
    "budget_exceeded": "budget_block",
    "limit_reached": "limit_hit",
    "rate_limited": "limit_hit",
}
"""By the code of a refusal, what people are told of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Alert:
    id: str
    agent_id: str
    tenant_id: str
    event: Event
    subject: str
    detail: str
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class News:
    """`subject` names it so that the same is never told twice."""

    subject: str
    detail: str


def of_windows(uses: Sequence[WindowUse], soft: Mapping[str, Sequence[int]]) -> Iterator[News]:
    """The highest part of each window that is used up. `soft`: by window, of which parts people want to hear."""
    for use in uses:
        passed = [pct for pct in soft.get(use.id, ()) if use.spent_nano_usd * 100 >= pct * use.limit_nano_usd]
        if passed and use.spent_nano_usd:
            until = "for good" if use.resets_at is None else f"until {use.resets_at:%Y-%m-%d %H:%M} UTC"
            spent, limit = usd_of_nano(use.spent_nano_usd), usd_of_nano(use.limit_nano_usd)
            yield News(
                f"budget {use.id} {until}: {max(passed)} %",
                f"{spent} USD of {limit} are spent of the budget {use.id} ({use.period}).",
            )


def of_steps(budgets: Budgets, spent_nano: int, month: str) -> Iterator[News]:
    """The last step that was taken; those before it that nobody saw are not told any more."""
    for every in sorted({step.every_usd for step in budgets.steps if step.notify}):
        step_nano = nano_of_usd(every)
        taken = spent_nano // step_nano if step_nano else 0
        if taken:
            yield News(
                f"spending of {month}: {taken} times {every} USD",
                f"{usd_of_nano(spent_nano)} USD are spent in {month}, which is {taken} times {every} USD.",
            )
