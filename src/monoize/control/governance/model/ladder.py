"""Who is told of a thing, and who next when nobody reacts: the rungs of a ladder. Pure."""

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from monoize.contract.policies.notification import Event, NotificationPolicy, Quiet, Recipient
from monoize.contract.policies.words import SEVERITIES, Severity

Channel = Literal["email", "webhook"]

_RUNGS: Final[Sequence[Sequence[Recipient]]] = (("owner", "additional"), ("backup",), ("escalation",))
LAST_RUNG: Final = len(_RUNGS) - 1
ATTEMPTS_MOST: Final = 3
_SEVERITIES: Final[Mapping[Event, Severity]] = {
    "budget_block": "high",
    "health_failed": "high",
    "run_failed": "high",
    "budget_soft": "low",
    "config_changed": "low",
}
"""Of those that are not `medium`; an approval is as severe as its risk."""
_CAN_WAIT: Final[frozenset[Event]] = frozenset(("budget_soft", "limit_hit", "config_changed"))
_PAUSES: Final = (dt.timedelta(seconds=30), dt.timedelta(minutes=2))
FORGOTTEN_IN: Final = dt.timedelta(minutes=2)
"""For how long a process that took a notice is given to deliver it before another tries."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contacts:
    """The addresses that an agent's record names."""

    owner: str | None = None
    user: str | None = None
    additional: Sequence[str] = ()
    backup: str | None = None
    escalation: str | None = None

    def of(self, recipient: Recipient) -> Sequence[str]:
        match recipient:
            case "additional":
                return self.additional
            case "owner":
                address = self.owner or self.user
            case "user":
                address = self.user
            case "backup":
                address = self.backup
            case "escalation":
                address = self.escalation
        return (address,) if address else ()


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """One thing that one recipient is told in one way; `about_id` is the approval, or what else it is about."""

    id: str
    about_id: str
    event: Event
    channel: Channel
    recipient: str
    attempts: int


def recipients(
    policy: NotificationPolicy, contacts: Contacts, event: Event, rung: int
) -> list[tuple[Channel, str]]:
    """Whoever the policy names for the event is told at once; those farther up in any case, later."""
    named = policy.events.get(event)
    told: Sequence[Recipient] = named if rung == 0 and named is not None else _RUNGS[rung]
    found: list[tuple[Channel, str]] = []
    if policy.channels.email:
        found += [("email", address) for recipient in told for address in contacts.of(recipient)]
    if policy.channels.webhook is not None and rung == 0:
        found.append(("webhook", policy.channels.webhook))
    return list(dict.fromkeys(found))


def moments(
    policy: NotificationPolicy, event: Event, now: dt.datetime, *, severity: Severity | None = None
) -> Mapping[Channel, dt.datetime]:
    """When each channel tells of it: what can wait is mailed once a day, and nobody is woken for little."""
    zone = _zone(policy)
    at = now
    quiet, weight = policy.quiet, severity or _SEVERITIES.get(event, "medium")
    if quiet is not None and SEVERITIES.index(weight) < SEVERITIES.index(quiet.exempt):
        at = _after_quiet(now.astimezone(zone), quiet).astimezone(dt.UTC)
    if policy.digest is None or event not in _CAN_WAIT:
        return {"email": at, "webhook": at}
    daily = _next(now.astimezone(zone), policy.digest.at).astimezone(dt.UTC)
    return {"email": daily, "webhook": at}


def _zone(policy: NotificationPolicy) -> dt.tzinfo:
    name = policy.digest.tz if policy.digest is not None else "UTC"
    return dt.UTC if name == "UTC" else zoneinfo.ZoneInfo(name)


def _after_quiet(here: dt.datetime, quiet: Quiet) -> dt.datetime:
    since, to, clock = quiet.since, quiet.to, f"{here:%H:%M}"
    is_quiet = since <= clock < to if since <= to else clock >= since or clock < to
    return _next(here, to) if is_quiet else here


def _next(here: dt.datetime, clock: str) -> dt.datetime:
    """The next moment at which clocks show this."""
    hour, minute = map(int, clock.split(":"))
    found = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return found if found > here else found + dt.timedelta(days=1)


def next_rung_at(asked_at: dt.datetime, policy: NotificationPolicy, rung: int) -> dt.datetime | None:
    """When those above this rung are told."""
    if rung >= LAST_RUNG:
        return None
    return asked_at + (rung + 1) * dt.timedelta(seconds=policy.escalate_after)


def pause_after(attempt: int) -> dt.timedelta | None:
    """Before the next attempt; None when this was the last."""
    return _PAUSES[attempt - 1] if attempt < ATTEMPTS_MOST else None
