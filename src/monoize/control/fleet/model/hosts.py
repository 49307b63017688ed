"""Hosts as values, and the rules about who of them is let in, for how long, and when one is forgotten. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from monoize.base.principal import Principal
from monoize.control.fleet.errors import HostIsSecure, HostKeyInvalid, HostSuspended, WindowClosed

HostStatus = Literal["active", "suspended"]
PruneReason = Literal["expired", "unprovisioned", "inactive"]

_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
FQDN_MOST: Final = 253
FQDN: Final = rf"^{_LABEL}(\.{_LABEL})*$"
WINDOW_MINUTES_MOST: Final = 480
ENROLMENT_WINDOW: Final = dt.timedelta(minutes=30)
TEMPORARY_FOR: Final = dt.timedelta(hours=2)
PROVISION_WITHIN: Final = dt.timedelta(minutes=30)
_SHOWN_NAME_CHARS: Final = 180


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """An enrolled computer. `expires_at` is set for temporary ones and moves on with every call."""

    id: int
    fqdn: str
    pool_id: str
    status: HostStatus
    user_id: str | None
    gateway_key_id: str | None
    secure: bool
    vip: bool
    roaming: bool
    ip: str | None
    client_version: str | None
    wrapper_version: str | None
    api_calls: int
    last_refresh: dt.datetime | None
    auth_digest: str | None
    last_seen_at: dt.datetime | None
    expires_at: dt.datetime | None
    insecure_enabled_until: dt.datetime | None
    insecure_window_minutes: int
    allowed_targets: Sequence[str] | None
    tags: Sequence[str]
    client_version_override: str | None
    model_override: str | None
    reasoning_effort_override: str | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def is_provisioned(self) -> bool:
        return self.api_calls > 0 or self.auth_digest is not None


def canonical_fqdn(text: str) -> str:
    """A host's name in lower case. ValueError for a bare number: that one text is a host's id."""
    if text.isdecimal():
        raise ValueError("must not be a number")
    return text.lower()


@dataclasses.dataclass(frozen=True, slots=True)
class Sighting:
    """How often a host has called, and when it did last."""

    calls: int
    at: dt.datetime

    def after(self, earlier: "Sighting | None") -> "Sighting":
        return self if earlier is None else Sighting(earlier.calls + self.calls, max(earlier.at, self.at))


@dataclasses.dataclass(frozen=True, slots=True)
class HostUser:
    """Somebody who ran the tool on a host."""

    username: str
    hostname: str | None
    first_seen: dt.datetime
    last_seen: dt.datetime


def host_principal(host: Host) -> Principal:
    """A host may do nothing but call its own API."""
    return Principal(
        kind="host",
        id=str(host.id),
        name=host.fqdn[:_SHOWN_NAME_CHARS],
        role="viewer",
        tenant_id=None,
        permissions=frozenset(),
    )


def check_may_call(host: Host, now: dt.datetime) -> None:
    """One that has expired is as good as pruned."""
    if host.expires_at is not None and host.expires_at <= now:
        raise HostKeyInvalid
    if host.status != "active":
        raise HostSuspended


def check_window(host: Host, now: dt.datetime) -> None:
    if not host.secure and (host.insecure_enabled_until is None or host.insecure_enabled_until < now):
        raise WindowClosed


AddressVerdict = Literal["same", "bind", "move", "denied", "unknown"]


def address_verdict(host: Host, ip: str | None, *, forced: bool = False) -> AddressVerdict:
    """What a call from `ip` means for the address that a host is bound to."""
    if ip is None:
        # Nobody can say where it comes from: that binds nothing, and opens nothing that is bound.
        return "unknown" if host.ip is None or host.roaming or forced else "denied"
    if host.ip is None:
        return "bind"
    if host.ip == ip:
        return "same"
    return "move" if host.roaming or forced else "denied"


def seen_until(host: Host, now: dt.datetime) -> Mapping[str, dt.datetime]:
    """The terms that a call renews: a temporary host's life and an insecure one's window, never shortened."""
    renewed: dict[str, dt.datetime] = {}
    if host.expires_at is not None:
        renewed["expires_at"] = max(host.expires_at, now + TEMPORARY_FOR)
    if not host.secure and host.insecure_enabled_until is not None and host.insecure_enabled_until >= now:
        window = dt.timedelta(minutes=host.insecure_window_minutes)
        renewed["insecure_enabled_until"] = max(host.insecure_enabled_until, now + window)
    return renewed


def opened_until(host: Host, minutes: int, now: dt.datetime) -> dt.datetime:
    """Asked for again, a window that is open lasts longer."""
    if host.secure:
        raise HostIsSecure
    return max(now, host.insecure_enabled_until or now) + dt.timedelta(minutes=minutes)


def prune_reason(
    host: Host, now: dt.datetime, *, inactivity_days: int, last_active: dt.datetime | None
) -> PruneReason | None:
    """Why a host is forgotten now, if it is; `last_active` is when it was last heard of in any way."""
    if host.expires_at is not None:
        return "expired" if host.expires_at < now else None
    if not host.is_provisioned and last_active is None:
        return "unprovisioned" if host.created_at < now - PROVISION_WITHIN else None
    silent_since = last_active or host.updated_at
    if inactivity_days and silent_since < now - dt.timedelta(days=inactivity_days):
        return "inactive"
    return None
