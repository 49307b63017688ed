"""/api/orphans: containers that bear our label and belong to no service. People remove or adopt them, by id."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Wire
from monoize.control.projects.actions import orphans
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.model.config import SERVICE_NAME
from monoize.control.projects.model.instances import Instance
from monoize.control.projects.model.services import PROJECT_NAME, Service

router = Router(prefix="/orphans", tags=["services"])

ContainerId = Annotated[str, Path(pattern=r"^[0-9a-f-]{12,64}$")]


@router.get("")
async def list_orphans(
    house: HouseHere, engine: EngineHere, call: Annotated[Call, requires("projects.admin")]
) -> Sequence[Instance]:
    return await orphans.list_orphans(house, engine)


class Adopt(Wire):
    name: Annotated[str, Field(pattern=SERVICE_NAME, description="What the service is called from now on.")]
    project: Annotated[
        str,
        Field(pattern=PROJECT_NAME, max_length=64, description="The project that it was of; made again if gone."),
    ]


@router.post("/{container_id}/adopt", status_code=201, response_model=Service)
async def adopt_orphan(
    container_id: ContainerId,
    body: Adopt,
    engine: EngineHere,
    mutation: Annotated[Mutation, mutates("projects.admin")],
) -> Response:
    """A service again, of all containers of its release, which go on as they are; its volumes come with it."""
    found = await orphans.find_adoptable(mutation.house, engine, container_id)
    seal = mutation.house.seal
    answer = await mutation.run(
        lambda change: orphans.adopt(change, seal, found, name=body.name, project=body.project), status=201
    )
    await orphans.pin(engine, found)
    return answer


@router.delete("/{container_id}", status_code=204)
async def remove_orphan(
    container_id: ContainerId,
    engine: EngineHere,
    mutation: Annotated[Mutation, mutates("projects.admin")],
    force: Annotated[bool, Query(description="Also one that is running.")] = False,
) -> Response:
    orphan = await orphans.find_orphan(mutation.house, engine, container_id, force=force)
    answer = await mutation.run(lambda change: orphans.tell_removal(change, orphan))
    await orphans.remove_orphan(engine, orphan)
    return answer
