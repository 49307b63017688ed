"""/api/notes: what people write down for agents of their tenant."""

from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Page, Wire
from monoize.control.governance.actions import notes
from monoize.control.governance.api.names import AgentId, Until
from monoize.control.governance.model.notes import (
    NOTE_CHARS_MOST,
    TOPIC_CHARS_MOST,
    Note,
    NoteContext,
    NoteFilter,
)

router = Router(prefix="/notes", tags=["notes"])

LISTED: Final = 10
LISTED_MOST: Final = 50
CONTEXT_CHARS: Final = 8_000
CONTEXT_CHARS_MOST: Final = 100_000

NoteId = Annotated[int, Path(ge=1, le=BIG_INTEGER_MOST)]
Topic = Annotated[str, Field(min_length=1, max_length=TOPIC_CHARS_MOST), STORABLE]
OfTopic = Annotated[Topic | None, Query(description="Only those of this topic.")]
ForAgent = Annotated[AgentId | None, Query(description="Those for this agent record, and those for all.")]
Importance = Annotated[float, Field(ge=0, le=1)]


class NoteCreate(Wire):
    """What it says is never changed: a newer note names the older one in `supersedes_id`."""

    note: Annotated[str, Field(min_length=1, max_length=NOTE_CHARS_MOST), STORABLE]
    topic: Topic | None = None
    agent_id: AgentId | None = None
    pinned: bool = False
    importance: Importance = 0.5
    supersedes_id: Annotated[int, Field(ge=1, le=BIG_INTEGER_MOST)] | None = None
    expires_at: Until | None = None


class NoteUpdate(Wire):
    pinned: bool | None = None
    importance: Importance | None = None
    expires_at: Until | None = None


@router.get("")
async def list_notes(
    house: HouseHere,
    call: Annotated[Call, requires("notes.read")],
    topic: OfTopic = None,
    agent_id: ForAgent = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MOST)] = LISTED,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Page[Note]:
    """Of your tenant, newest first; without those that are superseded or whose time is over."""
    window = number_window(limit, cursor)
    async with house.database.read() as tx:
        return await notes.list_notes(tx, call.principal, window, NoteFilter(topic, agent_id))


@router.get("/context")
async def get_note_context(
    house: HouseHere,
    call: Annotated[Call, requires("notes.read")],
    topic: OfTopic = None,
    agent_id: ForAgent = None,
    chars: Annotated[int, Query(ge=200, le=CONTEXT_CHARS_MOST)] = CONTEXT_CHARS,
) -> NoteContext:
    """As text to put before a model, marked as data: the foremost first, without what only agents say."""
    async with house.database.read() as tx:
        return await notes.context_of(tx, call.principal, NoteFilter(topic, agent_id), chars)


@router.post("", status_code=201, response_model=Note)
async def add_note(body: NoteCreate, mutation: Annotated[Mutation, mutates("notes.write")]) -> Response:
    given = body.model_dump()
    return await mutation.run(lambda change: notes.add_note(change, given), status=201)


@router.get("/{note_id}")
async def get_note(note_id: NoteId, house: HouseHere, call: Annotated[Call, requires("notes.read")]) -> Note:
    async with house.database.read() as tx:
        return await notes.get_note(tx, call.principal, note_id)


@router.patch("/{note_id}", response_model=Note)
async def update_note(
    note_id: NoteId, body: NoteUpdate, mutation: Annotated[Mutation, mutates("notes.write")]
) -> Response:
    given: dict[str, Any] = body.sent(clearable=("expires_at",))
    return await mutation.run(lambda change: notes.update_note(change, note_id, given))


@router.post("/{note_id}/confirm", response_model=Note)
async def confirm_note(note_id: NoteId, mutation: Annotated[Mutation, mutates("notes.write")]) -> Response:
    """What an agent wrote counts as if you had: only a person can say so."""
    return await mutation.run(lambda change: notes.confirm_note(change, note_id))


@router.delete("/{note_id}", status_code=204)
async def delete_note(note_id: NoteId, mutation: Annotated[Mutation, mutates("notes.write")]) -> Response:
    return await mutation.run(lambda change: notes.delete_note(change, note_id))
