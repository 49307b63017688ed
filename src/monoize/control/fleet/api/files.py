"""/api/fleet/files: what operators distribute to hosts. No host writes here."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import STORABLE, Page, Uuid, Window, Wire
from monoize.control.fleet.actions import files
from monoize.control.fleet.actions.files import FileFilter
from monoize.control.fleet.api.wire import NamedPool
from monoize.control.fleet.model.files import BODY_BYTES_MOST, FILE_NAME, FileFacts, FileKind, FleetFile

router = Router(prefix="/files", tags=["fleet"])


def _bounded(value: str) -> str:
    if len(value.encode()) > BODY_BYTES_MOST:
        raise ValueError(f"must have at most {BODY_BYTES_MOST} bytes")
    return value


FileName = Annotated[str, Field(min_length=1, max_length=64, pattern=FILE_NAME), STORABLE]
Body = Annotated[str, Field(min_length=1, max_length=BODY_BYTES_MOST), STORABLE, AfterValidator(_bounded)]
Description = Annotated[str, Field(min_length=1, max_length=1000), STORABLE]
ArgumentHint = Annotated[str, Field(min_length=1, max_length=255), STORABLE]


class FileCreate(Wire):
    """Without a pool it is for the hosts of every pool. A config and instructions have no name."""

    kind: FileKind
    name: FileName | None = None
    pool: NamedPool | None = None
    body: Body
    description: Description | None = None
    argument_hint: ArgumentHint | None = None


class FileUpdate(Wire):
    """Only what is sent changes; with `revision` only if that is still the newest."""

    body: Body | None = None
    description: Description | None = None
    argument_hint: ArgumentHint | None = None
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


CLEARABLE = frozenset({"description", "argument_hint"})


@router.get("")
async def list_files(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("fleet.read")],
    pool: Annotated[NamedPool | None, Query(description="Only those of this pool alone.")] = None,
    kind: FileKind | None = None,
    name: FileName | None = None,
) -> Page[FileFacts]:
    async with house.database.read() as tx:
        return await files.list_files(tx, window, FileFilter(pool, kind, name))


@router.post("", status_code=201, response_model=FleetFile)
async def create_file(body: FileCreate, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    values = body.model_dump(include={"body", "description", "argument_hint"})
    return await mutation.run(
        lambda change: files.create_file(change, body.kind, body.name, body.pool, values), status=201
    )


@router.get("/{file_id}")
async def get_file(file_id: Uuid, house: HouseHere, call: Annotated[Call, requires("fleet.read")]) -> FleetFile:
    async with house.database.read() as tx:
        return await files.get_file(tx, file_id)


@router.patch("/{file_id}", response_model=FleetFile)
async def update_file(
    file_id: Uuid, body: FileUpdate, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    values = body.sent(clearable=CLEARABLE)
    revision = values.pop("revision", None)
    return await mutation.run(lambda change: files.update_file(change, file_id, values, revision=revision))


@router.delete("/{file_id}", status_code=204)
async def delete_file(file_id: Uuid, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: files.delete_file(change, file_id, utc_now()))
