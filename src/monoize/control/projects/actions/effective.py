"""The environment of a service put together from its layers: for a release whole and sealed, for people masked.

A release keeps the values that it was started with, so that nothing that is deleted afterwards spoils a rollback.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from monoize.control.projects.actions.opening import opened
from monoize.control.projects.model import env, environments, secrets
from monoize.control.projects.model.env import EffectiveEnv, ShownVariable, Variable
from monoize.control.projects.model.releases import env_place
from monoize.control.projects.store import environments as environment_store
from monoize.control.projects.store import secrets as secret_store
from monoize.control.projects.store import services as service_store
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def effective_env(tx: Tx, seal: Seal, service_id: int) -> EffectiveEnv:
    """What a release of this service is started with. SecretUnreadable when a single value does not open."""
    return env.effective(await _layers(tx, seal, service_id))


@dataclasses.dataclass(frozen=True, slots=True)
class EnvSnapshot:
    """The environment as a release keeps it: values sealed, versions for people, a keyed digest to compare by."""

    env_sealed: str = dataclasses.field(repr=False)
    versions: Mapping[str, int]
    digest: str


async def snapshot_env(tx: Tx, seal: Seal, service_id: int) -> EnvSnapshot:
    found = await effective_env(tx, seal, service_id)
    text = json.dumps(found.values, sort_keys=True)
    sealed = seal.seal(text, *env_place(service_id))
    return EnvSnapshot(sealed, found.versions, seal.mac("release env", text.encode()))


def open_env(seal: Seal, service_id: int, env_sealed: str) -> Mapping[str, str]:
    """What `snapshot_env` put away. SecretUnreadable when it does not open."""
    values: Mapping[str, str] = json.loads(opened(seal, env_sealed, env_place(service_id), "env"))
    return values


async def shown_env(tx: Tx, seal: Seal, service_id: int) -> Sequence[ShownVariable]:
    return env.shown(await _layers(tx, seal, service_id))


async def _layers(tx: Tx, seal: Seal, service_id: int) -> Sequence[Sequence[Variable]]:
    service = await service_store.get(tx, service_id)
    layers = await _inherited(tx, seal, service.environment_id)
    layers.append(
        [
            Variable(key, value, env.is_telling(key), "service", "the service's env")
            for key, value in (service.env or {}).items()
        ]
    )
    own = await secret_store.of_service(tx, service_id)
    layers.append(
        [
            Variable(
                each.key,
                opened(seal, each.sealed, secrets.place(service_id, each.key, each.version), each.key),
                each.is_secret,
                "secret",
                "the service's secrets",
                each.version,
            )
            for each in own
        ]
    )
    return layers


async def _inherited(tx: Tx, seal: Seal, environment_id: int | None) -> list[Sequence[Variable]]:
    if environment_id is None:
        return []
    chain = env.lineage(await environment_store.parents(tx), environment_id)
    names = await environment_store.names(tx, chain)
    found = await environment_store.variables(tx, chain)
    return [
        [
            Variable(
                each.key,
                opened(seal, each.sealed, environments.place(id, each.key), each.key),
                each.is_secret,
                "environment",
                names[id],
            )
            for each in found
            if each.environment_id == id
        ]
        for id in chain
    ]
