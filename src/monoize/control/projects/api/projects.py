"""/api/projects: groups of services that share a network, and what becomes of those that are deleted."""

import dataclasses
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Page, Window, Wire
from monoize.control.projects.actions import projects, removals
from monoize.control.projects.api.config_wire import Description
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.api.scope import visible
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.removals import Removal
from monoize.control.projects.model.services import PROJECT_NAME, Project
from monoize.infra.audit_log import Change

router = Router(tags=["projects"])


@dataclasses.dataclass(frozen=True, slots=True)
class ShownProject(Project):
    """With what its network is called on the engine."""

    network_name: str


ProjectName = Annotated[str, Field(pattern=PROJECT_NAME, max_length=64)]


class ProjectCreate(Wire):
    name: ProjectName
    description: Description | None = None


class ProjectUpdate(Wire):
    name: ProjectName | None = None
    description: Description | None = None


class Confirmed(Wire):
    """`name` is the exact name of what goes. Volumes stay unless they are named as well."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    with_volumes: bool = False


@router.get("/projects")
async def list_projects(
    house: HouseHere,
    engine: EngineHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
    name: Annotated[str | None, Query(max_length=64, description="Only the one of this name.")] = None,
) -> Page[ShownProject]:
    async with house.database.read() as tx:
        page = await projects.list_projects(tx, window, visible=visible(call), name=name)
    return Page([_shown(project, engine) for project in page.items], page.next_cursor)


@router.post("/projects", status_code=201, response_model=ShownProject)
async def create_project(
    body: ProjectCreate, engine: EngineHere, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    async def create(change: Change) -> ShownProject:
        made = await projects.create_project(change, name=body.name, description=body.description)
        return _shown(made, engine)

    return await mutation.run(create, status=201)


@router.get("/projects/{project_id}")
async def get_project(
    project_id: Id, house: HouseHere, engine: EngineHere, call: Annotated[Call, requires("projects.read")]
) -> ShownProject:
    async with house.database.read() as tx:
        return _shown(await projects.get_project(tx, project_id), engine)


@router.patch("/projects/{project_id}", response_model=ShownProject)
async def update_project(
    project_id: Id,
    body: ProjectUpdate,
    engine: EngineHere,
    mutation: Annotated[Mutation, mutates("projects.write")],
) -> Response:
    sent = body.sent(clearable={"description"})

    async def update(change: Change) -> ShownProject:
        return _shown(await projects.update_project(change, project_id, sent), engine)

    return await mutation.run(update)


@router.delete("/projects/{project_id}", status_code=202, response_model=Removal)
async def delete_project(
    project_id: Id, body: Confirmed, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    """With all its services; the answer is where to look for what became of it."""
    return await mutation.run(
        lambda change: removals.remove_project(change, project_id, name=body.name, with_volumes=body.with_volumes),
        status=202,
    )


@router.get("/removals")
async def list_removals(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
) -> Page[Removal]:
    async with house.database.read() as tx:
        return await removals.list_removals(tx, window, visible=visible(call))


@router.get("/removals/{removal_id}")
async def get_removal(
    removal_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Removal:
    """With evidence of each container, image name, volume and network."""
    async with house.database.read() as tx:
        return await removals.get_removal(tx, removal_id)


@router.post("/removals/{removal_id}/forget", response_model=Removal)
async def forget_removal(removal_id: Id, mutation: Annotated[Mutation, mutates("projects.admin")]) -> Response:
    """For an engine that never comes back: the rows go, and what it runs is nobody's any more."""
    return await mutation.run(lambda change: removals.forget(change, removal_id))


def _shown(project: Project, engine: Engine) -> ShownProject:
    return ShownProject(**dataclasses.asdict(project), network_name=engine.ours.network(project.id))
