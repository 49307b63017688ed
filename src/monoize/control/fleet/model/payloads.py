"""The documents that a pool has had: each kept as it was, one of them canonical. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Literal

from monoize.control.fleet.model.documents import Credential
from monoize.control.fleet.model.judgement import Version

Origin = Literal["host", "operator", "seed", "refresh", "validation", "rollback"]


@dataclasses.dataclass(frozen=True, slots=True)
class Payload:
    """One document as history knows it, without its content."""

    id: int
    pool_id: str
    digest: str
    last_refresh: dt.datetime
    origin: Origin
    source_host_id: int | None
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """A payload with its document, opened and found to be what was stored."""

    payload: Payload
    credential: Credential

    @property
    def version(self) -> Version:
        return Version(self.credential.digest, self.credential.moment)


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How a pool's credential stands: what is canonical, what is in it, and who has it."""

    pool_id: str
    canonical: Payload | None
    targets: Sequence[str]
    problem: str | None
    hosts: int
    hosts_current: int


def body_place(pool_id: str, digest: str) -> tuple[str, ...]:
    """What a sealed document is bound to: moved to another pool, or under another digest, it does not open."""
    return "auth_payloads", pool_id, digest, "body"


def token_place(pool_id: str, digest: str, target: str) -> tuple[str, ...]:
    return "auth_entries", pool_id, digest, target
