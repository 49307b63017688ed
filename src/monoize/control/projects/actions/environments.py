"""What is done with environments, the sets of variables that services share."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from monoize.control.edge.wire import Page, Window
from monoize.control.projects.actions.opening import opened
from monoize.control.projects.errors import EnvironmentInUse, SecretUnreadable, TooManyVariables
from monoize.control.projects.model import env
from monoize.control.projects.model.env import NewValue
from monoize.control.projects.model.environments import Environment, EnvironmentVariable, SealedVariable, place
from monoize.control.projects.store import environments as store
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def list_environments(tx: Tx, window: Window, *, name: str | None) -> Page[Environment]:
    return window.page(await store.page(tx, window, name=name), lambda found: found.id)


async def get_environment(tx: Tx, environment_id: int) -> Environment:
    return await store.get(tx, environment_id)


async def create_environment(change: Change, name: str, values: Mapping[str, Any]) -> Environment:
    if values.get("inherits_id") is not None:
        parents = await store.parents(change.tx, lock=True)
        await store.get(change.tx, values["inherits_id"])
        env.lineage({**parents, 0: values["inherits_id"]}, 0)
    made = await store.add(change.tx, name, values)
    change.record("environment.create", "environment", made.id, name=name, kind=made.kind)
    return made


async def update_environment(change: Change, environment_id: int, values: Mapping[str, Any]) -> Environment:
    tx = change.tx
    parents = await store.parents(tx, lock=True)
    await store.get(tx, environment_id)
    if values.get("inherits_id") is not None:
        await store.get(tx, values["inherits_id"])
        wanted = {**parents, environment_id: values["inherits_id"]}
        for each in wanted:
            env.lineage(wanted, each)
    changed = await store.change(tx, environment_id, values)
    change.record("environment.update", "environment", environment_id, name=changed.name, changed=sorted(values))
    return changed


async def delete_environment(change: Change, environment_id: int) -> None:
    found = await store.get(change.tx, environment_id, lock=True)
    used_by = await store.used_by(change.tx, environment_id)
    if used_by:
        raise EnvironmentInUse(used_by=used_by)
    await store.remove(change.tx, environment_id)
    change.record("environment.delete", "environment", environment_id, name=found.name)


async def list_variables(tx: Tx, seal: Seal, environment_id: int) -> Sequence[EnvironmentVariable]:
    await store.get(tx, environment_id)
    return [_shown(seal, each) for each in await store.variables(tx, [environment_id])]


async def put_variables(
    change: Change, seal: Seal, environment_id: int, values: Mapping[str, NewValue], now: dt.datetime
) -> Sequence[EnvironmentVariable]:
    """All of them or none."""
    tx = change.tx
    await store.get(tx, environment_id, lock=True)
    known = {each.key for each in await store.variables(tx, [environment_id])}
    if len(known | values.keys()) > env.KEYS_MOST:
        raise TooManyVariables(most=env.KEYS_MOST)
    for key, new in sorted(values.items()):
        sealed = seal.seal(new.value, *place(environment_id, key))
        await store.put_variable(tx, environment_id, key, sealed=sealed, is_secret=new.is_secret, now=now)
    change.record("environment.put_variables", "environment", environment_id, names=sorted(values))
    return await list_variables(tx, seal, environment_id)


async def delete_variable(change: Change, environment_id: int, key: str) -> None:
    await store.get(change.tx, environment_id, lock=True)
    await store.remove_variable(change.tx, environment_id, key)
    change.record("environment.delete_variable", "environment", environment_id, name=key)


def _shown(seal: Seal, variable: SealedVariable) -> EnvironmentVariable:
    value = env.MASK
    if not variable.is_secret:
        try:
            text = opened(seal, variable.sealed, place(variable.environment_id, variable.key), variable.key)
            value = env.masked(variable.key, text, is_secret=False)
        except SecretUnreadable:
            value = env.MASK
    return EnvironmentVariable(variable.key, value, variable.is_secret, variable.version, variable.updated_at)
