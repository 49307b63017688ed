"""/notes: what people tell agents of their tenant, what agents have written, and what a model is shown of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import STORABLE, Window
from monoize.control.governance.actions import notes
from monoize.control.governance.api.notes import CONTEXT_CHARS, NoteCreate, NoteId, NoteUpdate
from monoize.control.governance.model.approvals import is_in_person
from monoize.control.governance.model.notes import NOTE_CHARS_MOST, TOPIC_CHARS_MOST, Note, NoteFilter, may_change
from monoize.dashboard.agent_records import agent_records
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted
from monoize.infra.db import Tx

router = page_router()

PATH: Final = "/notes"
_PERCENT: Final = "Use a whole number from 0 to 100."
_KEEP: Final = ("keep", "As it is")
_LIFETIMES: Final = (("never", "For good"), ("1", "A day"), ("7", "A week"), ("30", "30 days"), ("365", "A year"))
_EXPECTED: Final[Mapping[str, str]] = {
    "note": f"Use {NOTE_CHARS_MOST} characters at most.",
    "topic": f"Use {TOPIC_CHARS_MOST} characters at most.",
    "agent_id": "Choose one of these.",
    "importance": _PERCENT,
    "supersedes_id": "There is no such note.",
}

Reader = Annotated[Person, permitted("notes.read")]
Writer = Annotated[Person, permitted("notes.write")]
Wanted = Annotated[str, Query(max_length=TOPIC_CHARS_MOST), STORABLE]
Agent = Annotated[str, Query(max_length=64), STORABLE]


@router.get(PATH)
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
    topic: Wanted = "",
    agent_id: Agent = "",
) -> Response:
    async with house.database.read() as tx:
        wanted = NoteFilter(topic or None, agent_id or None)
        page = await notes.list_notes(tx, person.call.principal, window, wanted)
        agents = await _agents(tx, person)
    return render(
        request,
        "governance/notes.html",
        notes=page.items,
        agents=agents,
        confirms=person.may("notes.write") and is_in_person(person.call.principal),
        filter=Form({"topic": topic, "agent_id": agent_id}),
        next_address=next_address(request, PATH, page),
    )


@router.get("/notes/context")
async def show_context(
    request: Request, house: HouseHere, person: Reader, topic: Wanted = "", agent_id: Agent = ""
) -> Response:
    async with house.database.read() as tx:
        wanted = NoteFilter(topic or None, agent_id or None)
        context = await notes.context_of(tx, person.call.principal, wanted, CONTEXT_CHARS)
        agents = await _agents(tx, person)
    return render(
        request,
        "governance/notes_context.html",
        context=context,
        agents=agents,
        filter=Form({"topic": topic, "agent_id": agent_id}),
    )


@router.get("/notes/new")
async def ask(
    request: Request,
    house: HouseHere,
    person: Writer,
    supersedes: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """With `supersedes` it begins as the note that it is written in place of."""
    if supersedes is None:
        return await _form(request, house, person, Form({"importance": "50", "lifetime": "never"}))
    async with house.database.read() as tx:
        older = await notes.get_note(tx, person.call.principal, supersedes)
    values = {
        "note": older.note,
        "topic": older.topic or "",
        "agent_id": older.agent_id or "",
        "supersedes_id": str(older.id),
        "lifetime": "never",
        **_standing(older),
    }
    return await _form(request, house, person, Form(values))


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            NoteCreate,
            _EXPECTED,
            note=form.text("note"),
            topic=form.text("topic"),
            agent_id=form.text("agent_id"),
            supersedes_id=whole(form, "supersedes_id"),
            expires_at=_expires_at(form.shown("lifetime")),
            **_entered(form),
        )
        async with house.audit_log.change(person.call) as change:
            made = await notes.add_note(change, body.model_dump())
    except Refusal as refusal:
        return await _form(request, house, person, form.refused(refusal))
    return see_other(f"{PATH}/{made.id}?done=note_added")


@router.get("/notes/{note_id}")
async def show_one(note_id: NoteId, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _one(request, house, person, note_id, None)


@router.post("/notes/{note_id}")
async def update(note_id: NoteId, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        lifetime = form.shown("lifetime")
        kept = {} if lifetime == _KEEP[0] else {"expires_at": _expires_at(lifetime)}
        body = checked(NoteUpdate, _EXPECTED, **_entered(form), **kept)
        async with house.audit_log.change(person.call) as change:
            await notes.update_note(change, note_id, body.sent(clearable=("expires_at",)))
    except Refusal as refusal:
        return await _one(request, house, person, note_id, form.refused(refusal))
    return see_other(f"{PATH}/{note_id}?done=note_saved")


@router.post("/notes/{note_id}/confirm")
async def confirm(note_id: NoteId, house: HouseHere, person: Writer) -> Response:
    """What an agent wrote counts as if they had."""
    async with house.audit_log.change(person.call) as change:
        await notes.confirm_note(change, note_id)
    return see_other(f"{PATH}?done=note_confirmed")


@router.get("/notes/{note_id}/delete")
async def ask_delete(note_id: NoteId, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, await _doomed(house, person, note_id))


@router.post("/notes/{note_id}/delete")
async def delete(note_id: NoteId, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = await _doomed(house, person, note_id)
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await notes.delete_note(change, note_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{PATH}?done=note_deleted")


async def _doomed(house: House, person: Person, note_id: int) -> Doomed:
    async with house.database.read() as tx:
        found = await notes.get_note(tx, person.call.principal, note_id)
    at = f"{PATH}/{note_id}"
    facts = (("Topic", found.topic or "none"), ("Says", found.note[:200]), ("Written by", found.author))
    return Doomed("note", f"note {note_id}", "Agents are not told it any more.", f"{at}/delete", at, facts=facts)


def _entered(form: Form) -> dict[str, Any]:
    importance = whole(form, "importance", _PERCENT)
    return {
        "pinned": bool(form.shown("pinned")),
        "importance": None if importance is None else importance / 100,
    }


def _standing(note: Note) -> dict[str, str]:
    return {"pinned": "yes" if note.pinned else "", "importance": f"{note.importance * 100:.0f}"}


def _expires_at(lifetime: str) -> str | None:
    if lifetime not in dict(_LIFETIMES):
        raise invalid(lifetime="Choose one of these.")
    return None if lifetime == "never" else (utc_now() + dt.timedelta(days=int(lifetime))).isoformat()


async def _form(request: Request, house: House, person: Person, form: Form) -> Response:
    async with house.database.read() as tx:
        agents = await _agents(tx, person)
    return render(
        request,
        "governance/note_new.html",
        form=form,
        refusal=form.refusal,
        agents=agents,
        lifetimes=_LIFETIMES,
        chars_most=NOTE_CHARS_MOST,
    )


async def _one(request: Request, house: House, person: Person, note_id: int, form: Form | None) -> Response:
    async with house.database.read() as tx:
        found = await notes.get_note(tx, person.call.principal, note_id)
        agents = dict(await _agents(tx, person))
    form = form or Form({**_standing(found), "lifetime": _KEEP[0]})
    writes = person.may("notes.write")
    return render(
        request,
        "governance/note.html",
        note=found,
        agents=agents,
        confirms=writes and not found.is_believed and is_in_person(person.call.principal),
        may_change=writes and may_change(found, person.call.principal),
        form=form,
        refusal=form.refusal,
        lifetimes=(_KEEP, *_LIFETIMES),
    )


async def _agents(tx: Tx, person: Person) -> Sequence[tuple[str, str]]:
    """Those of the tenant for whom a note can be meant."""
    return await agent_records(tx, person, tenant_id=person.call.principal.tenant_id)
