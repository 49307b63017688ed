"""What people are told of their plan and budget: each thing once a month, by each way. Pure."""

import dataclasses
import datetime as dt
from typing import Final, Literal

from monoize.control.compute.model.overage import Subject

Channel = Literal["log", "email", "webhook"]
ATTEMPTS_MOST: Final = 3
_PAUSES: Final = (dt.timedelta(seconds=30), dt.timedelta(minutes=2))
FORGOTTEN_IN: Final = dt.timedelta(minutes=2)
"""For how long a process that took a notice is given to deliver it before another tries."""


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """`log`: the audit log, from which the others are derived once it is written."""

    id: str
    user_id: str
    month: dt.date
    subject: Subject
    percent: int
    channel: Channel
    recipient: str
    attempts: int


def pause_after(attempt: int) -> dt.timedelta | None:
    """Before the next attempt; None when this was the last."""
    return _PAUSES[attempt - 1] if attempt < ATTEMPTS_MOST else None
