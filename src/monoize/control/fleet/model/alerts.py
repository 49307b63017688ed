"""What an operator should hear of without asking: one open alert for each trouble of each subject. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, Literal

AlertKind = Literal[
    "stale_host",
    "validation_failing",
    "quota_near",
    "new_ip",
    "clone_detected",
    "refresh_failing",
    "canonical_invalid",
]

_SUBJECT_CHARS_MOST: Final = 191

STALE_AFTER: Final = dt.timedelta(days=7)
"""For how long a host may be silent before somebody should look whether it is still there."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong, and with whom: `subject` is the name that people know it by."""

    kind: AlertKind
    subject: str
    host_id: int | None = None
    pool_id: str | None = None
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def key(self) -> tuple[AlertKind, str]:
        return self.kind, kept_subject(self.subject)


def kept_subject(subject: str) -> str:
    """Names of hosts may be longer than what alerts are found again by."""
    return subject[:_SUBJECT_CHARS_MOST]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Open until `resolved_at`; `last_seen_at` is when the trouble was last noticed."""

    id: str
    kind: AlertKind
    subject: str
    host_id: int | None
    pool_id: str | None
    details: Mapping[str, Any]
    raised_at: dt.datetime
    last_seen_at: dt.datetime
    resolved_at: dt.datetime | None
