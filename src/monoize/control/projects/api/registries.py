"""/api/registries: where private images are pulled from. Passwords go in and never come out."""

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import STORABLE, Page, Window, Wire
from monoize.control.projects.actions import registries
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import readable
from monoize.control.projects.errors import RegistryRefused
from monoize.control.projects.model.registries import SERVER, Registry, RegistryType
from monoize.infra.docker import EngineRefused

router = Router(prefix="/registries", tags=["registries"])

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")]
Server = Annotated[str, Field(min_length=1, max_length=255, pattern=SERVER)]
Username = Annotated[str, Field(min_length=1, max_length=255), STORABLE]
Password = Annotated[str, Field(min_length=1, max_length=4_096), STORABLE]


class RegistryCreate(Wire):
    name: Name
    type: RegistryType = "generic"
    server: Server
    username: Username
    password: Password


class RegistryUpdate(Wire):
    name: Name | None = None
    server: Server | None = None
    username: Username | None = None
    password: Password | None = None


@router.get("")
async def list_registries(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
) -> Page[Registry]:
    async with house.database.read() as tx:
        return await registries.list_registries(tx, window)


@router.post("", status_code=201, response_model=Registry)
async def create_registry(
    body: RegistryCreate, mutation: Annotated[Mutation, mutates("projects.admin")]
) -> Response:
    return await mutation.run(
        lambda change: registries.create_registry(
            change,
            mutation.house.seal,
            name=body.name,
            type=body.type,
            server=body.server,
            username=body.username,
            password=body.password,
        ),
        status=201,
    )


@router.get("/{registry_id}")
async def get_registry(
    registry_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Registry:
    async with house.database.read() as tx:
        return await registries.get_registry(tx, registry_id)


@router.patch("/{registry_id}", response_model=Registry)
async def update_registry(
    registry_id: Id, body: RegistryUpdate, mutation: Annotated[Mutation, mutates("projects.admin")]
) -> Response:
    sent = body.sent()
    password = sent.pop("password", None)
    return await mutation.run(
        lambda change: registries.update_registry(change, mutation.house.seal, registry_id, sent, password)
    )


@router.delete("/{registry_id}", status_code=204)
async def delete_registry(registry_id: Id, mutation: Annotated[Mutation, mutates("projects.admin")]) -> Response:
    return await mutation.run(lambda change: registries.delete_registry(change, registry_id))


@router.post("/{registry_id}/test", status_code=204)
async def test_registry(
    registry_id: Id, house: HouseHere, engine: EngineHere, call: Annotated[Call, requires("projects.admin")]
) -> Response:
    """A real login, made by the engine."""
    async with house.database.read() as tx:
        login = await registries.login_for(tx, house.seal, registry_id)
    assert login is not None
    with readable():
        try:
            await engine.docker.check_login(login.server, login.username, login.password)
        except EngineRefused as problem:
            raise RegistryRefused(detail=problem.message[:500]) from problem
    return Response(status_code=204)
