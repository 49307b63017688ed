"""What budgets are called on both sides of the wall: whose money it is, and for which time."""

import datetime as dt


def user_budget(user_id: str) -> str:
    return f"user:{user_id}"


def key_budget(key_id: str) -> str:
    """The sub-account of a key."""
    return f"key:{key_id}"


def key_day_budget(key_id: str, day: dt.date) -> str:
    """What a key may spend on one day (UTC)."""
    return f"key-day:{key_id}:{day.isoformat()}"


def key_month_budget(key_id: str, day: dt.date) -> str:
    """What a key may spend in the month of `day` (UTC)."""
    return f"key-month:{key_id}:{day.replace(day=1).isoformat()}"
