"""A backup brings back what was there, whatever it meets on the way; what is not a backup of ours is refused."""

import asyncio
import datetime as dt
import gzip
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support import at_once
from support.engines import empty_database
from support.house import test_settings

from monoize.base.errors import StartupProblem
from monoize.control.identity.actions.first_account import system_call
from monoize.control.identity.store import versions
from monoize.infra import backup_file, dsn
from monoize.infra.settings import Settings
from monoize.main import backups
from monoize.main.house import open_house


async def says(settings: Settings, word: str | None = None) -> str | None:
    """What stands in the database; then another word in its place, if one is given."""
    async with open_house(settings) as (house, _):
        async with house.database.read() as tx:
            found = await versions.value(tx, "word")
        if word is not None:
            async with house.audit_log.change(system_call()) as change:
                await versions.put(change.tx, "word", word)
                change.record("test", "test", word)
        assert (await house.audit_log.verify()).problem is None
        return found


@pytest.fixture
def another(engine: str, tmp_path: Path) -> Iterator[str]:
    """Another database of the same engine, without a table."""
    kind = {"sqlite": "sqlite", "postgresql": "postgresql"}.get(engine.partition(":")[0], "mariadb")
    with empty_database(kind, tmp_path) as address:
        yield address


async def test_a_restore_brings_back_the_moment_of_the_backup(engine: str, another: str, tmp_path: Path):
    settings, target = test_settings(engine, tmp_path), tmp_path / "a.backup"
    await says(settings, "before")
    made = await backups.create(settings, target)
    await says(settings, "after")

    assert made.manifest == await asyncio.to_thread(backups.verify, target)
    elsewhere = test_settings(another, tmp_path)
    restored = await backups.restore(elsewhere, target)

    assert restored.staged == engine.startswith("sqlite")
    assert "before" == await says(elsewhere)
    assert "after" == await says(settings)
    assert 0o600 == target.stat().st_mode & 0o777


async def test_no_backup_is_overwritten_and_no_database_that_holds_anything(engine: str, tmp_path: Path):
    settings, target = test_settings(engine, tmp_path), tmp_path / "a.backup"
    await says(settings, "something")
    await backups.create(settings, target)

    with pytest.raises(StartupProblem, match="there already"):
        await backups.create(settings, target)
    if not engine.startswith("sqlite"):
        with pytest.raises(StartupProblem, match="not empty"):
            await backups.restore(settings, target)


async def test_a_staged_restore_can_be_forgotten_and_what_it_replaces_is_kept(sqlite: str, tmp_path: Path):
    settings, target = test_settings(sqlite, tmp_path), tmp_path / "a.backup"
    file = dsn.parse(sqlite).file
    assert file is not None
    await says(settings, "before")
    await backups.create(settings, target)
    await says(settings, "after")

    await backups.restore(settings, target)
    assert backups.discard(settings) and not backups.discard(settings)
    assert "after" == await says(settings)
    for _ in range(2):
        await backups.restore(settings, target)
        assert "before" == await says(settings, "again")
    with closing(sqlite3.connect(f"{file}.previous")) as previous:
        assert [("again",)] == previous.execute("SELECT version FROM versions WHERE name = 'word'").fetchall()


@pytest.mark.parametrize("renames", [1, 2, 3])
async def test_a_start_that_dies_while_it_puts_the_copy_in_place_is_gone_on_with_by_the_next(
    sqlite: str, tmp_path: Path, renames: int
):
    settings, target = test_settings(sqlite, tmp_path), tmp_path / "a.backup"
    await says(settings, "before")
    await backups.create(settings, target)
    await says(settings, "after")
    await backups.restore(settings, target)
    file = dsn.parse(sqlite).file
    Path(f"{file}-wal").touch()

    died = await asyncio.to_thread(at_once.alone, "put_backup_in_place", sqlite, str(renames))

    assert -9 == died.code, died
    assert "before" == await says(settings)


async def test_a_backup_of_another_key_or_of_a_newer_program_is_refused(sqlite: str, tmp_path: Path):
    settings, target = test_settings(sqlite, tmp_path), tmp_path / "a.backup"
    await says(settings, "something")
    made = await backups.create(settings, target)
    elsewhere = Settings(database_dsn=f"sqlite://{tmp_path}/new.db", data_dir=tmp_path / "new")

    with pytest.raises(StartupProblem, match="master key"):
        await backups.restore(elsewhere, target)
    newer = tmp_path / "newer.backup"
    rewrite(target, newer, lambda told: told | {"schema_version": made.manifest.schema_version + 1})
    with pytest.raises(StartupProblem, match="newer"):
        await backups.restore(settings, newer)


def rewrite(source: Path, target: Path, change: Callable[[dict[str, object]], object]) -> None:
    with tarfile.open(source) as archive, tarfile.open(target, "w:gz") as made:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            data = content.read()
            if member.name == backup_file.MANIFEST:
                data = json.dumps(change(json.loads(data))).encode()
                member.size = len(data)
            made.addfile(member, io.BytesIO(data))


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


def link(name: str, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    database, target = folder / "database", folder / "a.backup"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [(os.urandom(50).hex(),) for _ in range(500)])
    size, sha256 = backup_file.measured(database)
    told: dict[str, Any] = {"created_at": dt.datetime.now(dt.UTC), "monoize": "1", "engine": "sqlite"}
    manifest = backup_file.Manifest(**told, schema_version=1, key_mark="k", bytes=size, sha256=sha256)
    backup_file.write(target, manifest, database)
    return target.read_bytes()


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda whole: b"",
    "no archive": lambda whole: b"PK\x03\x04" + bytes(5000),
    "cut short": lambda whole: whole[: len(whole) // 2],
    "a changed byte": lambda whole: whole[:-2000] + bytes([whole[-2000] ^ 1]) + whole[-1999:],
    "no manifest": lambda whole: packed((tarfile.TarInfo("database"), b"x")),
    "a manifest that is no object": lambda whole: packed((tarfile.TarInfo("manifest.json"), b"[]")),
    "a deep manifest": lambda whole: packed((tarfile.TarInfo("manifest.json"), b"[" * 60_000)),
    "a huge manifest": lambda whole: packed((tarfile.TarInfo("manifest.json"), b" " * 100_000)),
    "a link for a manifest": lambda whole: packed((link("manifest.json", "/etc/passwd"), b"")),
    "a path that climbs": lambda whole: packed((tarfile.TarInfo("../../manifest.json"), b"{}")),
    "other words": lambda whole: gzip.compress(gzip.decompress(whole).replace(b'"sqlite"', b'"oracle"')),
    "another copy": lambda whole: gzip.compress(
        gzip.decompress(whole).replace(b"CREATE TABLE t", b"CREATE TABLE u")
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_backup_is_refused_and_leaves_nothing_behind(whole: bytes, tmp_path: Path, what: str):
    source = tmp_path / "broken.backup"
    source.write_bytes(BROKEN[what](whole))

    with pytest.raises(backup_file.BackupBroken):
        backup_file.extract(source, tmp_path / "database")
    with pytest.raises(StartupProblem):
        backups.verify(source)


def test_what_is_whole_is_not_refused(whole: bytes, tmp_path: Path):
    source = tmp_path / "whole.backup"
    source.write_bytes(whole)

    assert "sqlite" == backups.verify(source).engine
