"""/api/deployments, and under /api/services/{service_id} deployments, releases and rollback."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import Field, TypeAdapter
from starlette.responses import Response, StreamingResponse

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.event_stream import STREAMED, EventStream
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Page, Window, Wire
from monoize.control.projects.actions import deployments
from monoize.control.projects.actions.deployments import ReleaseSeen
from monoize.control.projects.api.operation_events import EventsQuery, operation_events
from monoize.control.projects.api.scope import visible
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.config import IMAGE, IMAGE_MOST
from monoize.control.projects.model.deployments import Deployment
from monoize.infra.db import Tx

router = Router(tags=["deployments"])

_deployment = TypeAdapter(Deployment)
Reason = Annotated[str, Field(min_length=1, max_length=255), STORABLE]
Image = Annotated[str, Field(min_length=1, max_length=IMAGE_MOST, pattern=IMAGE), STORABLE]
ReleaseNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class DeploymentRequest(Wire):
    """Without an image, the one that the service has: its newest bytes, with its newest configuration."""

    image: Image | None = None
    reason: Reason | None = None


class RollbackRequest(Wire):
    """Without a release, the last one that served before the present one."""

    release: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    reason: Reason | None = None


@router.get("/deployments")
async def list_deployments(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
    service_id: Annotated[int | None, Query(ge=1, le=BIG_INTEGER_MOST)] = None,
) -> Page[Deployment]:
    async with house.database.read() as tx:
        return await deployments.list_deployments(tx, window, service_id=service_id, visible=visible(call))


@router.get("/deployments/{deployment_id}")
async def get_deployment(
    deployment_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Deployment:
    async with house.database.read() as tx:
        return await deployments.get_deployment(tx, deployment_id)


@router.post("/deployments/{deployment_id}/cancel", status_code=202, response_model=Deployment)
async def cancel_deployment(
    deployment_id: Id, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    """Until the old release is being retired. What serves goes on serving, or serves again."""
    return await mutation.run(lambda change: deployments.cancel(change, deployment_id), status=202)


@router.get("/deployments/{deployment_id}/events", response_class=StreamingResponse, responses=STREAMED)
async def follow_deployment(
    deployment_id: Id,
    request: Request,
    house: HouseHere,
    call: Annotated[Call, requires("projects.read")],
    query: Annotated[EventsQuery, Query()],
) -> EventStream:
    """`state`: where it has come to; `said`: what was said meanwhile; `end`: how it ended."""

    async def look(tx: Tx) -> tuple[bytes, bool]:
        found = await deployments.get_deployment(tx, deployment_id)
        return _deployment.dump_json(found), found.is_over

    async with house.database.read() as tx:
        await look(tx)
    return operation_events(request, call, "deployment_id", deployment_id, query, look)


@router.post("/services/{service_id}/deployments", status_code=202, response_model=Deployment)
async def deploy_service(
    service_id: Id, body: DeploymentRequest, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    return await mutation.run(
        lambda change: deployments.deploy(change, service_id, image=body.image, reason=body.reason), status=202
    )


@router.get("/services/{service_id}/deployments")
async def list_deployments_of_service(
    service_id: Id,
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
) -> Page[Deployment]:
    async with house.database.read() as tx:
        return await deployments.list_of_service(tx, service_id, window)


@router.get("/services/{service_id}/releases")
async def list_releases(
    service_id: Id,
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
) -> Page[ReleaseSeen]:
    async with house.database.read() as tx:
        return await deployments.list_releases(tx, service_id, window)


@router.get("/services/{service_id}/releases/{number}")
async def get_release(
    service_id: Id, number: ReleaseNumber, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> ReleaseSeen:
    async with house.database.read() as tx:
        return await deployments.get_release(tx, service_id, number)


@router.post("/services/{service_id}/rollback", status_code=202, response_model=Deployment)
async def roll_back(
    service_id: Id, body: RollbackRequest, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    return await mutation.run(
        lambda change: deployments.roll_back(change, service_id, number=body.release, reason=body.reason),
        status=202,
    )
