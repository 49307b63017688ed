"""/api/environments: sets of variables that services share."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Page, Window, Wire
from monoize.control.projects.actions import environments
from monoize.control.projects.api.variables import Id, NamedKey, Values
from monoize.control.projects.model.environments import (
    ENVIRONMENT_NAME,
    Environment,
    EnvironmentKind,
    EnvironmentVariable,
)

router = Router(prefix="/environments", tags=["environments"])

Name = Annotated[str, Field(pattern=ENVIRONMENT_NAME, max_length=63)]
Description = Annotated[str, Field(min_length=1, max_length=500), STORABLE]
Parent = Annotated[int, Field(ge=1, le=BIG_INTEGER_MOST)]


class EnvironmentCreate(Wire):
    name: Name
    kind: EnvironmentKind
    description: Description | None = None
    inherits_id: Parent | None = None


class EnvironmentUpdate(Wire):
    name: Name | None = None
    kind: EnvironmentKind | None = None
    description: Description | None = None
    inherits_id: Parent | None = None


class VariablesPut(Wire):
    values: Values


_CLEARABLE = frozenset({"description", "inherits_id"})


@router.get("")
async def list_environments(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
    name: Annotated[str | None, Query(max_length=63)] = None,
) -> Page[Environment]:
    async with house.database.read() as tx:
        return await environments.list_environments(tx, window, name=name)


@router.post("", status_code=201, response_model=Environment)
async def create_environment(
    body: EnvironmentCreate, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    values = body.model_dump(exclude={"name"})
    return await mutation.run(lambda change: environments.create_environment(change, body.name, values), status=201)


@router.get("/{environment_id}")
async def get_environment(
    environment_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Environment:
    async with house.database.read() as tx:
        return await environments.get_environment(tx, environment_id)


@router.patch("/{environment_id}", response_model=Environment)
async def update_environment(
    environment_id: Id, body: EnvironmentUpdate, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    values = body.sent(clearable=_CLEARABLE)
    return await mutation.run(lambda change: environments.update_environment(change, environment_id, values))


@router.delete("/{environment_id}", status_code=204)
async def delete_environment(
    environment_id: Id, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    return await mutation.run(lambda change: environments.delete_environment(change, environment_id))


@router.get("/{environment_id}/variables")
async def list_variables(
    environment_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Sequence[EnvironmentVariable]:
    async with house.database.read() as tx:
        return await environments.list_variables(tx, house.seal, environment_id)


@router.put("/{environment_id}/variables", response_model=Sequence[EnvironmentVariable])
async def put_variables(
    environment_id: Id, body: VariablesPut, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    """Services get them with their next release."""
    values = {key: sent.read() for key, sent in body.values.items()}
    seal, now = mutation.house.seal, utc_now()
    return await mutation.run(lambda change: environments.put_variables(change, seal, environment_id, values, now))


@router.delete("/{environment_id}/variables/{key}", status_code=204)
async def delete_variable(
    environment_id: Id, key: NamedKey, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    return await mutation.run(lambda change: environments.delete_variable(change, environment_id, key))
