"""/api/services/{service_id}/secrets and /env: what a service finds in its environment."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Wire
from monoize.control.projects.actions import effective, secrets
from monoize.control.projects.actions.secrets import Put
from monoize.control.projects.api.variables import Id, NamedKey, Values
from monoize.control.projects.model.env import ShownVariable
from monoize.control.projects.model.secrets import Secret, SecretVersion

router = Router(prefix="/services/{service_id}", tags=["secrets"])


class SecretsPut(Wire):
    """With `replace` the service loses the variables that are not named; with `redeploy` a release gets these."""

    values: Values
    replace: bool = False
    redeploy: bool = False


class SecretRestore(Wire):
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


@router.get("/secrets")
async def list_secrets(
    service_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Sequence[Secret]:
    async with house.database.read() as tx:
        return await secrets.list_secrets(tx, house.seal, service_id)


@router.put("/secrets", response_model=Put)
async def put_secrets(
    service_id: Id, body: SecretsPut, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    values = {key: sent.read() for key, sent in body.values.items()}
    seal, now = mutation.house.seal, utc_now()
    return await mutation.run(
        lambda change: secrets.put_secrets(
            change, seal, service_id, values, now, replace=body.replace, redeploy=body.redeploy
        )
    )


@router.delete("/secrets/{key}", status_code=204)
async def delete_secret(
    service_id: Id, key: NamedKey, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    return await mutation.run(lambda change: secrets.delete_secret(change, service_id, key))


@router.get("/secrets/{key}/versions")
async def list_versions(
    service_id: Id, key: NamedKey, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Sequence[SecretVersion]:
    async with house.database.read() as tx:
        return await secrets.list_versions(tx, service_id, key)


@router.post("/secrets/{key}/restore", response_model=Secret)
async def restore_version(
    service_id: Id, key: NamedKey, body: SecretRestore, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    """An earlier value becomes the newest version; the next release gets it."""
    seal, now = mutation.house.seal, utc_now()
    return await mutation.run(
        lambda change: secrets.restore_version(change, seal, service_id, key, body.version, now)
    )


@router.get("/env")
async def show_env(
    service_id: Id, house: HouseHere, call: Annotated[Call, requires("projects.read")]
) -> Sequence[ShownVariable]:
    """What the next release of the service is started with, and where each value comes from."""
    async with house.database.read() as tx:
        return await effective.shown_env(tx, house.seal, service_id)
