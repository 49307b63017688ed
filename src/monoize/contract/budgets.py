"""What budgets are called on both sides of the wall: whose money it is, and for which time."""

import datetime as dt
from typing import Literal

HoldPolicy = Literal["reject", "clamp", "overdraft"]
"""What becomes of a request that its account does not cover: refused, cut to what is there, or let into debt."""


def user_budget(user_id: str) -> str:
    return f"user:{user_id}"


def key_budget(key_id: str) -> str:
    """The sub-account of a key."""
    return f"key:{key_id}"


def agent_budget(limit_nano: int, account: str) -> str:
    """What may still be spent of an agent's budget: so much, less what is added up in that account."""
    return f"agent:{limit_nano}:{account}"


def agent_account(budget: str) -> str | None:
    """None where it is no budget of an agent."""
    return budget.split(":", 2)[2] if budget.startswith("agent:") else None


def key_day_budget(key_id: str, day: dt.date) -> str:
    """What a key may spend on one day (UTC)."""
    return f"key-day:{key_id}:{day.isoformat()}"


def key_month_budget(key_id: str, day: dt.date) -> str:
    """What a key may spend in the month of `day` (UTC)."""
    return f"key-month:{key_id}:{day.replace(day=1).isoformat()}"
