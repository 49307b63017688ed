"""Who is told what, and by which way."""

from typing import Annotated, Literal

import msgspec

from monoize.contract.policies.tightening import DENIED, EACH_NAME, INNER, LEAST, OUTER, PROTECTS, Policy
from monoize.contract.policies.words import ClockTime, Seconds, Severity, TimeZone, check_time_zone

Event = Literal[
    "approval_requested",
    "approval_expired",
    "budget_soft",
    "budget_block",
    "limit_hit",
    "run_failed",
    "health_failed",
    "finding",
    "config_changed",
]
Recipient = Literal["owner", "user", "backup", "additional", "escalation"]
Url = Annotated[str, msgspec.Meta(pattern=r"^https://[!-~]+$(?!\n)", max_length=512)]


class Channels(Policy, frozen=True, kw_only=True):
    email: Annotated[bool, PROTECTS] = True
    webhook: Annotated[Url | None, OUTER] = None
    in_app: Annotated[bool, PROTECTS] = True


class Digest(Policy, frozen=True, kw_only=True):
    """Once a day, at this time of the zone `tz`."""

    at: Annotated[ClockTime, INNER] = "09:00"
    tz: Annotated[TimeZone, INNER] = "UTC"

    def __post_init__(self) -> None:
        check_time_zone(self.tz)


class Quiet(Policy, frozen=True, kw_only=True, rename={"since": "from"}):
    """Between these times nobody is woken, but for what is at least as severe as `exempt`."""

    since: Annotated[ClockTime, OUTER] = "22:00"
    to: Annotated[ClockTime, OUTER] = "07:00"
    exempt: Annotated[Severity, OUTER] = "critical"


class NotificationPolicy(Policy, frozen=True, kw_only=True):
    """Nobody is refused anything for this. What cannot be delivered three times goes to the escalation address."""

    channels: Channels = Channels()
    events: Annotated[dict[Event, Annotated[tuple[Recipient, ...], DENIED]], EACH_NAME] = {}
    dedupe: Annotated[Seconds, LEAST] = 86_400
    digest: Annotated[Digest | None, INNER] = None
    quiet: Annotated[Quiet | None, OUTER] = None
    escalate_after: Annotated[Seconds, LEAST] = 900
