"""Captures as values: what lies in the folder, beside what the request log knows of it."""

import dataclasses
import datetime as dt

from monoize.control.ledger.model.requests import LoggedRequest


@dataclasses.dataclass(frozen=True, slots=True)
class CaptureFile:
    request_id: str
    kept_at: dt.datetime
    size_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class KeptCapture:
    """`request` is null where the request is not in the log, or not yet."""

    request_id: str
    kept_at: dt.datetime
    size_bytes: int
    request: LoggedRequest | None
