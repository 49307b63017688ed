"""/fleet/files: what operators distribute to hosts: configuration, instructions, prompts, skills of their tool."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.fleet.actions import files, pools
from monoize.control.fleet.actions.files import FileFilter
from monoize.control.fleet.api.files import CLEARABLE, FileCreate, FileUpdate
from monoize.control.fleet.model.files import BODY_BYTES_MOST, FileKind, FleetFile
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.fleet.visit import FILES, Reader, Writer
from monoize.dashboard.render import next_address, render, see_other
from monoize.infra.db import Tx

router = page_router()

_ALL: Final = Window(200, None)
_KINDS: Final[Mapping[FileKind, str]] = {
    "agents": "Instructions (AGENTS.md)",
    "config": "Configuration",
    "prompt": "Prompt, a slash command",
    "skill": "Skill",
}
_EXPECTED: Final[Mapping[str, str]] = {
    "kind": "Choose one of these.",
    "name": "Use letters, digits, dots, dashes and underscores, 64 at most.",
    "pool": "Choose one of these.",
    "body": f"Use {BODY_BYTES_MOST} bytes at most.",
    "description": "Use 1000 characters at most.",
    "argument_hint": "Use 255 characters at most.",
}


@router.get(FILES)
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
    kind: Annotated[FileKind | Literal[""], Query()] = "",
) -> Response:
    async with house.database.read() as tx:
        page = await files.list_files(tx, window, FileFilter(kind=kind or None))
        named = dict(await _pools(tx))
    return render(
        request,
        "fleet/files.html",
        files=page.items,
        pools=named,
        kinds=_KINDS,
        filter=Form({"kind": kind}),
        may_change=person.may("fleet.write"),
        next_address=next_address(request, FILES, page),
    )


@router.get("/fleet/files/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    return await _form(request, house, Form({"kind": "agents"}))


@router.post(FILES)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            FileCreate,
            _EXPECTED,
            kind=form.text("kind"),
            name=form.text("name"),
            pool=form.text("pool"),
            **_entered(form),
        )
        values = body.model_dump(include={"body", "description", "argument_hint"})
        async with house.audit_log.change(person.call) as change:
            made = await files.create_file(change, body.kind, body.name, body.pool, values)
    except Refusal as refusal:
        return await _form(request, house, form.refused(refusal))
    return see_other(f"{FILES}/{made.id}?done=file_created")


@router.get("/fleet/files/{file_id}")
async def show_one(file_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    file = await _find(house, file_id)
    kept = {"body": file.body, "description": file.description or "", "argument_hint": file.argument_hint or ""}
    return await _form(request, house, Form({**kept, "revision": str(file.revision)}), file)


@router.post("/fleet/files/{file_id}")
async def update(file_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    file = await _find(house, file_id)
    try:
        body = checked(FileUpdate, _EXPECTED, revision=whole(form, "revision"), **_entered(form))
        values = body.sent(clearable=CLEARABLE)
        revision = values.pop("revision", None)
        async with house.audit_log.change(person.call) as change:
            await files.update_file(change, file_id, values, revision=revision)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _form(request, house, form.refused(refusal), file)
    return see_other(f"{FILES}/{file_id}?done=file_saved")


@router.get("/fleet/files/{file_id}/delete")
async def ask_delete(file_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, file_id)))


@router.post("/fleet/files/{file_id}/delete")
async def delete(file_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, file_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await files.delete_file(change, file_id, utc_now())
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{FILES}?done=file_deleted")


def _doomed(file: FleetFile) -> Doomed:
    at = f"{FILES}/{file.id}"
    gone = "Hosts take it away with their next sync, unless somebody there has changed it."
    return Doomed("file", file.name, gone, f"{at}/delete", at, facts=(("Kind", _KINDS[file.kind]),))


def _entered(form: Form) -> dict[str, Any]:
    # A text is kept as it was typed, but for the line ends that browsers send.
    body = form.shown("body").replace("\r\n", "\n")
    return {
        "body": body if body.strip() else None,
        "description": form.text("description"),
        "argument_hint": form.text("argument_hint"),
    }


async def _form(request: Request, house: House, form: Form, file: FleetFile | None = None) -> Response:
    """Of a new one, or of one that is there, whose kind, name and pool stay."""
    async with house.database.read() as tx:
        known = await _pools(tx)
    return render(
        request,
        "fleet/file_form.html",
        form=form,
        refusal=form.refusal,
        file=file,
        kinds=_KINDS,
        pools=known,
        bytes_most=BODY_BYTES_MOST,
    )


async def _pools(tx: Tx) -> list[tuple[str, str]]:
    return [(pool.id, pool.name) for pool in (await pools.list_pools(tx, _ALL)).items]


async def _find(house: House, file_id: str) -> FleetFile:
    async with house.database.read() as tx:
        return await files.get_file(tx, file_id)
