"""What is done with the variables of a service. A value that is secret goes in and is never answered again."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from monoize.control.projects.actions import deployments
from monoize.control.projects.actions.opening import opened
from monoize.control.projects.errors import NoSuchSecret, SecretUnreadable, TooManyVariables
from monoize.control.projects.model import env, secrets
from monoize.control.projects.model.env import NewValue
from monoize.control.projects.model.secrets import VERSIONS_KEPT, SealedSecret, Secret, SecretVersion
from monoize.control.projects.store import secrets as store
from monoize.control.projects.store import services as service_store
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


@dataclasses.dataclass(frozen=True, slots=True)
class Put:
    """Which names got another value; `unchanged` ones already had it, and have no new version."""

    added: Sequence[str]
    changed: Sequence[str]
    unchanged: Sequence[str]
    removed: Sequence[str]
    deployment_id: int | None = None


async def list_secrets(tx: Tx, seal: Seal, service_id: int) -> Sequence[Secret]:
    await service_store.get(tx, service_id)
    return [_shown(seal, each) for each in await store.of_service(tx, service_id)]


async def list_versions(tx: Tx, service_id: int, key: str) -> Sequence[SecretVersion]:
    return await store.versions(tx, (await store.find(tx, service_id, key)).id)


async def put_secrets(
    change: Change,
    seal: Seal,
    service_id: int,
    values: Mapping[str, NewValue],
    now: dt.datetime,
    *,
    replace: bool = False,
    redeploy: bool = False,
) -> Put:
    """All of them or none. With `replace` the service loses those that are not named."""
    tx = change.tx
    await service_store.get(tx, service_id, lock=True)
    known = await store.locked(tx, service_id)
    removed = sorted(known.keys() - values.keys()) if replace else []
    if len(known.keys() | values.keys()) - len(removed) > env.KEYS_MOST:
        raise TooManyVariables(most=env.KEYS_MOST)
    added, changed, unchanged = [], [], []
    for key, new in sorted(values.items()):
        standing = known.get(key)
        if standing is None:
            await _add(change, seal, service_id, key, new, now)
            added.append(key)
        elif (_open(seal, standing), standing.is_secret) == (new.value, new.is_secret):
            unchanged.append(key)
        else:
            await _next_version(change, seal, standing, new, now)
            changed.append(key)
    await store.remove(tx, [known[key].id for key in removed])
    deployment_id = None
    if redeploy and (added or changed or removed):
        by = change.call.principal.label
        asked = await deployments.enqueue(tx, service_id, kind="redeploy", reason="variables were changed", by=by)
        deployment_id = asked.id
    done = Put(added, changed, unchanged, removed, deployment_id)
    change.record("secret.put", "service", service_id, **dataclasses.asdict(done))
    return done


async def delete_secret(change: Change, service_id: int, key: str) -> None:
    """With all its versions. Releases keep what they were started with, until they are pruned."""
    await service_store.get(change.tx, service_id, lock=True)
    found = (await store.locked(change.tx, service_id)).get(key)
    if found is None:
        raise NoSuchSecret(key=key)
    await store.remove(change.tx, [found.id])
    change.record("secret.delete", "service", service_id, name=key, version=found.version)


async def restore_version(
    change: Change, seal: Seal, service_id: int, key: str, version: int, now: dt.datetime
) -> Secret:
    """An earlier value becomes the newest version."""
    await service_store.get(change.tx, service_id, lock=True)
    found = (await store.locked(change.tx, service_id)).get(key)
    if found is None:
        raise NoSuchSecret(key=key)
    sealed = await store.sealed_version(change.tx, found.id, version)
    value = opened(seal, sealed, secrets.place(service_id, key, version), key)
    await _next_version(change, seal, found, NewValue(value, found.is_secret), now)
    change.record("secret.restore", "service", service_id, name=key, version=version)
    return _shown(seal, await store.find(change.tx, service_id, key))


async def _add(change: Change, seal: Seal, service_id: int, key: str, new: NewValue, now: dt.datetime) -> None:
    await store.add(
        change.tx,
        service_id,
        key,
        sealed=seal.seal(new.value, *secrets.place(service_id, key, 1)),
        version=1,
        is_secret=new.is_secret,
        created_by=change.call.principal.label,
        now=now,
    )


async def _next_version(change: Change, seal: Seal, known: SealedSecret, new: NewValue, now: dt.datetime) -> None:
    version = known.version + 1
    await store.change(
        change.tx,
        known,
        sealed=seal.seal(new.value, *secrets.place(known.service_id, known.key, version)),
        version=version,
        is_secret=new.is_secret,
        created_by=change.call.principal.label,
        now=now,
    )
    await store.prune(change.tx, known.id, below=version - VERSIONS_KEPT + 1)


def _open(seal: Seal, secret: SealedSecret) -> str | None:
    """None when it does not open: whoever sets it again repairs it."""
    try:
        return opened(seal, secret.sealed, secrets.place(secret.service_id, secret.key, secret.version), secret.key)
    except SecretUnreadable:
        return None


def _shown(seal: Seal, secret: SealedSecret) -> Secret:
    value = env.MASK
    if not secret.is_secret:
        value = env.masked(secret.key, _open(seal, secret) or env.MASK, is_secret=False)
    return Secret(
        id=secret.id,
        service_id=secret.service_id,
        key=secret.key,
        value=value,
        is_secret=secret.is_secret,
        version=secret.version,
        created_at=secret.created_at,
        updated_at=secret.updated_at,
    )
