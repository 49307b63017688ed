"""Containers that bear our label and belong to no service. Nothing removes them but people, one by one.

Or people make them a service again: its rows may have gone with a database that an older one took the place of, or
with a removal that was forgotten. Labels cannot be changed, so the service gets back the ids that they name.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from monoize.base.clock import utc_now
from monoize.control.edge.house import House
from monoize.control.projects.actions import ports
from monoize.control.projects.actions.services import shown
from monoize.control.projects.drivers.engine import Engine, readable
from monoize.control.projects.errors import NoSuchOrphan, NotAdoptable, OrphanRuns, ProjectGoing
from monoize.control.projects.model import adoption, secrets
from monoize.control.projects.model import config as configs
from monoize.control.projects.model.adoption import Labelled
from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.model.instances import LOOPBACK, ImageFacts, Instance
from monoize.control.projects.model.releases import env_place
from monoize.control.projects.model.services import Project, Service
from monoize.control.projects.store import ids, projects, releases, routes, services
from monoize.control.projects.store import ports as port_store
from monoize.control.projects.store import secrets as secret_store
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def list_orphans(house: House, engine: Engine) -> Sequence[Instance]:
    with readable():
        instances = await engine.instances()
    async with house.database.read() as tx:
        known = {service.id for service in await services.every(tx)}
    return [one for one in instances if one.service_id not in known]


async def find_orphan(house: House, engine: Engine, container_id: str, *, force: bool) -> Instance:
    """By its id, or the beginning of it. One that runs is found with `force` only."""
    found = [one for one in await list_orphans(house, engine) if one.container_id.startswith(container_id)]
    if len(found) != 1:
        raise NoSuchOrphan
    if found[0].state in ("running", "restarting", "paused") and not force:
        raise OrphanRuns
    return found[0]


async def remove_orphan(engine: Engine, orphan: Instance) -> None:
    """After `tell_removal`: what was removed and not written down would be gone without a trace."""
    with readable():
        await engine.remove(orphan.container_id)


async def tell_removal(change: Change, orphan: Instance) -> None:
    change.record("orphan.remove", "container", orphan.container_id, name=orphan.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Adoptable:
    """A service as its containers tell of it."""

    labelled: Labelled
    image: ImageFacts
    config: ServiceConfig
    env: Mapping[str, str] = dataclasses.field(repr=False)


async def find_adoptable(house: House, engine: Engine, container_id: str) -> Adoptable:
    """By the id of one of its containers. NotAdoptable says what is in the way."""
    orphan = await find_orphan(house, engine, container_id, force=True)
    found = adoption.labelled(orphan, await list_orphans(house, engine))
    with readable():
        container = await engine.docker.inspect_container(orphan.container_id)
        image = await engine.docker.inspect_image(str(container["Image"]))
        facts = await engine.image(str(container["Image"]))
    assert facts is not None
    named = adoption.image_name(image, engine.ours.repository(found.service_id))
    volumes = engine.ours.volume(found.project_id, found.service_id, "")
    config = adoption.config_told(container, image, named, found, volumes)
    return Adoptable(found, facts, config, adoption.env_told(container, image))


async def project_of(tx: Tx, found: Adoptable) -> Project | None:
    """The project that it was of, if that is still there."""
    return await projects.find(tx, found.labelled.project_id)


async def adopt(change: Change, seal: Seal, found: Adoptable, *, name: str, project: str) -> Service:
    """Its rows, as they were: the containers go on as they are. What it finds in its environment becomes secrets,
    since nobody knows any more which of it were."""
    tx, labels = change.tx, found.labelled
    await _is_free(tx, labels, project)
    release = {"id": labels.release_id, "image": found.config.image, "image_id": found.image.id}
    runs = any(one.running for one in labels.replicas)
    service = await services.add(
        tx,
        labels.project_id,
        found.config,
        {
            "id": labels.service_id,
            "name": name,
            "release_id": labels.release_id,
            "desired_state": "running" if runs else "stopped",
        },
    )
    for key, value in sorted(found.env.items()):
        await secret_store.add(
            tx,
            service.id,
            key,
            sealed=seal.seal(value, *secrets.place(service.id, key, 1)),
            version=1,
            is_secret=True,
            created_by=change.call.principal.label,
            now=utc_now(),
        )
    kept: dict[str, Any] = {
        **release,
        "repo_digest": found.image.repo_digest,
        "config": configs.as_json(found.config),
        "config_hash": labels.config_hash,
        "env_sealed": seal.seal(json.dumps(dict(found.env), sort_keys=True), *env_place(service.id)),
        "secret_versions": dict.fromkeys(found.env, 1),
        "hook_done_at": utc_now(),
        "proven_at": utc_now(),
    }
    await releases.add(tx, service.id, kept)
    await ids.move_on(tx)
    await _hold_ports(tx, found)
    change.record(
        "orphan.adopt",
        "service",
        service.id,
        name=name,
        project_id=labels.project_id,
        release_id=labels.release_id,
        containers=sorted(one.name for one in labels.replicas),
    )
    return shown(service)


async def pin(engine: Engine, found: Adoptable) -> None:
    """After `adopt`: its image stays, as that of any release."""
    with readable():
        await engine.pin(found.image.id, engine.ours.repository(found.labelled.service_id), "r1")


async def _is_free(tx: Tx, labels: Labelled, project: str) -> None:
    there = await projects.find(tx, labels.project_id)
    if there is None:
        await projects.add(tx, project, None, id=labels.project_id)
    elif there.deleting_at is not None:
        raise ProjectGoing
    elif there.name != project:
        raise NotAdoptable(said=f"it is of the project {there.name}, and stays on the network of that")
    if await services.find(tx, labels.service_id) is not None or await releases.is_given(tx, labels.release_id):
        raise NotAdoptable(said="the ids that its labels name are those of something else by now")


async def _hold_ports(tx: Tx, found: Adoptable) -> None:
    labels = found.labelled
    held = [
        {
            "service_id": labels.service_id,
            "release_id": labels.release_id,
            "replica": one.replica,
            "container_port": inside,
            "host_port": host,
        }
        for one in labels.replicas
        for inside, host in one.ports.items()
    ]
    await port_store.add(tx, held)
    await ports.claim_fixed(tx, labels.service_id, found.config)
    answering = {(inside, f"{LOOPBACK}:{host}") for one in labels.replicas for inside, host in one.ports.items()}
    await routes.replace_members(tx, labels.service_id, answering)
