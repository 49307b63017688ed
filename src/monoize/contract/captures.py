"""What is kept of a captured request: one JSON file, named by the id of the request, for an operator to read.

Written by the data plane, read by the control plane. No header is in it that may hold a secret, and no credential
that was sent or shown; what people wrote and models answered is there as it was, unless an agent is governed: then
without the personal data in it, and as the answers that streams told.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from monoize.contract.events import RequestLog

CaptureMode = Literal["off", "capture-all", "capture-only-abnormal"]

SUFFIX: Final = ".json"

Header = tuple[str, str]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One direction of one exchange. `frames` instead of `body` where it came as a stream of events."""

    method: str | None = None
    address: str | None = None
    status: int | None = None
    headers: Sequence[Header] = ()
    body: str | None = None
    frames: Sequence[str] | None = None


class CapturedAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one channel was sent, and what came back as far as it came; None if nothing did."""

    provider_id: str
    channel_id: str
    upstream_model: str
    sent: Message
    came: Message | None = None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much is missing because it was too much."""

    attempts: int = 0
    frames: int = 0
    bytes: int = 0


class Capture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    request_id: str
    at_ms: int
    user_id: str
    api_key_id: str
    protocol: str
    asked: Message
    # As it was understood, where it had to be translated.
    understood: msgspec.Raw | None = None
    attempts: Sequence[CapturedAttempt] = ()
    told: Message
    # None when no channel was asked.
    log: RequestLog | None = None
    left_out: LeftOut | None = None
