"""Keys that another room made and gave away: known here by their digest, so that the gateway serves and counts.

What happens to them is part of a change of that room, which records it.
"""

import dataclasses
import datetime as dt

from monoize.base.ids import new_id
from monoize.control.identity import model
from monoize.control.identity.errors import SubAccountOpen, TooManyKeys
from monoize.control.identity.store import keys, users
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class LentKey:
    """Whoever shows the secret behind `digest` is served at the cost of `user_id`; `enabled` is for a new one."""

    user_id: str
    name: str
    prefix: str
    digest: str
    enabled: bool


async def lend(tx: Tx, key_id: str | None, wanted: LentKey) -> str:
    """Make the key `key_id`, or a new one, what is wanted; its id. What its owner said of it since stays."""
    if key_id is not None:
        if (await keys.get(tx, key_id)).user_id == wanted.user_id:
            await keys.change(tx, key_id, {"key_hash": wanted.digest})
            return key_id
        await take_back(tx, key_id)
    await users.get(tx, wanted.user_id, lock=True)
    if await keys.count(tx, wanted.user_id) >= model.KEYS_PER_USER_MOST:
        raise TooManyKeys
    values = {"name": wanted.name, "enabled": int(wanted.enabled)}
    made = await keys.add(
        tx, id=new_id(), user_id=wanted.user_id, prefix=wanted.prefix, digest=wanted.digest, values=values
    )
    return made.id


async def allow(tx: Tx, key_id: str, *, allowed: bool) -> None:
    await keys.change(tx, key_id, {"enabled": int(allowed)})


async def take_back(tx: Tx, key_id: str) -> None:
    if not await keys.remove(tx, key_id):
        raise SubAccountOpen


async def last_used(tx: Tx, key_id: str) -> dt.datetime | None:
    return (await keys.get(tx, key_id)).last_used_at
