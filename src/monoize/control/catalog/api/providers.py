"""/api/providers: the upstreams of the gateway, their channels and models, and which of them is tried first."""

from collections.abc import Awaitable
from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.catalog.actions import providers
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.catalog.api.provider_wire import (
    ChannelCreate,
    ChannelUpdate,
    Name,
    ProviderCreate,
    ProviderOrder,
    ProviderShown,
    ProviderUpdate,
    provider_shown,
)
from monoize.control.catalog.api.upstreams import ConditionsHere
from monoize.control.catalog.model.presets import Preset, presets
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import ranked_window
from monoize.control.edge.wire import Page, Uuid, Window

router = Router(prefix="/providers", tags=["providers"])


@router.get("")
async def list_providers(
    house: HouseHere,
    window: Annotated[Window, Depends(ranked_window)],
    call: Annotated[Call, requires("providers.read")],
    conditions: ConditionsHere,
    name: Name | None = None,
) -> Page[ProviderShown]:
    """In the order in which they are tried."""
    async with house.database.read() as tx:
        page = await providers.list_providers(tx, house.seal, window, name)
    return Page([provider_shown(view, conditions) for view in page.items], page.next_cursor)


@router.post("", status_code=201, response_model=ProviderShown)
async def create_provider(
    body: ProviderCreate, mutation: Annotated[Mutation, mutates("providers.write")]
) -> Response:
    seal, draft = mutation.house.seal, body.value()
    return await mutation.run(lambda change: _shown(providers.create_provider(change, seal, draft)), status=201)


@router.get("/presets")
async def list_presets(call: Annotated[Call, requires("providers.read")]) -> Page[Preset]:
    """Well-known upstreams, to begin with."""
    return Page(presets(), None)


@router.put("/order", status_code=204)
async def reorder(body: ProviderOrder, mutation: Annotated[Mutation, mutates("providers.write")]) -> Response:
    """All of them, the one that is tried first at the top."""
    return await mutation.run(lambda change: providers.reorder(change, body.provider_ids))


@router.get("/{provider_id}")
async def get_provider(
    provider_id: Uuid,
    house: HouseHere,
    call: Annotated[Call, requires("providers.read")],
    conditions: ConditionsHere,
) -> ProviderShown:
    async with house.database.read() as tx:
        return provider_shown(await providers.get_provider(tx, house.seal, provider_id), conditions)


@router.put("/{provider_id}", response_model=ProviderShown)
async def replace_provider(
    provider_id: Uuid, body: ProviderCreate, mutation: Annotated[Mutation, mutates("providers.write")]
) -> Response:
    """All of it but its place in the order; what is left away is as in a new one."""
    seal, values = mutation.house.seal, body.changes()
    return await mutation.run(lambda change: _shown(providers.update_provider(change, seal, provider_id, values)))


@router.patch("/{provider_id}", response_model=ProviderShown)
async def update_provider(
    provider_id: Uuid, body: ProviderUpdate, mutation: Annotated[Mutation, mutates("providers.write")]
) -> Response:
    seal, values = mutation.house.seal, body.changes()
    return await mutation.run(lambda change: _shown(providers.update_provider(change, seal, provider_id, values)))


@router.delete("/{provider_id}", status_code=204)
async def delete_provider(provider_id: Uuid, mutation: Annotated[Mutation, mutates("providers.write")]) -> Response:
    """With its channels and their API keys."""
    return await mutation.run(lambda change: providers.delete_provider(change, provider_id))


@router.post("/{provider_id}/channels", status_code=201, response_model=ProviderShown)
async def add_channel(
    provider_id: Uuid, body: ChannelCreate, mutation: Annotated[Mutation, mutates("providers.write")]
) -> Response:
    seal, draft = mutation.house.seal, body.value()
    return await mutation.run(
        lambda change: _shown(providers.add_channel(change, seal, provider_id, draft)), status=201
    )


@router.patch("/{provider_id}/channels/{channel_id}", response_model=ProviderShown)
async def update_channel(
    provider_id: Uuid,
    channel_id: Uuid,
    body: ChannelUpdate,
    mutation: Annotated[Mutation, mutates("providers.write")],
) -> Response:
    seal, values = mutation.house.seal, body.changes()
    return await mutation.run(
        lambda change: _shown(providers.update_channel(change, seal, provider_id, channel_id, values))
    )


@router.delete("/{provider_id}/channels/{channel_id}", status_code=204)
async def delete_channel(
    provider_id: Uuid, channel_id: Uuid, mutation: Annotated[Mutation, mutates("providers.write")]
) -> Response:
    """With its API key."""
    return await mutation.run(lambda change: providers.delete_channel(change, provider_id, channel_id))


async def _shown(writing: Awaitable[ProviderView]) -> ProviderShown:
    return provider_shown(await writing)
