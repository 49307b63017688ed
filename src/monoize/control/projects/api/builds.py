"""/api/builds, and under /api/services/{service_id} where a service is built from, and its builds."""

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, Field, TypeAdapter
from starlette.responses import Response, StreamingResponse

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.event_stream import STREAMED, EventStream
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Page, Window, Wire
from monoize.control.projects.actions import builds
from monoize.control.projects.api.deployments import Reason
from monoize.control.projects.api.operation_events import EventsQuery, operation_events
from monoize.control.projects.api.scope import visible
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model import repositories
from monoize.control.projects.model.builds import Build
from monoize.control.projects.model.repositories import PATH_MOST, REF_MOST, URL_MOST, Source
from monoize.infra.db import Tx

router = Router(tags=["builds"])

BUILD_ARGS_MOST = 32
_build = TypeAdapter(Build)
Ref = Annotated[str, Field(min_length=1, max_length=REF_MOST), STORABLE, AfterValidator(repositories.git_ref)]
InnerPath = Annotated[
    str, Field(min_length=1, max_length=PATH_MOST), STORABLE, AfterValidator(repositories.inner_path)
]
BuildArgument = Annotated[
    str, Field(min_length=1, max_length=128), STORABLE, AfterValidator(repositories.build_argument)
]


class SourcePut(Wire):
    """A credential that is null is taken away; one that is not sent stays, unless the repository changes."""

    repository: Annotated[
        str, Field(min_length=1, max_length=URL_MOST), STORABLE, AfterValidator(repositories.clone_url)
    ]
    branch: Ref = "main"
    context: InnerPath = "."
    dockerfile: InnerPath = "Dockerfile"
    build_args: Annotated[
        dict[BuildArgument, Annotated[str, Field(max_length=1_024), STORABLE]], Field(max_length=BUILD_ARGS_MOST)
    ] = {}
    auto_deploy: bool = False
    credential: Annotated[str, Field(min_length=1, max_length=1_024), STORABLE] | None = None


class BuildRequest(Wire):
    """Without a ref, the newest commit of the branch of the source."""

    ref: Ref | None = None
    deploy: bool = True
    reason: Reason | None = None


@router.get("/services/{service_id}/source")
async def get_source(service_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]) -> Source:
    async with house.database.read() as tx:
        return await builds.get_source(tx, service_id)


@router.put("/services/{service_id}/source", response_model=Source)
async def put_source(
    service_id: Id, body: SourcePut, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    values = body.model_dump(exclude={"credential"})
    credential = body.credential or ("" if "credential" in body.model_fields_set else None)
    seal = mutation.house.seal
    return await mutation.run(
        lambda change: builds.put_source(change, seal, service_id, values, credential=credential)
    )


@router.delete("/services/{service_id}/source", status_code=204)
async def delete_source(service_id: Id, mutation: Annotated[Mutation, mutates("projects.write")]) -> Response:
    return await mutation.run(lambda change: builds.delete_source(change, service_id))


@router.post("/services/{service_id}/builds", status_code=202, response_model=Build)
async def start_build(
    service_id: Id, body: BuildRequest, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    return await mutation.run(
        lambda change: builds.start_build(
            change, service_id, ref=body.ref, deploys=body.deploy, reason=body.reason
        ),
        status=202,
    )


@router.get("/builds")
async def list_builds(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
    service_id: Annotated[int | None, Query(ge=1, le=BIG_INTEGER_MOST)] = None,
) -> Page[Build]:
    async with house.database.read() as tx:
        return await builds.list_builds(tx, window, service_id=service_id, visible=visible(call))


@router.get("/builds/{build_id}")
async def get_build(build_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]) -> Build:
    async with house.database.read() as tx:
        return await builds.get_build(tx, build_id)


@router.post("/builds/{build_id}/cancel", status_code=202, response_model=Build)
async def cancel_build(build_id: Id, mutation: Annotated[Mutation, mutates("projects.write")]) -> Response:
    return await mutation.run(lambda change: builds.cancel_build(change, build_id), status=202)


@router.get("/builds/{build_id}/events", response_class=StreamingResponse, responses=STREAMED)
async def follow_build(
    build_id: Id,
    request: Request,
    house: HouseHere,
    call: Annotated[Call, requires("projects.read")],
    query: Annotated[EventsQuery, Query()],
) -> EventStream:
    """`said`: what git and the engine say; `end`: how it ended."""

    async def look(tx: Tx) -> tuple[bytes, bool]:
        found = await builds.get_build(tx, build_id)
        return _build.dump_json(found), found.is_over

    async with house.database.read() as tx:
        await look(tx)
    return operation_events(request, call, "build_id", build_id, query, look)
