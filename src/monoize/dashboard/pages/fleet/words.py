"""How pages speak of hosts, pools, quotas and alerts. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Final, NamedTuple

from monoize.control.fleet.model.alerts import STALE_AFTER, AlertKind
from monoize.control.fleet.model.hosts import Host
from monoize.control.fleet.model.payloads import Origin
from monoize.control.fleet.model.pools import PoolMode, Validation
from monoize.control.fleet.model.quota import Reason, Verdict


class Said(NamedTuple):
    """A word and the tone of its dot."""

    text: str
    tone: str


ALERTS: Final[Mapping[AlertKind, str]] = {
    "stale_host": "Silent for a week",
    "validation_failing": "The credential was tried out and does not work",
    "quota_near": "The allowance is nearly used up",
    "new_ip": "Called from a new address",
    "clone_detected": "Two computers use one key",
    "refresh_failing": "The login cannot be renewed",
    "canonical_invalid": "The stored credential cannot be used",
}
MODES: Final[Mapping[PoolMode, str]] = {
    "shared": "Shared: hosts hold the whole login",
    "hub": "Hub: the refresh token never leaves this server",
    "api_key": "API key: hosts share one key",
    "gateway": "Gateway: each host has a key of our gateway",
}
VALIDATIONS: Final[Mapping[Validation, str]] = {
    "off": "Never tried out",
    "advisory": "Tried out, and told of",
    "required": "Taken only if it works",
}
ORIGINS: Final[Mapping[Origin, str]] = {
    "host": "a host",
    "operator": "an operator",
    "seed": "a seed link",
    "refresh": "a renewal",
    "validation": "a validation",
    "rollback": "a rollback",
}
VERDICTS: Final[Mapping[Verdict, Said]] = {
    "ok": Said("within the allowance", "good"),
    "warn": Said("nearly used up", "warn"),
    "refuse": Said("used up", "bad"),
}
REASONS: Final[Mapping[Reason, str]] = {
    "limit_reached": "the provider says that the limit is reached",
    "five_hours": "of five hours",
    "week": "of the week",
    "day": "of the day's part of the week",
}


def host_said(host: Host, now: dt.datetime) -> Said:
    if host.status == "suspended":
        return Said("suspended", "bad")
    if host.expires_at is not None and host.expires_at <= now:
        return Said("expired", "off")
    if not host.is_provisioned:
        return Said("not installed yet", "busy")
    if host.last_seen_at is None or now - host.last_seen_at > STALE_AFTER:
        return Said("silent", "warn")
    return Said("active", "good")
