"""What the room keeps, on every engine."""

import dataclasses
import datetime as dt

import pytest

from monoize.base.ids import new_id
from monoize.control.edge.wire import Window
from monoize.control.governance.model.notes import NoteFilter
from monoize.control.governance.store import notes
from monoize.control.mcp.errors import McpServiceExists, NoSuchMcpTool
from monoize.control.mcp.model.calls import Ended, McpCall, UseOfTool
from monoize.control.mcp.model.services import pinned
from monoize.control.mcp.store import calls, services, tools
from monoize.infra.db import Database

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def told(name: str, description: str = "d") -> dict[str, object]:
    return {"name": name, "description": description, "inputSchema": {"type": "object"}}


async def test_services_and_their_tools(database: Database):
    id, other = new_id(), new_id()
    async with database.write() as tx:
        await services.add(tx, id, {"name": "shop", "url": "https://a.test", "tools_allow": ["a*"]})
        made = await services.get(tx, id)
        assert (["a*"], [], False) == (made.tools_allow, made.tools_deny, made.has_credential)
        await services.add(tx, other, {"name": "theirs", "url": "https://b.test", "tenant_id": "t"})
        assert ["shop"] == [each.name for each in await services.serving(tx, "u", 10)]
        await tools.found(tx, id, [pinned(told("a")), pinned(told("b"))], NOW)
        await tools.accept(tx, await tools.of_service(tx, id))
        await tools.found(tx, id, [pinned(told("a", "other")), pinned(told("c"))], NOW)
        states = {tool.name: tool.state for tool in await tools.of_service(tx, id)}
        assert {"a": "drifted", "b": "gone", "c": "new"} == states
        assert {id: 3} == await tools.waiting(tx)
        assert [] == await tools.gone_before(tx, NOW, 10)
        (gone,) = await tools.gone_before(tx, NOW + dt.timedelta(seconds=1), 10)
        assert "b" == gone.name
        await tools.found(tx, id, [pinned(told("a", "other")), pinned(told("b")), pinned(told("c"))], NOW)
        assert [] == await tools.gone_before(tx, NOW + dt.timedelta(seconds=1), 10)
        await tools.found(tx, id, [pinned(told("a", "other")), pinned(told("c"))], NOW)
        await tools.remove(tx, [gone.id])
        await tools.accept(tx, await tools.of_service(tx, id))
        assert {"a": "active", "c": "active"} == {tool.name: tool.state for tool in await tools.of_service(tx, id)}
        assert {} == await tools.waiting(tx)
        with pytest.raises(NoSuchMcpTool):
            await tools.get(tx, other, (await tools.of_service(tx, id))[0].id)
    with pytest.raises(McpServiceExists):
        async with database.write() as tx:
            await services.change(tx, other, {"name": "shop"})
    async with database.write() as tx:
        await services.remove(tx, id)
        assert [] == await tools.of_service(tx, id)


async def test_calls_are_kept_summed_and_forgotten(database: Database):
    service = new_id()
    call = McpCall(
        new_id(), service, "shop", "look", "t", None, None, "user:a", "0" * 64, "{}", "allowed", None, None,
        "started", None, None, None, "r", NOW,
    )  # fmt: skip
    blocked = dataclasses.replace(call, id=new_id(), decision="denied", denial_code="tool_denied", status="blocked")
    async with database.write() as tx:
        await calls.add(tx, call)
        await calls.add(tx, blocked)
        await calls.end(tx, call.id, Ended("timeout", 10, 20, 5))
        assert [UseOfTool("2026-01-01", "shop", "look", 2, 1, 1, 10, 20, 5)] == await calls.use(
            tx, since="2026-01-01", service_id=service, most=10
        )
        page = await calls.page(tx, Window(1, None), service_id=service, agent_id=None, tenant_id="t")
        assert 2 == len(page)
        await calls.forget(tx, "2026-01-02")
        assert [] == await calls.use(tx, since="2000-01-01", service_id=None, most=10)


async def test_notes(database: Database):
    values = {"note": "n", "author": "user:a", "importance": 0.5}
    async with database.write() as tx:
        old = await notes.add(tx, "t", values)
        new = await notes.add(tx, "t", {**values, "supersedes_id": old.id, "topic": "x"})
        late = await notes.add(tx, "t", {**values, "expires_at": NOW})
        pinned_one = await notes.add(tx, "t", {**values, "pinned": True, "importance": 0.0})
        await notes.add(tx, "other", values)
        listed = await notes.page(tx, "t", Window(10, None), NoteFilter(), NOW)
        assert [pinned_one.id, new.id] == [note.id for note in listed]
        assert late.id not in {note.id for note in listed}
        foremost = await notes.foremost(tx, "t", NoteFilter(), NOW, 1)
        assert [pinned_one.id] == [note.id for note in foremost]
        assert [new.id] == [note.id for note in await notes.page(tx, "t", Window(10, None), NoteFilter("x"), NOW)]
