"""What is done with API keys. The key itself is shown once, at its birth."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.edge.transforms import read
from monoize.control.edge.wire import Page, Window
from monoize.control.identity import model
from monoize.control.identity.errors import NoSuchKey, SubAccountOpen, TooManyKeys
from monoize.control.identity.model import ApiKey
from monoize.control.identity.store import keys, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key; `secret` is what its owner puts into a client, and is never shown again."""

    secret: str
    key: ApiKey


async def list_keys(tx: Tx, window: Window, *, user_id: str | None, containing: str | None = None) -> Page[ApiKey]:
    found = await keys.page(tx, window, user_id=user_id, containing=containing)
    return window.page(found, lambda key: key.id)


async def get_key(tx: Tx, caller: Principal, key_id: str) -> ApiKey:
    """A key that is not the caller's is not there, unless the caller may see all of them."""
    key = await keys.get(tx, key_id)
    if key.user_id != caller.user_id and not caller.may("keys.read"):
        raise NoSuchKey
    return key


async def create_key(change: Change, user_id: str, values: Mapping[str, Any]) -> CreatedKey:
    # The lock on the owner makes counting and adding one step, so the limit holds under concurrency.
    owner = await users.get(change.tx, user_id, lock=True)
    if await keys.count(change.tx, user_id) >= model.KEYS_PER_USER_MOST:
        raise TooManyKeys
    model.check_groups(values.get("allowed_groups", ()), owner.allowed_groups)
    model.check_transforms(read(values.get("transforms", ())), owner)
    secret = model.new_api_key()
    key = await keys.add(
        change.tx,
        id=new_id(),
        user_id=user_id,
        prefix=secret.lookup,
        digest=secret.secret,
        values=_columns(values),
    )
    change.record("key.create", "key", key.id, user_id=user_id, name=key.name, prefix=key.key_prefix)
    return CreatedKey(secret.shown, key)


async def update_key(change: Change, key_id: str, values: Mapping[str, Any]) -> ApiKey:
    key = await _changeable(change, key_id)
    owner = await users.get(change.tx, key.user_id)
    if "allowed_groups" in values:
        model.check_groups(values["allowed_groups"], owner.allowed_groups)
    model.check_transforms(read(values.get("transforms", ())), owner)
    updated = await keys.change(change.tx, key_id, _columns(values)) if values else key
    change.record("key.update", "key", key_id, prefix=key.key_prefix, changed=sorted(values))
    return updated


async def record_of(tx: Tx, key_id: str) -> str | None:
    """The agent record that a key is for."""
    return (await keys.get(tx, key_id)).agent_record_id


async def govern_key(change: Change, key_id: str, record_id: str | None) -> ApiKey:
    """Whether and by which record the requests of a key are governed is not for its owner to say."""
    key = await keys.get(change.tx, key_id)
    updated = await keys.change(change.tx, key_id, {"agent_record_id": record_id})
    action = "key.ungovern" if record_id is None else "key.govern"
    change.record(action, "key", key_id, prefix=key.key_prefix, record=record_id, before=key.agent_record_id)
    return updated


async def delete_key(change: Change, key_id: str) -> None:
    key = await _changeable(change, key_id)
    if not await keys.remove(change.tx, key_id):
        await keys.get(change.tx, key_id)
        raise SubAccountOpen
    change.record("key.delete", "key", key_id, user_id=key.user_id, prefix=key.key_prefix)


async def _changeable(change: Change, key_id: str) -> ApiKey:
    caller = change.call.principal
    key = await keys.get(change.tx, key_id)
    if key.user_id != caller.user_id and not caller.may("keys.write"):
        raise NoSuchKey
    return key


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: int(value) if isinstance(value, bool) else value for name, value in values.items()}
