"""What was kept of requests, on pages: escaped, bounded, and for those who look after it only."""

import json
from pathlib import Path

import pytest
from dashboard.surfer import Page, Surfer
from support.house import RunningHouse

from monoize.base.ids import new_id
from monoize.dashboard import captured
from monoize.main.gateway import captures_folder

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def folder(house: RunningHouse) -> Path:
    found = captures_folder(house.house.settings)
    found.mkdir()
    return found


def _kept(folder: Path, **changes: object) -> str:
    request_id = new_id()
    capture = {
        "request_id": request_id,
        "at_ms": 0,
        "user_id": "u",
        "api_key_id": "k",
        "protocol": "messages",
        "asked": {"method": "POST", "address": "/v1/messages", "headers": [["x-evil", EVIL]], "body": EVIL},
        "told": {"status": 200, "frames": ["event: one", "data: two"]},
        **changes,
    }
    (folder / f"{request_id}.json").write_text(json.dumps(capture))
    return request_id


async def test_what_was_kept_is_read_and_deleted_and_never_run(root, boss: Surfer, folder: Path):
    request_id = _kept(folder, left_out={"frames": 7})
    assert request_id in (await boss.get("/captures")).text

    shown = await boss.get(f"/captures/{request_id}")
    assert EVIL not in shown.text
    page = Page(shown)
    assert EVIL in {code.text for code in page.all("code")}
    assert "event: one\ndata: two" in {code.text for code in page.all("code")}
    assert "7 events of streams" in page.one("main").text

    assert 422 == (await boss.submit(f"/captures/{request_id}/delete", name="another")).status_code
    deleted = await boss.submit(f"/captures/{request_id}/delete", name=request_id)
    assert "/captures?done=capture_deleted" == deleted.headers["location"]
    assert 404 == (await boss.get(f"/captures/{request_id}")).status_code
    assert "Nothing is kept" in (await boss.get("/captures")).text


async def test_what_people_asked_is_not_for_everybody(alice: Surfer, folder: Path):
    request_id = _kept(folder)

    for address in ("/captures", f"/captures/{request_id}"):
        assert 403 == (await alice.get(address)).status_code
    assert 403 == (await alice.submit(f"/captures/{request_id}/delete")).status_code
    assert "/captures" not in (await alice.get("/requests")).text


async def test_a_file_that_is_no_capture_is_shown_as_it_is(root, boss: Surfer, folder: Path):
    request_id = _kept(folder)
    for content in (b"{", b"\xff<b>", b"[" * 100_000):
        (folder / f"{request_id}.json").write_bytes(content)
        shown = await boss.get(f"/captures/{request_id}")
        assert (200, True) == (shown.status_code, "What is in the file" in shown.text)


def test_a_part_is_bounded_and_says_what_is_left():
    asked = {"body": "x" * (captured.CHARS_MOST + 5)}
    capture = {"request_id": "r", "at_ms": 0, "user_id": "u", "api_key_id": "k", "protocol": "m", "told": {}}
    part = captured.read(json.dumps({**capture, "asked": asked}).encode()).parts[0]

    assert (captured.CHARS_MOST, 5) == (len(part.text), part.left)
