"""Lists come in pages: no row twice, none missed, whatever happens to the list in between."""

import base64
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.base.ids import new_id
from monoize.control.edge.windows import BadCursor, number_window, uuid_window
from monoize.control.edge.wire import Window

PAGES_MOST = 50
LISTS = ("/api/users", "/api/tenants", "/api/keys", "/api/tokens", "/api/me/sessions", "/api/audit")


async def more(house: RunningHouse, root: Client, path: str, count: int) -> None:
    """Add to a list."""
    for _ in range(count):
        match path:
            case "/api/users":
                await root.post(path, json={"username": f"u_{new_id()[-12:]}"})
            case "/api/tenants" | "/api/audit":
                await root.post("/api/tenants", json={"name": new_id()})
            case "/api/keys":
                await root.post(path, json={"name": new_id()})
            case "/api/tokens":
                await root.post(path, json={"name": new_id()})
            case "/api/me/sessions":
                await house.enter_again(root)


async def walk(
    root: Client, path: str, limit: int, between: Callable[[], Awaitable[None]] | None = None
) -> list[list[Any]]:
    """The ids on every page."""
    pages: list[list[Any]] = []
    cursor = None
    while len(pages) < PAGES_MOST:
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = granted(await root.get(path, params=params))
        pages.append([item["id"] for item in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return pages
        if between:
            await between()
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("path", LISTS)
async def test_walking_all_pages_shows_every_row_once_newest_first(house: RunningHouse, root: Client, path: str):
    await more(house, root, path, 7)
    (everything,) = await walk(root, path, 200)

    for limit in (1, 3, len(everything), len(everything) + 1):
        pages = await walk(root, path, limit)

        assert everything == [id for page in pages for id in page]
        assert all(len(page) == limit for page in pages[:-1])
        assert 1 <= len(pages[-1]) <= limit
    assert sorted(everything, reverse=True) == everything


@pytest.mark.parametrize("path", LISTS)
async def test_rows_that_are_added_meanwhile_disturb_nobody_who_walks(house: RunningHouse, root: Client, path: str):
    await more(house, root, path, 5)
    (before,) = await walk(root, path, 200)

    pages = await walk(root, path, 2, between=lambda: more(house, root, path, 1))

    assert before == [id for page in pages for id in page]


async def test_rows_that_vanish_meanwhile_let_no_other_be_missed(root: Client):
    ids = [granted(await root.post("/api/users", json={"username": f"user{n}"}))["id"] for n in range(6)]
    first = granted(await root.get("/api/users?limit=2"))
    assert [ids[5], ids[4]] == [user["id"] for user in first["items"]]

    for gone in (ids[4], ids[3]):
        granted(await root.delete(f"/api/users/{gone}"))
    rest = granted(await root.get("/api/users", params={"limit": 200, "cursor": first["next_cursor"]}))

    assert [ids[2], ids[1], ids[0], root.user["id"]] == [user["id"] for user in rest["items"]]


async def test_an_empty_list_is_one_empty_page(user: Client):
    assert {"items": [], "next_cursor": None} == granted(await user.get("/api/keys"))


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_that_this_list_did_not_make_is_refused(root: Client, path: str):
    forged = ["", "x", "%", "====", "nonsense", "-1", "1.5", "٣", "9" * 19, "1" * 70, "0" * 20 + "9" * 50]
    forged += ["' OR 1=1 --", "a\x00b", "None", "ü"]
    of_numbers = path in ("/api/tokens", "/api/audit")
    forged += [new_id()] if of_numbers else ["17"]

    for text in forged:
        for cursor in (text, cursor_of(text)):
            if "\x00" not in cursor:
                assert (422, "bad_cursor") == refusal(await root.get(path, params={"cursor": cursor})), cursor
    assert (422, "invalid_request") == refusal(await root.get(path, params={"cursor": "x" * 101}))


@given(st.text(max_size=100))
def test_a_cursor_is_opened_or_refused_and_nothing_else(text: str):
    for window in (uuid_window, number_window):
        for cursor in (text, cursor_of(text.encode("utf-8", "replace").decode())):
            with contextlib.suppress(BadCursor):
                assert window(limit=1, cursor=cursor).after


@given(st.integers(min_value=1, max_value=2**63 - 1))
def test_a_cursor_of_ours_comes_back_as_the_row_it_was_made_for(number: int):
    made = Window(1, None).page([number, number - 1], lambda row: row).next_cursor

    assert str(number) == number_window(limit=1, cursor=made).after


@given(st.uuids())
def test_a_cursor_of_ours_comes_back_as_the_id_it_was_made_for(id: Any):
    made = Window(1, None).page([id, id], str).next_cursor

    assert str(id) == uuid_window(limit=1, cursor=made).after
