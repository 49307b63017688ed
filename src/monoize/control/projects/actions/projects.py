"""The verbs of projects. Deleting one is asked for in `removals`, since it takes a while and leaves evidence."""

from collections.abc import Collection, Mapping
from typing import Any

from monoize.control.edge.wire import Page, Window
from monoize.control.projects.errors import ProjectGoing
from monoize.control.projects.model.services import Project
from monoize.control.projects.store import projects
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def create_project(change: Change, *, name: str, description: str | None) -> Project:
    created = await projects.add(change.tx, name, description)
    change.record("project.create", "project", created.id, name=name)
    return created


async def update_project(change: Change, id: int, values: Mapping[str, Any]) -> Project:
    """A new name is what its services are called by from their next release on."""
    project = await projects.get(change.tx, id, lock=True)
    if project.deleting_at is not None:
        raise ProjectGoing
    updated = await projects.change(change.tx, id, values)
    change.record("project.update", "project", id, name=updated.name, changed=sorted(values))
    return updated


async def get_project(tx: Tx, id: int) -> Project:
    return await projects.get(tx, id)


async def list_projects(
    tx: Tx, window: Window, *, visible: Collection[int] | None, name: str | None = None
) -> Page[Project]:
    return window.page(await projects.page(tx, window, visible=visible, name=name), lambda project: project.id)
