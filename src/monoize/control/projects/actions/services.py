"""The verbs of services: make, change, start, stop, unlock. What follows in containers is a deployment's or the
reconciler's; here it is said what is wanted, in the transaction that is audited."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from monoize.control.edge.wire import Page, Window
from monoize.control.projects.actions import deployments, ports
from monoize.control.projects.errors import (
    CrashLooping,
    NotCrashLooping,
    NotDeployed,
    ProjectGoing,
    ServiceBusy,
    ServiceGoing,
)
from monoize.control.projects.model import config as configs
from monoize.control.projects.model import env
from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.model.services import DesiredState, Service
from monoize.control.projects.store import deployments as deployment_store
from monoize.control.projects.store import environments, projects, registries, services
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class Ordered:
    """A service, and the deployment that its change led to, if it did."""

    service: Service
    deployment_id: int | None


async def create_service(
    change: Change, project_id: int, config: ServiceConfig, values: Mapping[str, Any], *, start: bool
) -> Ordered:
    """A row, its ports, and the first deployment: pull, create, start, unless it is to wait."""
    tx = change.tx
    project = await projects.get(tx, project_id, lock=True)
    if project.deleting_at is not None:
        raise ProjectGoing
    await _check(change, config, values)
    desired: DesiredState = "running" if start else "stopped"
    created = await services.add(tx, project_id, config, {**values, "desired_state": desired})
    await ports.claim_fixed(tx, created.id, config)
    deployment_id = await _deploy(change, created.id, "the service is new") if start else None
    change.record(
        "service.create",
        "service",
        created.id,
        project_id=project_id,
        name=created.name,
        image=config.image,
        deployment_id=deployment_id,
    )
    return Ordered(shown(created), deployment_id)


async def update_service(
    change: Change,
    id: int,
    merge: Callable[[ServiceConfig], ServiceConfig],
    values: Mapping[str, Any],
    *,
    redeploy: bool,
) -> Ordered:
    """What a release is made of reaches the containers with the next one, which `redeploy` asks for at once."""
    before = await services.get(change.tx, id, lock=True)
    if before.deleting_at is not None:
        raise ServiceGoing
    config = merge(before.config)
    await _check(change, config, values)
    kept = dict(values)
    if "env" in kept:
        kept["env"] = env_kept(before.env, kept["env"])
    after = await services.change(change.tx, id, kept, config)
    if config.ports != before.config.ports:
        await ports.claim_fixed(change.tx, id, config)
    touched = sorted(_changed(before, after))
    needs_release = bool(set(touched) - {"description", "registry_id"})
    deploys = redeploy and needs_release and before.desired_state == "running"
    deployment_id = await _deploy(change, id, "its configuration changed") if deploys else None
    change.record("service.update", "service", id, name=after.name, changed=touched, deployment_id=deployment_id)
    return Ordered(shown(after), deployment_id)


async def start_service(change: Change, id: int) -> Ordered:
    """Starting what runs changes nothing. What was never live is deployed."""
    service = await _free(change.tx, id)
    if service.crash_looping:
        raise CrashLooping
    deployment_id = None
    if service.release_id is None:
        deployment_id = await _deploy(change, id, "it was started and had no release")
    return await _want(change, service, "running", "service.start", deployment_id)


async def stop_service(change: Change, id: int) -> Ordered:
    """Wanted first and done then, so that nobody takes it for a crash."""
    return await _want(change, await _free(change.tx, id), "stopped", "service.stop", None)


async def restart_service(change: Change, id: int) -> Ordered:
    service = await _free(change.tx, id)
    if service.crash_looping:
        raise CrashLooping
    if service.release_id is None:
        raise NotDeployed
    return await _want(change, service, "running", "service.restart", None)


async def unlock_service(change: Change, id: int) -> Ordered:
    """Let a service that was stopped for crashing run again."""
    service = await _free(change.tx, id)
    if not service.crash_looping:
        raise NotCrashLooping
    forgotten = {"crash_looping": False, "restart_count": 0, "restart_window_at": None}
    await services.change(change.tx, id, forgotten)
    return await _want(change, service, "running", "service.unlock", None)


async def get_service(tx: Tx, id: int) -> Service:
    return shown(await services.get(tx, id))


async def list_services(
    tx: Tx,
    window: Window,
    *,
    project_id: int | None,
    visible: Collection[int] | None,
    name: str | None = None,
    containing: str | None = None,
) -> Page[Service]:
    if project_id is not None:
        await projects.get(tx, project_id)
    found = await services.page(
        tx, window, project_id=project_id, visible=visible, name=name, containing=containing
    )
    return window.page([shown(one) for one in found], lambda service: service.id)


def shown(service: Service) -> Service:
    """As people see it: variables whose names tell of a secret are masked."""
    masked = {key: env.MASK if env.is_telling(key) else value for key, value in service.env.items()}
    return dataclasses.replace(service, env=masked)


def env_kept(before: Mapping[str, str], sent: Mapping[str, str]) -> Mapping[str, str]:
    """What was sent, where a mask that comes back stands for the value that it hid."""
    return {key: before.get(key, value) if value == env.MASK else value for key, value in sent.items()}


async def _check(change: Change, config: ServiceConfig, values: Mapping[str, Any]) -> None:
    configs.check(config, is_admin=change.call.principal.may("projects.admin"))
    if values.get("registry_id") is not None:
        await registries.get(change.tx, values["registry_id"])
    if values.get("environment_id") is not None:
        await environments.get(change.tx, values["environment_id"])


async def _free(tx: Tx, id: int) -> Service:
    """The service, locked, when nothing else is done to it."""
    service = await services.get(tx, id, lock=True)
    if service.deleting_at is not None:
        raise ServiceGoing
    if await deployment_store.under_way(tx, id) is not None:
        raise ServiceBusy
    return service


async def _want(
    change: Change, service: Service, desired: DesiredState, action: str, deployment_id: int | None
) -> Ordered:
    wanted = await services.change(change.tx, service.id, {"desired_state": desired})
    change.record(action, "service", service.id, name=service.name, before=service.desired_state)
    return Ordered(shown(wanted), deployment_id)


async def _deploy(change: Change, id: int, reason: str) -> int:
    by = change.call.principal.label
    return (await deployments.enqueue(change.tx, id, by=by, reason=reason)).id


def _changed(before: Service, after: Service) -> Collection[str]:
    old, new = configs.as_json(before.config), configs.as_json(after.config)
    touched = {name for name in new if old[name] != new[name]}
    return touched | {
        name
        for name in ("name", "description", "env", "registry_id", "environment_id")
        if getattr(before, name) != getattr(after, name)
    }
