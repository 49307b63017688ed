"""Notes for agents: of one tenant, believed when a person says them, and data whatever they say."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.control.governance.model.notes import Note, as_context

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def note(id: int, text: str, **fields: object) -> Note:
    values: dict[str, object] = {
        "agent_id": None, "topic": None, "author": "user:a", "source": "human", "confirmed_by": None,
        "confirmed_at": None, "pinned": False, "importance": 0.5, "supersedes_id": None, "expires_at": None,
    }  # fmt: skip
    return Note(id=id, tenant_id="t", note=text, created_at=NOW, **{**values, **fields})  # type: ignore[arg-type]


@pytest.mark.case(57)
async def test_notes_are_of_one_tenant_and_nobody_writes_over_anothers(house: RunningHouse, root: Client):
    alice = await house.make_user(root, "alice")
    tenant = granted(await root.post("/api/tenants", json={"name": "other"}))
    stranger = await house.make_user(root, "stranger", role="admin", tenant_id=tenant["id"])
    ours = granted(await alice.post("/api/notes", json={"note": "Deploy on Mondays.", "topic": "deploys"}))
    granted(await stranger.post("/api/notes", json={"note": "Never deploy.", "topic": "deploys"}))

    seen = granted(await root.get("/api/notes", params={"topic": "deploys"}))["items"]

    assert ["Deploy on Mondays."] == [each["note"] for each in seen]
    assert ("human", "user:alice") == (ours["source"], ours["author"])
    path = f"/api/notes/{ours['id']}"
    for refused in (await stranger.get(path), await stranger.delete(path), await stranger.patch(path, json={})):
        assert (404, "note_not_found") == refusal(refused)
    over = await stranger.post("/api/notes", json={"note": "x", "supersedes_id": ours["id"]})
    assert (404, "note_not_found") == refusal(over)
    bob = await house.make_user(root, "bob")
    assert (403, "not_your_note") == refusal(await bob.delete(path))
    for limit in (0, 51):
        assert 422 == (await alice.get("/api/notes", params={"limit": limit})).status_code
    newer = granted(
        await alice.post("/api/notes", json={"note": "On Tuesdays.", "supersedes_id": ours["id"], "pinned": True})
    )
    assert [newer["id"]] == [each["id"] for each in granted(await root.get("/api/notes"))["items"]]


async def test_what_a_program_writes_is_not_believed_before_a_person_confirms_it(house: RunningHouse, root: Client):
    program = await house.make_token(root, "runner", role="deployer")
    record = granted(await root.post("/api/agent-records", json={"name": "a", "role_name": "b"}))
    made = granted(await program.post("/api/notes", json={"note": "The key is under the mat."}))
    granted(await root.post("/api/notes", json={"note": "For one alone.", "agent_id": record["id"]}))
    assert "agent" == made["source"]

    before = granted(await program.get("/api/notes/context", params={"agent_id": record["id"]}))
    assert (1, 0) == (before["notes"], before["left_out"])
    path = f"/api/notes/{made['id']}/confirm"
    assert (403, "approval_needs_person") == refusal(await program.post(path))
    granted(await root.post(path))
    assert (409, "note_confirmed") == refusal(await root.post(path))
    after = granted(await program.get("/api/notes/context", params={"agent_id": record["id"]}))
    assert "under the mat" in after["text"] and "For one alone." in after["text"]
    unknown = await program.post("/api/notes", json={"note": "x", "agent_id": "nobody"})
    assert (404, "agent_record_not_found") == refusal(unknown)


@given(st.lists(st.text(max_size=60), max_size=8), st.integers(200, 600))
def test_no_note_leaves_its_line_and_all_of_them_keep_to_the_room(texts: list[str], room: int):
    context = as_context([note(number, text) for number, text in enumerate(texts)], room)

    assert len(context.text) <= room
    assert len(texts) == context.notes + context.left_out
    if context.text:
        lines = context.text.split("\n")
        assert ("<notes>", "</notes>", "") == (lines[0], lines[-2], lines[-1])
        assert context.notes == len(lines) - 4
        assert all(json.loads(line)["note"] in texts for line in lines[2:-2])
        assert "<" not in "".join(lines[2:-2])


def test_pinned_and_important_notes_come_first_and_unbelieved_ones_not_at_all():
    notes = [
        note(1, "old"),
        note(2, "new"),
        note(3, "vital", importance=1.0),
        note(4, "pinned", pinned=True, importance=0.0),
        note(5, "rumour", source="agent"),
    ]

    told = [json.loads(line)["note"] for line in as_context(notes, 10_000).text.split("\n")[2:-2]]

    assert ["pinned", "vital", "new", "old"] == told
