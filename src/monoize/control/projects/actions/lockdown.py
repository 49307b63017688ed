"""Lockdown: administrators alone may use the room, and nothing is built or deployed, until one of them lifts it.

Kept in `versions`, so that it outlives restarts and holds for every process.
"""

import dataclasses
import datetime as dt
from typing import Final

from monoize.base.principal import Principal
from monoize.control.identity.store import versions
from monoize.control.projects.errors import LockedDown
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

REASON_MOST: Final = 160
_REASON: Final = "projects_lockdown"
_BY: Final = "projects_lockdown_by"


@dataclasses.dataclass(frozen=True, slots=True)
class Lockdown:
    locked: bool
    reason: str | None = None
    by: str | None = None
    since: dt.datetime | None = None


async def standing(tx: Tx) -> Lockdown:
    kept = await versions.rows(tx, (_REASON, _BY))
    if _REASON not in kept:
        return Lockdown(locked=False)
    by = kept[_BY].version if _BY in kept else None
    return Lockdown(True, kept[_REASON].version, by, kept[_REASON].updated_at)


async def refuse_in_lockdown(tx: Tx, caller: Principal | None = None) -> None:
    """Workers and webhooks have no caller; administrators pass."""
    if caller is not None and caller.may("system.write"):
        return
    found = await standing(tx)
    if found.locked:
        raise LockedDown(reason=found.reason)


async def lock_down(change: Change, reason: str) -> Lockdown:
    await versions.put(change.tx, _REASON, reason)
    await versions.put(change.tx, _BY, change.call.principal.label)
    change.record("lockdown.begin", "lockdown", "projects", reason=reason)
    return await standing(change.tx)


async def lift(change: Change) -> None:
    before = await standing(change.tx)
    await versions.remove(change.tx, _REASON)
    await versions.remove(change.tx, _BY)
    change.record("lockdown.lift", "lockdown", "projects", reason=before.reason, by=before.by)
