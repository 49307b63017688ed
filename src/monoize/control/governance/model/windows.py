"""How much of an agent's budget for a time is spent."""

import dataclasses
import datetime as dt

from monoize.contract.policies.budgets import Action, Period


@dataclasses.dataclass(frozen=True, slots=True)
class WindowUse:
    """`id` is what the policy calls the window; one that is for good is never reset."""

    id: str
    period: Period
    action: Action
    limit_nano_usd: int
    spent_nano_usd: int
    resets_at: dt.datetime | None
