"""One row of the audit log as its readers see it."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class LogEntry:
    id: int
    action: str
    actor: str
    via: str | None
    tenant_id: str | None
    target_type: str | None
    target_id: str | None
    host_id: int | None
    details: Mapping[str, Any]
    request_id: str
    ip: str | None
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class LogFilter:
    """Which rows are asked for; a field that is None does not matter."""

    action: str | None = None
    actor: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
