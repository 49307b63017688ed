"""Backups over HTTP: made while the server runs, handed out, laid ready for the next start, or refused."""

import asyncio
import base64
import dataclasses
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from dashboard.surfer import Surfer
from sqlalchemy import select
from support.answers import granted, refusal
from support.house import open_house, test_settings

from monoize.control.projects.tables import projects
from monoize.infra import backups as copies
from monoize.infra import dsn
from monoize.infra.audit_log import logs
from monoize.infra.backups import Here
from monoize.main import backups
from monoize.main import house as opening


async def test_a_backup_is_made_handed_out_and_back_in_place_with_the_next_start(tmp_path: Path):
    settings = test_settings(f"sqlite://{tmp_path}/mine.db", tmp_path)
    async with open_house(settings) as house:
        root = await house.make_root()
        await root.post("/api/projects", json={"name": "before"})
        key = {"idempotency-key": "once"}
        made = granted(await root.post("/api/backups", headers=key))
        assert made == (await root.post("/api/backups", headers=key)).json()
        await root.post("/api/projects", json={"name": "after"})

        kept = granted(await root.get("/api/backups"))
        assert ([made], None) == (kept["items"], kept["laid_ready_at"]) and made["problem"] is None
        copy = tmp_path / "copy.backup"
        copy.write_bytes((await root.get(f"/api/backups/{made['name']}")).content)
        assert made["sha256"] == (await asyncio.to_thread(backups.verify, copy)).sha256

        restore = f"/api/backups/{made['name']}/restore"
        granted(await root.post(restore))
        assert granted(await root.get("/api/backups"))["laid_ready_at"]
        assert 204 == (await root.delete("/api/backups/laid-ready")).status_code
        assert (404, "no_restore_laid_ready") == refusal(await root.delete("/api/backups/laid-ready"))
        granted(await root.post(restore))
        names = [one["name"] for one in granted(await root.get("/api/projects"))["items"]]
        assert ["after", "before"] == names

    async with opening.open_house(settings) as (house, _), house.database.read() as tx:
        assert ["before"] == list((await tx.execute(select(projects.c.name))).scalars())
        # What was written down after the copy was made went with what it replaced.
        told = select(logs.c.action).where(logs.c.target_type == "backup")
        assert ["backup.restore"] == list((await tx.execute(told)).scalars())
    with closing(sqlite3.connect(tmp_path / "mine.db.previous")) as previous:
        assert 2 == previous.execute("SELECT count(*) FROM projects").fetchone()[0]


async def test_what_cannot_be_brought_back_is_shown_and_refused(sqlite: str, tmp_path: Path):
    settings = test_settings(sqlite, tmp_path)
    async with open_house(settings) as house:
        root = await house.make_root()
        name = granted(await root.post("/api/backups"))["name"]
        folder = settings.data_dir / "backups"
        whole = (folder / name).read_bytes()
        (folder / "cut.backup").write_bytes(whole[: len(whole) // 2])
        (folder / "none.backup").write_bytes(b"not a backup")
        (folder / "link.backup").symlink_to(settings.data_dir / "master.key")
        elsewhere = test_settings(f"sqlite://{tmp_path}/other.db", tmp_path / "other")
        elsewhere = dataclasses.replace(elsewhere, master_key=base64.b64encode(bytes(32)).decode())
        async with open_house(elsewhere) as other:
            theirs = granted(await (await other.make_root()).post("/api/backups"))["name"]
        (elsewhere.data_dir / "backups" / theirs).replace(folder / "theirs.backup")

        problems = {one["name"]: one["problem"] for one in granted(await root.get("/api/backups"))["items"]}
        assert {name, "cut.backup", "none.backup", "theirs.backup"} == problems.keys()
        assert problems[name] is None and "not a backup" in problems["none.backup"]
        assert "master key" in problems["theirs.backup"]
        for one in ("cut", "none", "theirs"):
            assert (422, "backup_refused") == refusal(await root.post(f"/api/backups/{one}.backup/restore"))
        for one in ("link.backup", "gone.backup", "..%2Fmaster.key", "%2e%2e"):
            assert 404 == refusal(await root.get(f"/api/backups/{one}"))[0]
        assert granted(await root.get("/api/backups"))["laid_ready_at"] is None


async def test_the_page_makes_a_backup_hands_it_out_and_lays_it_ready(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path)) as house:
        root = await house.make_root()
        boss = await Surfer(house.app).sign_in()
        assert 303 == (await boss.submit("/backups")).status_code
        name = granted(await root.get("/api/backups"))["items"][0]["name"]
        assert (await boss.get(f"/backups/{name}/file")).content.startswith(b"\x1f\x8b")
        assert "Bring back" in (await boss.get(f"/backups/{name}/restore")).text
        assert 422 == (await boss.submit(f"/backups/{name}/restore", name="another")).status_code
        await boss.submit(f"/backups/{name}/restore", name=name)
        assert "A restore is laid ready" in (await boss.get("/backups")).text
        await boss.submit("/backups/discard")
        assert "A restore is laid ready" not in (await boss.get("/backups")).text
        await boss.submit(f"/backups/{name}/delete", name=name)
        assert [] == granted(await root.get("/api/backups"))["items"]


async def test_a_backup_ends_however_much_is_written_meanwhile(tmp_path: Path):
    file = tmp_path / "busy.db"
    ended = threading.Event()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        with connection:
            connection.executemany("INSERT INTO t VALUES (zeroblob(4000))", [()] * 10_000)

    def write() -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            while not ended.wait(0.001):
                connection.execute("INSERT INTO t VALUES (1)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        async with asyncio.timeout(30):
            making = asyncio.to_thread(
                copies.make, Here(dsn.parse(f"sqlite://{file}"), 1, "k"), tmp_path / "a.backup"
            )
            assert (await making).bytes > 40_000_000
    finally:
        ended.set()
        await asyncio.to_thread(writer.join)
