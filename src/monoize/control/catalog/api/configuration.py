"""/api/configuration: providers and prices as one document, to read, to compare with and to apply."""

from typing import Annotated

from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.catalog.actions import configuration
from monoize.control.catalog.actions.configuration import Compared
from monoize.control.catalog.api.configuration_wire import (
    ComparedShown,
    ConfigurationApply,
    ConfigurationPreview,
    ConfigurationShown,
    configuration_shown,
)
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.infra.audit_log import Change

router = Router(prefix="/configuration", tags=["configuration"])


@router.get("")
async def export_configuration(
    house: HouseHere, call: Annotated[Call, requires("configuration.read")]
) -> ConfigurationShown:
    """Providers with their channels and models, and the prices that somebody set by hand; no API keys."""
    async with house.database.read() as tx:
        return configuration_shown(await configuration.read(tx))


@router.post("/preview")
async def preview_configuration(
    body: ConfigurationPreview, house: HouseHere, call: Annotated[Call, requires("configuration.read")]
) -> ComparedShown:
    """What applying this document would change, without doing it."""
    wanted = body.wanted(utc_now())
    async with house.database.read() as tx:
        return _shown(await configuration.preview(tx, house.seal, wanted))


@router.post("", response_model=ComparedShown)
async def apply_configuration(
    body: ConfigurationApply, mutation: Annotated[Mutation, mutates("configuration.write")]
) -> Response:
    """All of it or nothing; applying the same again changes nothing."""
    seal, wanted, expected = mutation.house.seal, body.wanted(utc_now()), body.expected

    async def applied(change: Change) -> ComparedShown:
        return _shown(await configuration.apply(change, seal, wanted, expected))

    return await mutation.run(applied)


def _shown(compared: Compared) -> ComparedShown:
    return ComparedShown(str(compared.version), compared.differences)
