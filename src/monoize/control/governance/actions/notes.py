"""What is done with notes. Of another tenant there is nothing to be seen, and nothing to be written over."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from monoize.base.clock import utc_now
from monoize.base.principal import Principal
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.errors import NoSuchAgentRecord, NoteIsHuman, NotYourNote, PersonNeeded
from monoize.control.governance.model.approvals import is_in_person
from monoize.control.governance.model.notes import Note, NoteContext, NoteFilter, as_context, may_change
from monoize.control.governance.store import notes, records
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

CONTEXT_NOTES_MOST: Final = 500


async def list_notes(tx: Tx, caller: Principal, window: Window, wanted: NoteFilter) -> Page[Note]:
    found = await notes.page(tx, _tenant(caller), window, wanted, utc_now())
    return window.page(found, lambda note: note.id)


async def context_of(tx: Tx, caller: Principal, wanted: NoteFilter, chars_most: int) -> NoteContext:
    found = await notes.foremost(tx, _tenant(caller), wanted, utc_now(), CONTEXT_NOTES_MOST)
    return as_context(found, chars_most)


async def get_note(tx: Tx, caller: Principal, note_id: int) -> Note:
    return await notes.get(tx, _tenant(caller), note_id)


async def add_note(change: Change, given: Mapping[str, Any]) -> Note:
    """Whoever is not there in person writes as an agent does."""
    caller = change.call.principal
    tenant_id = _tenant(caller)
    if given.get("agent_id") is not None:
        await _check_record(change.tx, tenant_id, given["agent_id"])
    if given.get("supersedes_id") is not None:
        _check_author(await notes.get(change.tx, tenant_id, given["supersedes_id"]), caller)
    values = {**given, "author": caller.label, "source": "human" if is_in_person(caller) else "agent"}
    made = await notes.add(change.tx, tenant_id, values)
    change.record("note.add", "note", made.id, topic=made.topic, agent_id=made.agent_id, source=made.source)
    return made


async def update_note(change: Change, note_id: int, given: Mapping[str, Any]) -> Note:
    """Where it stands among others and how long it holds; what it says is not changed but superseded."""
    caller = change.call.principal
    _check_author(await notes.get(change.tx, _tenant(caller), note_id), caller)
    after = await notes.change(change.tx, _tenant(caller), note_id, given)
    change.record("note.update", "note", note_id, changed=sorted(given))
    return after


async def confirm_note(change: Change, note_id: int, *, now: dt.datetime | None = None) -> Note:
    caller = change.call.principal
    if not is_in_person(caller):
        raise PersonNeeded
    found = await notes.get(change.tx, _tenant(caller), note_id)
    if found.is_believed:
        raise NoteIsHuman
    values = {"confirmed_by": caller.label, "confirmed_at": now or utc_now()}
    after = await notes.change(change.tx, _tenant(caller), note_id, values)
    change.record("note.confirm", "note", note_id, topic=found.topic, author=found.author)
    return after


async def delete_note(change: Change, note_id: int) -> None:
    caller = change.call.principal
    found = await notes.get(change.tx, _tenant(caller), note_id)
    _check_author(found, caller)
    await notes.remove(change.tx, _tenant(caller), note_id)
    change.record("note.delete", "note", note_id, topic=found.topic, author=found.author)


def _tenant(caller: Principal) -> str:
    return caller.tenant_id or ""


def _check_author(note: Note, caller: Principal) -> None:
    if not may_change(note, caller):
        raise NotYourNote


async def _check_record(tx: Tx, tenant_id: str, agent_id: str) -> None:
    if (await records.get(tx, agent_id)).tenant_id != tenant_id:
        raise NoSuchAgentRecord
