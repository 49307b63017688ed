"""Who stands behind an API key that was shown."""

import dataclasses
import datetime as dt

from monoize.control.identity.actions.sign_in import check_may_enter
from monoize.control.identity.errors import InvalidCredential
from monoize.control.identity.model import ApiKey, User
from monoize.control.identity.store import keys, users
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class KeyHolder:
    key: ApiKey
    owner: User


async def holder_of(tx: Tx, digest: str, now: dt.datetime) -> KeyHolder:
    """By the fingerprint of the key. A refusal if nobody may use it now."""
    key = await keys.with_digest(tx, digest)
    if key is None or not key.enabled or (key.expires_at and key.expires_at <= now):
        raise InvalidCredential
    owner = await users.get(tx, key.user_id)
    await check_may_enter(tx, owner)
    return KeyHolder(key, owner)
