"""/api/vps-configs: machine presets; administrators write them, everybody reads those of their plan."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.compute.actions import presets
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.wire import (
    Gigabytes,
    Image,
    Megabytes,
    Millicores,
    PlanName,
    PresetRef,
    Provider,
)
from monoize.control.compute.model.plans import Preset
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Window, Wire

router = Router(prefix="/vps-configs", tags=["plans"])


class PresetCreate(Wire):
    name: PlanName
    provider: Provider
    image: Image
    cpu_millicores: Millicores
    memory_mb: Megabytes
    disk_gb: Gigabytes = 0


class PresetUpdate(Wire):
    """Without its provider: that would be another preset."""

    name: PlanName | None = None
    image: Image | None = None
    cpu_millicores: Millicores | None = None
    memory_mb: Megabytes | None = None
    disk_gb: Gigabytes | None = None


@router.get("")
async def list_presets(
    house: HouseHere, window: Annotated[Window, Depends(uuid_window)], call: Annotated[Call, requires("self")]
) -> Page[Preset]:
    """Those of one's own plan; with `compute.read` all of them."""
    async with house.database.read() as tx:
        return await presets.list_presets(tx, call.principal, window)


@router.post("", status_code=201, response_model=Preset)
async def create_preset(
    body: PresetCreate, compute: ComputeHere, mutation: Annotated[Mutation, mutates("compute.write")]
) -> Response:
    compute.drivers.of(body.provider)
    values = body.model_dump()
    return await mutation.run(lambda change: presets.create_preset(change, values), status=201)


@router.get("/{preset}")
async def get_preset(preset: PresetRef, house: HouseHere, call: Annotated[Call, requires("self")]) -> Preset:
    async with house.database.read() as tx:
        return await presets.get_preset(tx, call.principal, preset)


@router.patch("/{preset}", response_model=Preset)
async def update_preset(
    preset: PresetRef, body: PresetUpdate, mutation: Annotated[Mutation, mutates("compute.write")]
) -> Response:
    values = body.sent()
    return await mutation.run(lambda change: presets.update_preset(change, preset, values))


@router.delete("/{preset}", status_code=204)
async def delete_preset(preset: PresetRef, mutation: Annotated[Mutation, mutates("compute.write")]) -> Response:
    return await mutation.run(lambda change: presets.delete_preset(change, preset))
