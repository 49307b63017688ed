"""Domains as values: how it is proven that one is ours, and what there is to do next. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal

DomainStatus = Literal["pending", "verifying", "verified", "active", "error"]
Provider = Literal["manual", "cloudflare"]
NextAction = Literal["configure_dns", "verify_dns", "activate", "manage", "retry"]

PROOF_LABEL: Final = "_monoize-verify"
TXT: Final = "TXT"

_NEXT: Final[Mapping[DomainStatus, NextAction]] = {
    "pending": "configure_dns",
    "verifying": "verify_dns",
    "verified": "activate",
    "active": "manage",
    "error": "retry",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One record that belongs into DNS."""

    type: str
    name: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True)
class Domain:
    """`found` is what DNS said at the last look."""

    id: int
    name: str
    status: DomainStatus
    provider: Provider | None
    zone_id: str | None
    verification_token: str
    verification_checked_at: dt.datetime | None
    certificate_id: int | None
    found: Mapping[str, Sequence[str]] | None
    error: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


def next_action(status: DomainStatus) -> NextAction:
    return _NEXT[status]


def proof_name(domain: str) -> str:
    return f"{PROOF_LABEL}.{domain.removeprefix('*.')}"


def records(domain: str, token: str, edge: Sequence[str]) -> Sequence[Record]:
    """What its owner has to write into DNS: the proof, and the way to us."""
    found = [Record(TXT, proof_name(domain), token)]
    return found + [Record(_kind(target), domain, target) for target in edge]


def _kind(target: str) -> str:
    if ":" in target:
        return "AAAA"
    return "A" if target.replace(".", "").isdecimal() else "CNAME"


def judge(token: str, proofs: Collection[str], points_to: Collection[str], edge: Collection[str]) -> str | None:
    """Why a domain is not proven to be ours; None when it is."""
    if token not in proofs:
        return "the TXT record holds another text" if proofs else "there is no TXT record yet"
    if edge and not {target.lower().rstrip(".") for target in points_to} & {target.lower() for target in edge}:
        return "it does not point to this server yet"
    return None
