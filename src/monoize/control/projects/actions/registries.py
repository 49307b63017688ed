"""Registries and the credentials for them: sealed at rest, opened for a pull, never shown."""

from collections.abc import Mapping
from typing import Any

from monoize.control.edge.wire import Page, Window
from monoize.control.projects.errors import RegistryInUse, SecretUnreadable
from monoize.control.projects.model.instances import Login
from monoize.control.projects.model.registries import Registry, RegistryType, place
from monoize.control.projects.store import registries, services
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken


async def create_registry(
    change: Change, seal: Seal, *, name: str, type: RegistryType, server: str, username: str, password: str
) -> Registry:
    values = {"name": name, "type": type, "server": server, "username": username}
    added = await registries.add(change.tx, values)
    sealed = seal.seal(password, *place(added.id))
    created = await registries.change(change.tx, added.id, {"password_sealed": sealed})
    change.record("registry.create", "registry", created.id, name=name, server=server, username=username)
    return created


async def update_registry(
    change: Change, seal: Seal, id: int, values: Mapping[str, Any], password: str | None
) -> Registry:
    await registries.get(change.tx, id, lock=True)
    kept = dict(values)
    if password is not None:
        kept["password_sealed"] = seal.seal(password, *place(id))
    updated = await registries.change(change.tx, id, kept)
    changed = sorted([*values, *(["login"] if password is not None else [])])
    change.record("registry.update", "registry", id, name=updated.name, changed=changed)
    return updated


async def delete_registry(change: Change, id: int) -> None:
    registry = await registries.get(change.tx, id, lock=True)
    used_by = await services.using_registry(change.tx, id)
    if used_by:
        raise RegistryInUse(used_by=used_by)
    await registries.remove(change.tx, id)
    change.record("registry.delete", "registry", id, name=registry.name)


async def list_registries(tx: Tx, window: Window) -> Page[Registry]:
    return window.page(await registries.page(tx, window), lambda registry: registry.id)


async def get_registry(tx: Tx, id: int) -> Registry:
    return await registries.get(tx, id)


async def login_for(tx: Tx, seal: Seal, registry_id: int | None) -> Login | None:
    """What a pull shows the registry. SecretUnreadable when the password does not open."""
    if registry_id is None:
        return None
    registry = await registries.get(tx, registry_id)
    try:
        password = seal.open(await registries.sealed_password(tx, registry_id), *place(registry_id))
    except SealBroken as problem:
        raise SecretUnreadable(key=f"the password of the registry {registry.name}") from problem
    return Login(registry.server, registry.username, password)
