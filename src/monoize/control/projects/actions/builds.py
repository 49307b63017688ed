"""The verbs of builds: where a service is built from, ask for a build, cancel one. Building is the builder's."""

from collections.abc import Collection, Mapping
from typing import Any

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Page, Window
from monoize.control.projects.errors import BuildOver, NoSource, ServiceGoing
from monoize.control.projects.model.builds import Build
from monoize.control.projects.model.repositories import Source
from monoize.control.projects.store import builds, services, sources
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def enqueue(
    tx: Tx, service_id: int, *, ref: str | None, deploys: bool, by: str, reason: str | None = None
) -> Build:
    """One more build of this service, of its branch when no `ref` is given. What had not begun gives way to it."""
    service = await services.get(tx, service_id, lock=True)
    if service.deleting_at is not None:
        raise ServiceGoing
    source = await sources.find(tx, service_id)
    if source is None:
        raise NoSource
    await builds.supersede(tx, service_id, utc_now())
    return await builds.add(
        tx,
        {
            "project_id": service.project_id,
            "service_id": service_id,
            "repository": source.repository,
            "ref": ref or source.branch,
            "context": source.context,
            "dockerfile": source.dockerfile,
            "build_args": dict(source.build_args),
            "deploys": deploys,
            "reason": reason,
            "requested_by": by,
        },
    )


async def start_build(
    change: Change, service_id: int, *, ref: str | None, deploys: bool, reason: str | None
) -> Build:
    by = change.call.principal.label
    asked = await enqueue(change.tx, service_id, ref=ref, deploys=deploys, by=by, reason=reason)
    change.record("build.request", "build", asked.id, service_id=service_id, ref=asked.ref, deploys=deploys)
    return asked


async def cancel_build(change: Change, build_id: int) -> Build:
    found = await builds.get(change.tx, build_id)
    if found.is_over:
        raise BuildOver
    if not await builds.cancel_waiting(change.tx, build_id, utc_now()):
        await builds.request_cancel(change.tx, build_id)
    change.record("build.cancel", "build", build_id, service_id=found.service_id)
    return await builds.get(change.tx, build_id)


async def get_build(tx: Tx, build_id: int) -> Build:
    return await builds.get(tx, build_id)


async def list_builds(
    tx: Tx, window: Window, *, service_id: int | None = None, visible: Collection[int] | None = None
) -> Page[Build]:
    found = await builds.page(tx, window, service_id=service_id, visible=visible)
    return window.page(found, lambda build: build.id)


async def get_source(tx: Tx, service_id: int) -> Source:
    await services.get(tx, service_id)
    source = await sources.find(tx, service_id)
    if source is None:
        raise NoSource
    return source


async def put_source(
    change: Change, seal: Seal, service_id: int, values: Mapping[str, Any], *, credential: str | None
) -> Source:
    """All of it. A credential that is not given stays as long as the repository does: it was meant for that.

    An empty one takes the present one away.
    """
    await services.get(change.tx, service_id, lock=True)
    before = await sources.find(change.tx, service_id)
    columns = dict(values)
    if credential is not None:
        columns["credential_sealed"] = seal.seal(credential, *credential_place(service_id)) if credential else None
    elif before is not None and before.repository != values["repository"]:
        columns["credential_sealed"] = None
    await sources.put(change.tx, service_id, columns)
    change.record(
        "source.put",
        "service",
        service_id,
        repository=values["repository"],
        branch=values["branch"],
        auto_deploy=values["auto_deploy"],
        credential_changed=credential is not None,
    )
    return await get_source(change.tx, service_id)


async def delete_source(change: Change, service_id: int) -> None:
    await services.get(change.tx, service_id, lock=True)
    if not await sources.remove(change.tx, service_id):
        raise NoSource
    change.record("source.delete", "service", service_id)


def credential_place(service_id: int) -> tuple[str, ...]:
    return "service_sources", "credential_sealed", str(service_id)
