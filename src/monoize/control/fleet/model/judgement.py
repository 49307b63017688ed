"""What to tell a host that asks whether its credential is current, or hands us one. Pure.

A document that we know and that is canonical no more is outdated whatever its date says: that is what makes a
rollback hold.
"""

import dataclasses
import datetime as dt
from typing import Literal

RetrieveStatus = Literal["missing", "valid", "upload_required", "outdated"]
StoreStatus = Literal["updated", "unchanged", "outdated", "conflict"]


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One state of a credential, as both sides name it."""

    digest: str
    moment: dt.datetime


def judge_retrieve(
    canonical: Version | None, held: Version, *, superseded: bool = False, hub_owned: bool = False
) -> RetrieveStatus:
    """`held` is what the host has; it is `superseded` when it was canonical once."""
    if canonical is None:
        return "missing"
    if held.digest == canonical.digest:
        return "valid"
    if superseded or hub_owned or held.moment < canonical.moment:
        return "outdated"
    return "upload_required"


def judge_store(
    canonical: Version | None,
    offered: Version,
    *,
    base_digest: str | None = None,
    superseded: bool = False,
    vouched: bool = False,
) -> StoreStatus:
    """`base_digest` is the canonical one that the offer was made upon; `vouched`: a validation found it works."""
    if canonical is None:
        return "updated"
    if offered.digest == canonical.digest:
        return "unchanged"
    if superseded or offered.moment < canonical.moment:
        return "outdated"
    if base_digest is not None and base_digest != canonical.digest:
        return "conflict"
    if offered.moment > canonical.moment or vouched or base_digest == canonical.digest:
        return "updated"
    return "conflict"
