"""Copies of a whole database, by each engine's own means: SQLite's backup API, `pg_dump`, `mariadb-dump`.

Called by `infra/backups` and by the command line: it blocks. A tool that is not installed, or that
fails, is a StartupProblem which says so. No password is ever an argument of a process.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from monoize.base.errors import StartupProblem
from monoize.infra.dsn import Dsn

TOOL_MOST_S: Final = 3_600
_SAID_MOST: Final = 500


def copy(dsn: Dsn, target: Path) -> None:
    """A copy as of one moment, while others go on writing."""
    match dsn.engine:
        case "sqlite":
            _copy_sqlite(dsn, target)
        case "postgresql":
            with _postgresql(dsn) as address:
                _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", address)
        case "mysql":
            with _mariadb(dsn) as arguments:
                _run(
                    *(_mariadb_tool("mariadb-dump", "mysqldump"), *arguments),
                    *("--single-transaction", "--quick", "--skip-lock-tables", "--triggers", "--hex-blob"),
                    *("--default-character-set=utf8mb4", f"--result-file={target}", _database(dsn)),
                )


def load(dsn: Dsn, source: Path) -> None:
    """Fill an empty database of a server. PostgreSQL takes all of it or nothing."""
    match dsn.engine:
        case "postgresql":
            with _postgresql(dsn) as address:
                _run(
                    *("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"),
                    *(f"--dbname={address}", str(source)),
                )
        case "mysql":
            with _mariadb(dsn) as arguments, source.open("rb") as dump:
                tool = _mariadb_tool("mariadb", "mysql")
                _run(tool, *arguments, "--default-character-set=utf8mb4", _database(dsn), stdin=dump.fileno())
        case _:
            raise AssertionError("a file is put in place, not loaded")


def check_sqlite(file: Path) -> None:
    """StartupProblem unless the file is a database whose pages are all as they should be."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as problem:
        raise StartupProblem(f"{file} is not a database: {problem}") from problem
    if said != "ok":
        raise StartupProblem(f"the database {file} is damaged: {said}")


def _copy_sqlite(dsn: Dsn, target: Path) -> None:
    if dsn.file is None:
        raise StartupProblem("a database in memory cannot be backed up")
    if not dsn.file.exists():
        raise StartupProblem(f"there is no database {dsn.file}")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{dsn.file}?mode=ro", uri=True, timeout=60)) as source,
            contextlib.closing(sqlite3.connect(target)) as copied,
        ):
            # All pages at once: between two steps others write, and each write would make it begin again.
            source.backup(copied)
            # One file that needs no log beside it.
            copied.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as problem:
        raise StartupProblem(f"the database {dsn.file} cannot be copied: {problem}") from problem
    check_sqlite(target)


@contextlib.contextmanager
def _postgresql(dsn: Dsn) -> Iterator[str]:
    """An address for libpq. The password goes by a file that only we can read."""
    url = dsn.server_url
    assert url is not None
    with tempfile.TemporaryDirectory() as folder:
        query = dict(url.query)
        if "ssl" in query:
            query["sslmode"] = query.pop("ssl")
        if url.password:
            file = Path(folder, "pgpass")
            password = str(url.password).replace("\\", "\\\\").replace(":", "\\:")
            _private(file, f"*:*:*:*:{password}\n")
            query["passfile"] = str(file)
        bare = url.set(drivername="postgresql", password=None, query=query)
        yield bare.render_as_string(hide_password=False)


@contextlib.contextmanager
def _mariadb(dsn: Dsn) -> Iterator[Sequence[str]]:
    url = dsn.server_url
    assert url is not None
    socket = url.query.get("unix_socket")
    given = {
        "user": url.username,
        "password": url.password and str(url.password),
        "host": None if socket else url.host,
        "port": None if socket else url.port,
        "socket": socket,
    }
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{name}={_quoted(str(value))}" for name, value in given.items() if value]
        file = Path(folder, "client.cnf")
        _private(file, "\n".join(["[client]", *lines, ""]))
        yield (f"--defaults-extra-file={file}",)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _private(file: Path, text: str) -> None:
    with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as handle:
        handle.write(text)


def _database(dsn: Dsn) -> str:
    assert dsn.server_url is not None
    return str(dsn.server_url.database)


def _mariadb_tool(*names: str) -> str:
    return next((name for name in names if shutil.which(name)), names[0])


def _run(tool: str, *arguments: str, stdin: int | None = None) -> None:
    found = shutil.which(tool)
    if found is None:
        raise StartupProblem(f"{tool} is not installed here; it comes with the client programs of the database")
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the arguments are ours
            [found, *arguments],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TOOL_MOST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        raise StartupProblem(f"{tool} took longer than {TOOL_MOST_S} seconds and was stopped") from problem
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[:_SAID_MOST]
        raise StartupProblem(f"{tool} failed with {done.returncode}: {said}")
