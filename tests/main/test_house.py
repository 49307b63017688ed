"""What a start makes, and that a start which cannot succeed changes nothing and says why in one line."""

import base64
import dataclasses
import re
import shutil
import socket
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, insert
from support import at_once, processes, snapshots
from support.forks import forks
from support.server import serving

from monoize.base.errors import StartupProblem
from monoize.infra import dsn
from monoize.infra.db import open_database
from monoize.infra.settings import Settings
from monoize.main.house import open_house
from monoize.migrations import verify
from monoize.migrations.runner import known_migrations, schema_version

ANOTHER_KEY = base64.b64encode(b"x" * 32).decode()


async def start(settings: Settings) -> str:
    """Start and stop again; the id of the key."""
    async with open_house(settings) as (house, _identity):
        return house.seal.key_id


async def refusal(settings: Settings) -> str:
    with pytest.raises(StartupProblem) as refused:
        await start(settings)
    (line,) = str(refused.value).splitlines()
    return line


async def test_a_first_start_makes_folder_database_and_key_for_their_owner(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    await start(Settings())

    made = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*.*")}
    assert {"data/master.key": 0o600, "data/monoize.db": 0o600} == made


async def test_a_later_start_uses_what_the_first_one_made(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = await start(Settings())
    before = snapshots.files(tmp_path)

    assert first == await start(Settings())
    assert before == snapshots.files(tmp_path)


async def test_a_start_in_memory_with_its_key_in_a_variable_makes_no_file(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    await start(Settings(database_dsn="sqlite::memory:", master_key=ANOTHER_KEY))

    assert {} == snapshots.files(tmp_path)


@pytest.mark.parametrize("empty", ["sqlite", "mariadb"], indirect=True)
async def test_two_first_starts_at_once_share_one_key(empty: str, tmp_path: Path):
    deed = ("open_house", empty, str(tmp_path / "house"))
    ended = at_once.together(deed, deed)

    assert [0, 0] == [process.code for process in ended], ended
    assert 1 == len({process.out for process in ended})
    assert ["master.key"] == [path.name for path in (tmp_path / "house").iterdir()]
    database = await open_database(dsn.parse(empty), pool_size=1)
    async with database.connect() as connection:
        assert [] == await connection.run_sync(lambda sync: list(verify.differences(sync)))
    await database.close()


@pytest.mark.parametrize("empty", ["postgresql"], indirect=True)
async def test_of_two_first_starts_with_two_keys_one_is_refused_and_its_key_goes_away(empty: str, tmp_path: Path):
    folders = [tmp_path / "one", tmp_path / "other"]
    ended = at_once.together(*(("open_house", empty, str(folder)) for folder in folders))

    assert [0, 1] == sorted(process.code for process in ended), ended
    (refused,) = [process for process in ended if process.code]
    assert re.fullmatch(r"monoize: .*master key.*\n", refused.err)
    winner = folders[[process.code for process in ended].index(0)]
    assert [winner / "master.key"] == list(tmp_path.glob("*/master.key"))


@pytest.fixture
async def opened(engine: str, tmp_path: Path) -> AsyncIterator[Settings]:
    """The settings of a house that was started once."""
    settings = Settings(database_dsn=engine, data_dir=tmp_path / "house")
    await start(settings)
    yield settings
    known = known_migrations()[-1]
    database = await open_database(dsn.parse(engine), pool_size=1)
    async with database.write() as tx:
        await tx.execute(delete(schema_version).where(schema_version.c.version >= known.version))
        await tx.execute(insert(schema_version).values(version=known.version, checksum=known.checksum))
    await database.close()


async def test_a_wrong_key_is_refused_and_changes_nothing(opened: Settings, engine: str, tmp_path: Path):
    before = snapshots.files(tmp_path), await snapshots.rows(engine)

    assert "this master key does not belong to this database" in await refusal(
        dataclasses.replace(opened, master_key=ANOTHER_KEY)
    )
    assert before == (snapshots.files(tmp_path), await snapshots.rows(engine))


async def test_a_missing_key_file_is_refused_and_not_made_anew(opened: Settings, engine: str, tmp_path: Path):
    (opened.data_dir / "master.key").unlink()
    before = snapshots.files(tmp_path), await snapshots.rows(engine)

    assert "put the key file back" in await refusal(opened)
    assert before == (snapshots.files(tmp_path), await snapshots.rows(engine))


async def test_a_newer_database_is_refused_and_left_alone(opened: Settings, engine: str, tmp_path: Path):
    newer = known_migrations()[-1].version + 1
    database = await open_database(dsn.parse(engine), pool_size=1)
    async with database.write() as tx:
        await tx.execute(insert(schema_version).values(version=newer, checksum="c" * 64))
        await tx.execute(delete(schema_version).where(schema_version.c.version == newer - 1))
    await database.close()
    before = snapshots.files(tmp_path), await snapshots.rows(engine)

    assert f"the database has schema version {newer}" in await refusal(
        dataclasses.replace(opened, data_dir=tmp_path / "new")
    )
    assert before == (snapshots.files(tmp_path), await snapshots.rows(engine))


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_database_that_is_away_leaves_no_trace_of_the_start(scheme: str, tmp_path: Path):
    settings = Settings(database_dsn=f"{scheme}://ada:hunter2@127.0.0.1:1/house", data_dir=tmp_path / "house")

    line = await refusal(settings)
    assert line.startswith(f"cannot open the database {scheme}://ada:***@127.0.0.1:1/house")
    assert {} == snapshots.files(tmp_path)


async def test_a_key_in_a_variable_that_is_none_is_refused_before_anything_is_made(tmp_path: Path, sqlite: str):
    before = await snapshots.rows(sqlite)

    assert "MONOIZE_MASTER_KEY must hold the base64 of exactly 32 bytes" == await refusal(
        Settings(database_dsn=sqlite, data_dir=tmp_path / "house", master_key="è")
    )
    assert before == await snapshots.rows(sqlite)
    assert {} == snapshots.files(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a server was started and stopped."""
    folder = tmp_path_factory.mktemp("kept")
    with serving(folder):
        pass
    return folder


@pytest.fixture
def house(kept: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(kept, tmp_path / "house"))


def _lose_the_key(folder: Path) -> dict[str, str]:
    (folder / "data" / "master.key").unlink()
    return {}


def _give_another_key(folder: Path) -> dict[str, str]:
    return {"MONOIZE_MASTER_KEY": ANOTHER_KEY}


def _put_a_newer_database_there(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "data" / "monoize.db") as connection:
        connection.execute("INSERT INTO schema_version (version, checksum) VALUES (999, 'c')")
    connection.close()
    return {}


def _use_a_database_that_is_away(folder: Path) -> dict[str, str]:
    return {"DATABASE_URL": "postgresql://ada:hunter2@127.0.0.1:1/house"}


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_lose_the_key, "put the key file back"),
        (_give_another_key, "does not belong to this database"),
        (_put_a_newer_database_there, "the database has schema version 999"),
        (_use_a_database_that_is_away, "postgresql://ada:***@127.0.0.1:1/house"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line_and_changes_nothing(
    house: Path, break_it: Callable[[Path], dict[str, str]], said: str
):
    settings = break_it(house)
    before = snapshots.files(house)
    ended = _serve(house, "0", settings)

    assert before == snapshots.files(house)
    assert 0 != ended.code
    assert "" == ended.out
    (line,) = ended.err.splitlines()
    assert line.startswith("monoize: ")
    assert said in line
    assert "hunter2" not in line


def test_a_taken_port_is_noticed_before_anything_is_made(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = _serve(tmp_path, port, {})

    assert {} == snapshots.files(tmp_path)
    assert 0 != ended.code
    (line,) = ended.err.splitlines()
    assert line.startswith(f"monoize: cannot listen on 127.0.0.1:{port}: ")


def _serve(folder: Path, port: str, settings: dict[str, str]) -> processes.Outcome:
    arguments = ("serve", "--port", port)
    return forks().run(arguments, stdin="", cwd=folder, env=processes.environment(**settings), within_s=60)


MADE = {"data", "data/master.key", "data/monoize.db", "data/spool", "data/spool/0.db"}


def test_a_server_that_was_stopped_leaves_only_its_database_its_key_and_its_spool(kept: Path):
    files = snapshots.files(kept)

    assert set(files) == MADE
    assert {0o600} == {stat.S_IMODE(files[name][0]) for name in MADE - {"data", "data/spool"}}


def test_two_servers_starting_at_once_in_one_folder_both_come_up(tmp_path: Path):
    both = threading.Barrier(2, timeout=60)

    def come_up(_n: int) -> str:
        with serving(tmp_path) as server:
            both.wait()
            return server.address

    with ThreadPoolExecutor(2) as threads:
        addresses = set(threads.map(come_up, range(2)))

    assert 2 == len(addresses)
    assert MADE | {"data/spool/1.db"} == set(snapshots.files(tmp_path))
