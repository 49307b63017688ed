"""The verbs of deployments: ask for one, go back to a release, cancel. What a deployment does is the worker's.

`enqueue` is for other verbs that lead to a deployment (a new service, a changed secret, a finished build): it
records nothing, since they record what they did.
"""

import dataclasses
import itertools
from collections.abc import Collection, Sequence
from typing import Final

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Page, Window
from monoize.control.projects.errors import (
    DeploymentOver,
    NothingToRollBackTo,
    ReleaseNotKept,
    ReleaseServes,
    ServiceGoing,
)
from monoize.control.projects.model import deployments as rules
from monoize.control.projects.model import releases as keeping
from monoize.control.projects.model.deployments import Deployment, Kind
from monoize.control.projects.model.releases import Release
from monoize.control.projects.store import deployments, operation_lines, releases, services
from monoize.control.projects.store.operation_lines import OperationLine
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

LINES_AT_ONCE: Final = 500


@dataclasses.dataclass(frozen=True, slots=True)
class ReleaseSeen:
    """A release as people look at it: `changes` is what it changed against the one that was numbered before it."""

    release: Release
    is_live: bool
    can_roll_back: bool
    changes: Sequence[str]


async def enqueue(
    tx: Tx,
    service_id: int,
    *,
    kind: Kind = "deploy",
    by: str,
    reason: str | None = None,
    image: str | None = None,
    release: Release | None = None,
    build_id: int | None = None,
) -> Deployment:
    """One more deployment of this service, after the one under way; what waited for that gives way."""
    service = await services.get(tx, service_id, lock=True)
    if service.deleting_at is not None:
        raise ServiceGoing
    waiting = await deployments.waiting(tx, service_id)
    if waiting is not None:
        await deployments.end_waiting(
            tx, waiting.id, code="superseded", message="superseded by a newer one", now=utc_now()
        )
    if image is not None and image != service.image:
        await deployments.set_image(tx, service_id, image)
    under_way = await deployments.under_way(tx, service_id)
    return await deployments.add(
        tx,
        deployments.new(
            service,
            kind=kind,
            image=release.image if release else image or service.image,
            release_id=release.id if release else None,
            build_id=build_id,
            reason=reason,
            requested_by=by,
            waits=under_way is not None,
        ),
    )


async def deploy(change: Change, service_id: int, *, image: str | None, reason: str | None) -> Deployment:
    by = change.call.principal.label
    asked = await enqueue(change.tx, service_id, by=by, image=image, reason=reason)
    change.record(
        "deployment.request", "deployment", asked.id, service_id=service_id, image=asked.image, reason=reason
    )
    return asked


async def roll_back(change: Change, service_id: int, *, number: int | None, reason: str | None) -> Deployment:
    """To a release by its number, or to the last one that served before the present one."""
    service = await services.get(change.tx, service_id, lock=True)
    if number is None:
        release = keeping.before(await releases.newest(change.tx, service_id), service.release_id)
        if release is None:
            raise NothingToRollBackTo
    else:
        release = await releases.numbered(change.tx, service_id, number)
    if release.id == service.release_id:
        raise ReleaseServes
    if release.proven_at is None or release.pruned_at is not None:
        raise ReleaseNotKept
    by = change.call.principal.label
    asked = await enqueue(change.tx, service_id, kind="rollback", by=by, reason=reason, release=release)
    change.record(
        "deployment.roll_back", "deployment", asked.id, service_id=service_id, release=release.number, reason=reason
    )
    return asked


async def cancel(change: Change, deployment_id: int) -> Deployment:
    found = await deployments.get(change.tx, deployment_id)
    await services.get(change.tx, found.service_id, lock=True)
    found = await deployments.get(change.tx, deployment_id)
    if not rules.may_cancel(found):
        raise DeploymentOver
    if found.waits:
        await deployments.end_waiting(
            change.tx, deployment_id, code="cancelled", message="cancelled", now=utc_now()
        )
    else:
        await deployments.request_cancel(change.tx, deployment_id)
    change.record("deployment.cancel", "deployment", deployment_id, service_id=found.service_id)
    return await deployments.get(change.tx, deployment_id)


async def get_deployment(tx: Tx, deployment_id: int) -> Deployment:
    return await deployments.get(tx, deployment_id)


async def list_deployments(
    tx: Tx, window: Window, *, service_id: int | None = None, visible: Collection[int] | None = None
) -> Page[Deployment]:
    found = await deployments.page(tx, window, service_id=service_id, visible=visible)
    return window.page(found, lambda deployment: deployment.id)


async def list_of_service(tx: Tx, service_id: int, window: Window) -> Page[Deployment]:
    await services.get(tx, service_id)
    return await list_deployments(tx, window, service_id=service_id)


async def list_releases(tx: Tx, service_id: int, window: Window) -> Page[ReleaseSeen]:
    service = await services.get(tx, service_id)
    found = await releases.page(tx, service_id, window)
    # The extra one only tells that there is more, and what the last one shown changed.
    seen = [
        _seen(release, earlier, service.release_id) for release, earlier in itertools.zip_longest(found, found[1:])
    ]
    return window.page(seen, lambda one: one.release.number)


async def get_release(tx: Tx, service_id: int, number: int) -> ReleaseSeen:
    service = await services.get(tx, service_id)
    release = await releases.numbered(tx, service_id, number)
    every = await releases.newest(tx, service_id)
    earlier = next((each for each in every if each.number < number), None)
    return _seen(release, earlier, service.release_id)


async def lines(tx: Tx, of: operation_lines.Of, id: int, after: int) -> Sequence[OperationLine]:
    return await operation_lines.after(tx, of, id, after, LINES_AT_ONCE)


async def newest_lines(tx: Tx, of: operation_lines.Of, id: int) -> Sequence[OperationLine]:
    return await operation_lines.newest(tx, of, id, LINES_AT_ONCE)


def _seen(release: Release, earlier: Release | None, live_id: int | None) -> ReleaseSeen:
    is_live = release.id == live_id
    kept = release.proven_at is not None and release.pruned_at is None
    return ReleaseSeen(release, is_live, kept and not is_live, keeping.difference(earlier, release))
