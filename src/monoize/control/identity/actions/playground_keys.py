"""The key by which somebody asks models in the pages: one of each user, made with their first prompt.

Nobody can show it, because there is nothing to show: what is stored as its digest is no digest of any secret, but
follows from the user and the house's own key. Only code in this process can name it to the gateway. Otherwise it is
a key like others: listed, limited, turned off and deleted by its user, and deleted with them.
"""

from monoize.base.clock import utc_now
from monoize.control.identity import model
from monoize.control.identity.actions import lent_keys
from monoize.control.identity.actions.lent_keys import LentKey
from monoize.control.identity.errors import PlaygroundKeyOff, PlaygroundKeyThere
from monoize.control.identity.store import keys, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


def digest_of(seal: Seal, user_id: str) -> str:
    return seal.mac("playground key", user_id.encode())


async def is_there(tx: Tx, digest: str) -> bool:
    """A refusal if it is there and may not be used now."""
    key = await keys.with_digest(tx, digest)
    if key is not None and (not key.enabled or (key.expires_at and key.expires_at <= utc_now())):
        raise PlaygroundKeyOff
    return key is not None


async def make(change: Change, user_id: str, digest: str) -> None:
    # The lock on the owner decides which of two first prompts makes it.
    await users.get(change.tx, user_id, lock=True)
    if await keys.with_digest(change.tx, digest) is not None:
        raise PlaygroundKeyThere
    wanted = LentKey(user_id, model.PLAYGROUND_KEY_NAME, model.PLAYGROUND_KEY_PREFIX, digest, enabled=True)
    key_id = await lent_keys.lend(change.tx, None, wanted)
    change.record("key.create", "key", key_id, user_id=user_id, name=wanted.name, prefix=wanted.prefix)
