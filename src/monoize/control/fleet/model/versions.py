"""What all hosts are told at once: which version of the tool to run, and whether they are served at all. Pure."""

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable
from typing import Final, Literal

from monoize.control.fleet.model.hosts import Host
from monoize.control.fleet.model.pools import Pool

VersionSource = Literal["locked", "published", "unknown"]

CLIENT_VERSION_MOST: Final = 64
_CLIENT_VERSION: Final = re.compile(r"(?:rust-)?v?([0-9]{1,9}(?:\.[0-9]{1,9}){0,3}(?:-[0-9A-Za-z.-]{1,32})?)")


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """`client_available` is offered to hosts that are older; `client_lock` is what they run, newer or older."""

    api_disabled: bool
    installation_id: str
    client_available: str | None
    client_available_at: dt.datetime | None
    client_lock: str | None
    client_lock_at: dt.datetime | None
    reported_client_version: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class WantedVersion:
    version: str | None
    source: VersionSource
    checked_at: dt.datetime | None


def canonical_version(text: str) -> str:
    """Without what tags of releases put before it. ValueError when it is no version."""
    found = _CLIENT_VERSION.fullmatch(text.strip())
    if found is None or len(found[1]) > CLIENT_VERSION_MOST:
        raise ValueError("must be a version such as 0.61.0")
    return found[1]


def wanted_version(published: Published, pool: Pool, host: Host | None) -> WantedVersion:
    """A host's own pin comes before its pool's, that before everybody's; what is merely offered comes last."""
    override = host.client_version_override if host else None
    if pinned := override or pool.client_version:
        return WantedVersion(pinned, "locked", None)
    if published.client_lock:
        return WantedVersion(published.client_lock, "locked", published.client_lock_at)
    if published.client_available:
        return WantedVersion(published.client_available, "published", published.client_available_at)
    return WantedVersion(None, "unknown", None)


def newest(versions: Iterable[str]) -> str | None:
    """The highest of those that can be compared; a release comes after its own previews."""
    known = [(order, text) for text in versions if (order := _order(text)) is not None]
    return max(known)[1] if known else None


def _order(text: str) -> tuple[tuple[int, ...], bool, str] | None:
    try:
        numbers, _, preview = canonical_version(text).partition("-")
    except ValueError:
        return None
    parts = [int(part) for part in numbers.split(".")]
    return tuple(parts + [0] * (4 - len(parts))), not preview, preview
