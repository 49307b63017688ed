"""/api/services and /api/projects/{project_id}/services: what is wanted of services, and what is seen of them."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Page, Window, Wire
from monoize.control.projects.actions import links, removals, services
from monoize.control.projects.actions.services import Ordered
from monoize.control.projects.actions.upkeep import Upkeep, settle
from monoize.control.projects.api.answers import with_body
from monoize.control.projects.api.config_wire import (
    CLEARABLE,
    ConfigSent,
    Image,
    RowId,
    ServiceName,
    merged,
    row_values,
)
from monoize.control.projects.api.here import EngineHere, UpkeepHere
from monoize.control.projects.api.projects import Confirmed
from monoize.control.projects.api.scope import visible
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import Engine, readable
from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.model.instances import Instance, Probe, aliases_of
from monoize.control.projects.model.removals import Removal
from monoize.control.projects.model.services import LINKS_MOST, Service
from monoize.infra.audit_log import Change

router = Router(tags=["services"])


class ServiceCreate(ConfigSent):
    """It is pulled, created and started, unless `start` is false."""

    name: ServiceName
    image: Image
    start: bool = True


class ServiceUpdate(ConfigSent):
    """Only what is sent changes. What a release is made of is deployed at once, unless `redeploy` is false."""

    name: ServiceName | None = None
    image: Image | None = None
    redeploy: bool = True


class LinksPut(Wire):
    """The services of the same project that this one is told of, instead of those it was told of before."""

    targets: Annotated[list[RowId], Field(max_length=LINKS_MOST)]


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceNetwork:
    """Where a service is reached: by its project's other services, and on this machine."""

    network: str
    aliases: Sequence[str]
    ports: Sequence[int]
    instances: Sequence[Instance]


@router.get("/services")
async def list_services(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
    name: Annotated[str | None, Query(max_length=63, description="Only those of this name.")] = None,
) -> Page[Service]:
    async with house.database.read() as tx:
        return await services.list_services(tx, window, project_id=None, visible=visible(call), name=name)


@router.get("/projects/{project_id}/services")
async def list_services_of_project(
    project_id: Id,
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
    name: Annotated[str | None, Query(max_length=63, description="Only the one of this name.")] = None,
) -> Page[Service]:
    async with house.database.read() as tx:
        return await services.list_services(tx, window, project_id=project_id, visible=None, name=name)


@router.post("/projects/{project_id}/services", status_code=201, response_model=Ordered)
async def create_service(
    project_id: Id,
    body: ServiceCreate,
    engine: EngineHere,
    mutation: Annotated[Mutation, mutates("projects.write")],
) -> Response:
    sent = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    config = merged(ServiceConfig(image=body.image), sent, body)
    await check_folders(engine, [volume.source for volume in config.volumes], mutation.call)
    return await mutation.run(
        lambda change: services.create_service(change, project_id, config, row_values(sent), start=body.start),
        status=201,
    )


@router.get("/services/{service_id}")
async def get_service(
    service_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Service:
    async with house.database.read() as tx:
        return await services.get_service(tx, service_id)


@router.patch("/services/{service_id}", response_model=Ordered)
async def update_service(
    service_id: Id,
    body: ServiceUpdate,
    engine: EngineHere,
    mutation: Annotated[Mutation, mutates("projects.write")],
) -> Response:
    sent = body.sent(clearable=CLEARABLE)
    await check_folders(engine, [volume.source for volume in body.volumes or ()], mutation.call)
    return await mutation.run(
        lambda change: services.update_service(
            change,
            service_id,
            lambda before: merged(before, sent, body),
            row_values(sent),
            redeploy=body.redeploy,
        )
    )


@router.delete("/services/{service_id}", status_code=202, response_model=Removal)
async def delete_service(
    service_id: Id, body: Confirmed, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    """The answer is where to look for what became of it."""
    return await mutation.run(
        lambda change: removals.remove_service(change, service_id, name=body.name, with_volumes=body.with_volumes),
        status=202,
    )


@router.post("/services/{service_id}/start", response_model=Ordered)
async def start_service(
    service_id: Id, upkeep: UpkeepHere, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    answer = await mutation.run(lambda change: services.start_service(change, service_id))
    return await _settled(answer, mutation.house, upkeep, service_id)


@router.post("/services/{service_id}/stop", response_model=Ordered)
async def stop_service(
    service_id: Id, upkeep: UpkeepHere, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    answer = await mutation.run(lambda change: services.stop_service(change, service_id))
    return await _settled(answer, mutation.house, upkeep, service_id)


@router.post("/services/{service_id}/restart", response_model=Ordered)
async def restart_service(
    service_id: Id, upkeep: UpkeepHere, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    answer = await mutation.run(lambda change: services.restart_service(change, service_id))
    with readable():
        await upkeep.reconciler.restart(service_id)
    return await _settled(answer, mutation.house, upkeep, service_id)


@router.post("/services/{service_id}/unlock", response_model=Ordered)
async def unlock_service(
    service_id: Id, upkeep: UpkeepHere, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    answer = await mutation.run(lambda change: services.unlock_service(change, service_id))
    return await _settled(answer, mutation.house, upkeep, service_id)


@router.post("/services/{service_id}/probe")
async def probe_service(
    service_id: Id, upkeep: UpkeepHere, call: Annotated[Call, requires("projects.write")]
) -> Sequence[Probe]:
    """One look at each replica: where it looked, and what it saw."""
    with readable():
        return await upkeep.health.look_now(service_id)


@router.get("/services/{service_id}/network")
async def get_network(
    service_id: Id, house: HouseHere, engine: EngineHere, call: Annotated[Call, requires("projects.read")]
) -> ServiceNetwork:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
    with readable():
        instances = [one for one in await engine.instances(service_id) if one.task is None]
    return ServiceNetwork(
        network=engine.ours.network(service.project_id),
        aliases=aliases_of(service.name, service.project_name),
        ports=[port.container for port in service.config.ports],
        instances=instances,
    )


@router.get("/services/{service_id}/links")
async def list_links(
    service_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Sequence[Service]:
    async with house.database.read() as tx:
        return [services.shown(one) for one in await links.list_links(tx, service_id)]


@router.put("/services/{service_id}/links", response_model=list[Service])
async def put_links(
    service_id: Id, body: LinksPut, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    async def put(change: Change) -> list[Service]:
        return [services.shown(one) for one in await links.put_links(change, service_id, body.targets)]

    return await mutation.run(put)


async def check_folders(engine: Engine, sources: Sequence[str], call: Call) -> None:
    """Only administrators come so far as to learn what is in the list."""
    if call.principal.may("projects.admin"):
        for source in sources:
            if source.startswith("/"):
                await engine.check_folder(source)


async def _settled(answer: Response, house: House, upkeep: Upkeep, service_id: int) -> Response:
    """The same answer about the service as it is once that is carried out, or as far as that has got.

    What was wanted is durable: where the engine is away the reconciler does it later.
    """
    await settle(upkeep, service_id)
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
    return with_body(answer, Ordered(service, json.loads(bytes(answer.body))["deployment_id"]))
