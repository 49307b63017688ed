"""Who is told of an approval, and who next when nobody votes: the rungs of a ladder. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

from monoize.contract.policies.notification import Event, NotificationPolicy, Recipient

Channel = Literal["email", "webhook"]

_RUNGS: Final[Sequence[Sequence[Recipient]]] = (("owner", "additional"), ("backup",), ("escalation",))
LAST_RUNG: Final = len(_RUNGS) - 1
ATTEMPTS_MOST: Final = 3
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
    """One thing that one recipient is told in one way."""

    id: str
    approval_id: str
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


def next_rung_at(asked_at: dt.datetime, policy: NotificationPolicy, rung: int) -> dt.datetime | None:
    """When those above this rung are told."""
    if rung >= LAST_RUNG:
        return None
    return asked_at + (rung + 1) * dt.timedelta(seconds=policy.escalate_after)


def pause_after(attempt: int) -> dt.timedelta | None:
    """Before the next attempt; None when this was the last."""
    return _PAUSES[attempt - 1] if attempt < ATTEMPTS_MOST else None
