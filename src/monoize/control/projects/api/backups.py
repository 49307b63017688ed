"""/api/backups: copies of the whole database, made here and kept beside it; one of them comes back with a start."""

from typing import Annotated

from fastapi import Path
from starlette.responses import FileResponse, Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.projects.actions import backups
from monoize.control.projects.actions.backups import BackupsKept, KeptBackup
from monoize.control.projects.api.here import BackupsHere

router = Router(prefix="/backups", tags=["backups"])

BackupName = Annotated[str, Path(max_length=128)]
_CONTENT: dict[int | str, dict[str, object]] = {200: {"content": {"application/gzip": {}}}}


@router.get("")
async def list_backups(kept: BackupsHere, call: Annotated[Call, requires("system.write")]) -> BackupsKept:
    return await kept.kept()


@router.post("", status_code=201, response_model=KeptBackup)
async def make_backup(kept: BackupsHere, mutation: Annotated[Mutation, mutates("system.write")]) -> Response:
    """As of one moment, while everything goes on. The answer comes when it is made."""
    async with kept.making() as making:
        return await mutation.run(making.tell, status=201)


@router.delete("/laid-ready", status_code=204)
async def discard(kept: BackupsHere, mutation: Annotated[Mutation, mutates("system.write")]) -> Response:
    """The next start goes on with the database that is there."""
    kept.needs_laid_ready()
    answer = await mutation.run(backups.tell_discard)
    kept.discard()
    return answer


@router.get("/{backup}", response_class=FileResponse, responses=_CONTENT)
async def download(
    backup: BackupName, kept: BackupsHere, house: HouseHere, call: Annotated[Call, requires("system.write")]
) -> Response:
    """The file, as `monoize backup verify` and `monoize backup restore` read it."""
    file = kept.file(backup)
    async with house.audit_log.change(call) as change:
        await backups.tell_handed_out(change, backup)
    return FileResponse(file, media_type="application/gzip", filename=backup)


@router.delete("/{backup}", status_code=204)
async def delete_backup(
    backup: BackupName, kept: BackupsHere, mutation: Annotated[Mutation, mutates("system.write")]
) -> Response:
    file = kept.file(backup)
    answer = await mutation.run(lambda change: backups.tell_deletion(change, backup))
    file.unlink(missing_ok=True)
    return answer


@router.post("/{backup}/restore", status_code=202, response_model=KeptBackup)
async def lay_ready(
    backup: BackupName, kept: BackupsHere, mutation: Annotated[Mutation, mutates("system.write")]
) -> Response:
    """On SQLite: it is read through, checked and laid beside the database, and the next start puts it in place."""
    async with kept.laying_ready(backup) as one:
        return await mutation.run(lambda change: backups.tell_laid_ready(change, one), status=202)
