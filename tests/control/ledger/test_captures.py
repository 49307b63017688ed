"""/api/captures: who looks after captures can list, read and delete them; nobody else can."""

import json
import os
from pathlib import Path

import pytest
from control.ledger.test_requests import asked, posted
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.base.ids import new_id
from monoize.main.gateway import captures_folder


@pytest.fixture
def folder(house: RunningHouse) -> Path:
    found = captures_folder(house.house.settings)
    found.mkdir()
    return found


def keep(folder: Path, request_id: str) -> None:
    (folder / f"{request_id}.json").write_text(json.dumps({"request_id": request_id}))


async def test_captures_come_newest_first_and_page_by_page_with_what_the_log_knows(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    folder = captures_folder(house_everywhere.house.settings)
    folder.mkdir()
    logged = asked(root.user["id"])
    await posted(house_everywhere, logged)
    wanted = sorted([logged.request_id, *(new_id() for _ in range(4))], reverse=True)
    for request_id in wanted:
        keep(folder, request_id)
    (folder / f".{new_id()}").write_text("half")
    (folder / "something else").write_text("{}")

    seen, cursor = [], ""
    while True:
        page = granted(await root.get(f"/api/captures?limit=2{cursor}"))
        assert len(page["items"]) <= 2
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert wanted == [capture["request_id"] for capture in seen]
    assert {logged.request_id: "sonnet"} == {
        capture["request_id"]: capture["request"]["model"] for capture in seen if capture["request"]
    }
    assert all(capture["size_bytes"] > 0 for capture in seen)


async def test_a_capture_is_told_as_it_was_written(root: Client, folder: Path):
    request_id = new_id()
    keep(folder, request_id)

    assert {"request_id": request_id} == granted(await root.get(f"/api/captures/{request_id}"))


async def test_a_capture_that_is_deleted_is_gone(root: Client, folder: Path):
    request_id = new_id()
    keep(folder, request_id)

    assert 204 == (await root.delete(f"/api/captures/{request_id}")).status_code

    assert [] == os.listdir(folder)
    for method in ("GET", "DELETE"):
        gone = await root.request(method, f"/api/captures/{request_id}")
        assert (404, "capture_not_found") == refusal(gone)


async def test_without_a_folder_there_are_none(house: RunningHouse, root: Client):
    assert {"items": [], "next_cursor": None} == granted(await root.get("/api/captures"))
    assert (404, "capture_not_found") == refusal(await root.get(f"/api/captures/{new_id()}"))


@pytest.mark.parametrize("name", ["..%2Fmaster.key", "..", "%2e%2e%2fmonoize.db", "x"])
async def test_only_what_is_called_like_a_request_is_looked_for(root: Client, folder: Path, name: str):
    assert (await root.get(f"/api/captures/{name}")).status_code in (404, 422)


async def test_reading_and_deleting_take_permissions_of_their_own(house: RunningHouse, root: Client, folder: Path):
    request_id = new_id()
    keep(folder, request_id)
    path = f"/api/captures/{request_id}"
    user = await house.make_user(root)
    reader = await house.make_token(root, "reader", role="admin", scopes=["captures.read"])

    assert 200 == (await reader.get("/api/captures")).status_code
    assert 200 == (await reader.get(path)).status_code
    for client, method in ((user, "GET"), (user, "DELETE"), (reader, "DELETE")):
        assert (403, "not_permitted") == refusal(await client.request(method, path))
