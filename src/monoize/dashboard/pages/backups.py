"""/backups: copies of the whole database, made and downloaded here, and what was done with them.

Those of the command line lie wherever it was told to put them: of them only the audit log knows.
"""

from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.audit import actions
from monoize.control.audit.model import LogFilter
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import backups
from monoize.control.projects.api.backups import BackupName
from monoize.control.projects.api.here import BackupsHere
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted
from monoize.infra import dsn

router = page_router()

PATH: Final = "/backups"
_FAMILY: Final = LogFilter(action="backup")

Administrator = Annotated[Person, permitted("system.write")]


@router.get(PATH)
async def show(
    request: Request,
    house: HouseHere,
    here: BackupsHere,
    person: Annotated[Person, permitted("audit.read")],
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    async with house.database.read() as tx:
        page = await actions.list_entries(tx, window, _FAMILY)
    return render(
        request,
        "backups/backups.html",
        entries=page.items,
        kept=await here.kept() if person.may("system.write") else None,
        engine=dsn.parse(house.settings.database_dsn).engine,
        file=f"/var/backups/monoize-{utc_now():%Y-%m-%d}.backup",
        next_address=next_address(request, PATH, page),
    )


@router.post(PATH)
async def make(house: HouseHere, here: BackupsHere, person: Administrator) -> Response:
    async with here.making() as making, house.audit_log.change(person.call) as change:
        await making.tell(change)
    return see_other(f"{PATH}?done=backup_made")


@router.get("/backups/{backup}/file")
async def download(backup: BackupName, house: HouseHere, here: BackupsHere, person: Administrator) -> Response:
    file = here.file(backup)
    async with house.audit_log.change(person.call) as change:
        await backups.tell_handed_out(change, backup)
    return FileResponse(file, media_type="application/gzip", filename=backup)


@router.get("/backups/{backup}/restore")
async def ask_restore(backup: BackupName, request: Request, here: BackupsHere, person: Administrator) -> Response:
    here.file(backup)
    return ask_name(request, _returning(backup))


@router.post("/backups/{backup}/restore")
async def restore(
    backup: BackupName, request: Request, house: HouseHere, here: BackupsHere, person: Administrator
) -> Response:
    form = await read_form(request)
    try:
        check_name(form, _returning(backup))
        async with here.laying_ready(backup) as one, house.audit_log.change(person.call) as change:
            await backups.tell_laid_ready(change, one)
    except Refusal as refusal:
        return ask_name(request, _returning(backup), form.refused(refusal))
    return see_other(f"{PATH}?done=restore_laid_ready")


@router.post("/backups/discard")
async def discard(house: HouseHere, here: BackupsHere, person: Administrator) -> Response:
    here.needs_laid_ready()
    async with house.audit_log.change(person.call) as change:
        await backups.tell_discard(change)
    here.discard()
    return see_other(f"{PATH}?done=restore_discarded")


@router.get("/backups/{backup}/delete")
async def ask_deletion(backup: BackupName, request: Request, here: BackupsHere, person: Administrator) -> Response:
    here.file(backup)
    return ask_name(request, _doomed(backup))


@router.post("/backups/{backup}/delete")
async def delete(
    backup: BackupName, request: Request, house: HouseHere, here: BackupsHere, person: Administrator
) -> Response:
    form = await read_form(request)
    try:
        check_name(form, _doomed(backup))
        file = here.file(backup)
        async with house.audit_log.change(person.call) as change:
            await backups.tell_deletion(change, backup)
        file.unlink(missing_ok=True)
    except Refusal as refusal:
        return ask_name(request, _doomed(backup), form.refused(refusal))
    return see_other(f"{PATH}?done=backup_deleted")


def _returning(name: str) -> Doomed:
    return Doomed(
        "backup",
        name,
        "It is read through and laid ready. The next start of Monoize puts it in place: all that was changed since "
        "it was made is gone then, and stays beside it as the previous database.",
        f"{PATH}/{name}/restore",
        PATH,
        verb="Bring back",
    )


def _doomed(name: str) -> Doomed:
    return Doomed("backup", name, "Nobody can go back to it any more.", f"{PATH}/{name}/delete", PATH)
