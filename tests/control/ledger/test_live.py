"""/api/requests/stream: whoever watches sees what is theirs, all of it or that something is missing."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from control.ledger.test_requests import asked
from support.answers import refusal
from support.events import Listening, listening
from support.house import Client, RunningHouse

from monoize.base.errors import Unavailable
from monoize.base.ids import id_text, new_id
from monoize.contract.events import Charged
from monoize.contract.under_way import UnderWay
from monoize.control.edge.audience import OF_ONE_MOST
from monoize.control.ledger.actions.live import (
    ROWS_MOST,
    WAITING_MOST,
    Ended,
    LiveRequests,
    Pending,
    Resync,
    Watcher,
)
from monoize.control.ledger.actions.logs import log_requests
from monoize.control.ledger.api import live as api
from monoize.infra.db import Database

STREAM = "/api/requests/stream"


def pending(user_id: str) -> UnderWay:
    return UnderWay(
        request_id=new_id(),
        user_id=user_id,
        api_key_id=new_id(),
        model="m",
        request_kind="chat",
        is_stream=True,
        request_ip="127.0.0.1",
        created_at_unix_ms=time.time_ns() // 1_000_000,
    )


def ended(user_id: str, *, at_ms: int | None = None) -> Charged:
    """`at_ms`: when the id of its row was made."""
    if at_ms is None:
        return asked(user_id)
    return asked(user_id, changes={"id": id_text((at_ms << 80) | int(new_id()[14:].replace("-", ""), 16))})


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def log(database: Database, *events: Charged) -> None:
    async with database.write() as tx:
        await log_requests(tx, events)


def told(watcher: Watcher) -> list[Any]:
    """Ids of what ended, and the events that are not about that."""
    found: list[Any] = []
    for event in watcher.taken():
        if isinstance(event, Ended):
            found += [request.id for request in event.requests]
        elif isinstance(event, Resync):
            found.append("resync")
    return found


def ids(events: Sequence[Charged]) -> list[str]:
    return [event.id for event in events]


@contextlib.contextmanager
def watching(database: Database, user_id: str | None) -> Iterator[tuple[LiveRequests, Watcher]]:
    requests = LiveRequests(database, list)
    with requests.watched(user_id) as watcher:
        watcher.taken()
        yield requests, watcher


async def test_each_row_that_is_written_is_told_once_and_in_order_on_every_engine(database: Database):
    mine, theirs = new_id(), new_id()
    await log(database, ended(mine, at_ms=now_ms() - 60_000))
    with watching(database, mine) as (requests, watcher), requests.watched(None) as boss:
        await requests.run()
        assert [[], []] == [told(watcher), told(boss)]
        batches = [[ended(mine, at_ms=now_ms() + n) for n in range(3)] + [ended(theirs)] for _ in range(2)]
        for batch in batches:
            await log(database, *batch)
            await requests.run()

            assert ids(batch[:3]) == told(watcher)
            assert sorted(ids(batch)) == told(boss)
        await requests.run()
        assert [[], []] == [told(watcher), told(boss)]


async def test_a_row_is_told_as_the_list_shows_it(house: RunningHouse, root: Client):
    user_id = root.user["id"]
    async with listening(root, STREAM) as stream:
        assert ("pending", []) == await stream.event()
        await log(house.house.database, ended(user_id))
        await house.app.state.ledger.live.run()

        name, data = await stream.event()
    assert ("log_batch", (await root.get("/api/requests")).json()["items"]) == (name, data)


async def test_a_process_that_posts_late_or_whose_clock_is_ahead_hides_nothing(database: Database):
    mine = new_id()
    with watching(database, mine) as (requests, watcher):
        from_ms = now_ms()
        ahead = ended(mine, at_ms=from_ms + 3_600_000)
        await log(database, ahead)
        await requests.run()
        assert [ahead.id] == told(watcher)

        await asyncio.sleep(0.01)
        late = ended(mine, at_ms=from_ms + 5)
        await log(database, late)
        await requests.run()
        assert [late.id] == told(watcher)


async def test_more_than_anybody_reads_is_told_to_be_incomplete(database: Database):
    mine = new_id()
    with watching(database, mine) as (requests, watcher):
        many = [ended(mine, at_ms=now_ms() + n) for n in range(ROWS_MOST + 1)]
        await log(database, *many)
        await requests.run()

        assert ["resync", *ids(many[1:])] == told(watcher)
        await requests.run()
        assert [] == told(watcher)


async def test_after_a_database_that_was_away_the_list_has_to_be_read_again(sqlite_database: Database):
    class Away:
        is_away = True

        def read(self) -> Any:
            if self.is_away:
                raise Unavailable
            return sqlite_database.read()

    away = Away()
    requests = LiveRequests(away, list)  # type: ignore[arg-type]
    with requests.watched(None) as watcher:
        await requests.run()
        watcher.taken()
        away.is_away = False
        await requests.run()
        assert ["resync"] == told(watcher)


async def test_what_is_under_way_is_told_when_it_changes(sqlite_database: Database):
    mine, theirs = pending("me"), pending("you")
    under_way = [mine, theirs]
    requests = LiveRequests(sqlite_database, lambda: list(under_way))
    with requests.watched("me") as watcher, requests.watched(None) as boss:
        assert ([Pending((mine,))], [Pending((mine, theirs))]) == (watcher.taken(), boss.taken())
        await requests.run()
        assert ([], []) == (watcher.taken(), boss.taken())
        del under_way[0]
        await requests.run()
        assert ([Pending(())], [Pending((theirs,))]) == (watcher.taken(), boss.taken())


async def test_who_does_not_keep_up_takes_no_memory_and_is_told_to_read_again(sqlite_database: Database):
    under_way = [pending("me")]
    requests = LiveRequests(sqlite_database, lambda: list(under_way))
    with requests.watched("me") as slow:
        for _ in range(10 * WAITING_MOST):
            under_way[0] = pending("me")
            await requests.run()
        events = slow.taken()

    assert len(events) <= WAITING_MOST + 1
    assert Resync() == events[0]
    assert Pending(tuple(under_way)) == events[-1]


async def test_nobody_is_asked_while_nobody_watches():
    requests = LiveRequests(None, list)  # type: ignore[arg-type]
    with requests.watched("me"):
        pass

    await requests.run()


async def test_the_sixth_stream_is_refused_and_a_stream_that_was_left_is_forgotten(
    house: RunningHouse, root: Client
):
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(listening(root, STREAM)) for _ in range(OF_ONE_MOST)]
        for stream in streams:
            await stream.event()
        answer = await root.get(f"{STREAM}?for_s=0")
        assert ((429, "too_many_streams"), "5") == (refusal(answer), answer.headers["retry-after"])

    assert 200 == (await root.get(f"{STREAM}?for_s=0")).status_code


async def test_a_stream_is_what_browsers_and_proxies_take_for_one(root: Client):
    answer = await root.get(f"{STREAM}?for_s=0")

    assert "event: pending\ndata: []\n\n" == answer.text
    assert ("text/event-stream; charset=utf-8", "no-store", "no") == tuple(
        answer.headers[name] for name in ("content-type", "cache-control", "x-accel-buffering")
    )
    assert "content-length" not in answer.headers


async def test_a_user_sees_their_own_and_an_administrator_whose_they_want(house: RunningHouse, root: Client):
    user = await house.make_user(root)
    for path in (f"{STREAM}?everybody=true", f"{STREAM}?user_id={root.user['id']}"):
        assert (403, "not_permitted") == refusal(await user.get(f"{path}&for_s=0"))

    views = ((user, STREAM), (root, f"{STREAM}?user_id={user.user['id']}"), (root, f"{STREAM}?everybody=true"))
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(listening(client, path)) for client, path in views]
        for stream in streams:
            await stream.event()
        ours = ended(user.user["id"])
        await log(house.house.database, ended(new_id()), ours)
        await house.app.state.ledger.live.run()
        seen = [[request["id"] for request in (await stream.event())[1]] for stream in streams]

    assert [1, 1, 2] == list(map(len, seen))
    assert all(ours.id in found for found in seen)


async def comments(stream: Listening, count: int) -> list[str]:
    return [piece for piece in [await stream.piece() for _ in range(count)] if piece.startswith(":")]


async def test_a_silent_line_is_kept_alive_until_its_caller_may_watch_no_more(
    house: RunningHouse, root: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(api, "COMMENT_EVERY_S", 0.05)
    user = await house.make_user(root)
    async with listening(user, STREAM) as stream:
        await stream.event()
        assert [": still here"] * 3 == await comments(stream, 3)
        disabled = await root.patch(f"/api/users/{user.user['id']}", json={"enabled": False})
        assert 200 == disabled.status_code
        while (await stream.piece()) != "":
            pass
        assert stream.is_over


async def test_a_stream_ends_when_the_server_stops(house: RunningHouse, root: Client):
    async with listening(root, STREAM) as stream:
        await stream.event()
        house.app.state.ledger.live.audience.close()
        assert "" == await stream.piece()
        assert stream.is_over
    assert 200 == (await root.get(STREAM)).status_code


@pytest.mark.parametrize("query", ["for_s=-1", "for_s=3601", "for_s=x", "user_id=me", "every=true", "limit=1"])
async def test_what_cannot_be_asked_is_refused(root: Client, query: str):
    assert (422, "invalid_request") == refusal(await root.get(f"{STREAM}?{query}"))
