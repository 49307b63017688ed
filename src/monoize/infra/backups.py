"""Backups of a whole database, and copies laid ready to take its place.

For the command line and the start (`main/backups`, `main/house`) and for the API (`control/projects`): it blocks.
A restore never touches a database that is open: the copy is checked and laid beside it, and the next start puts it
in place before anything is opened. Everything wrong is a StartupProblem that says what.
"""

import dataclasses
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import monoize
from monoize.base.clock import utc_now
from monoize.base.errors import StartupProblem
from monoize.infra import backup_file, database_copies
from monoize.infra.backup_file import Manifest
from monoize.infra.dsn import Dsn

_ENDINGS: Final = ("", "-wal", "-shm")
_LEFT_FREE: Final = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Here:
    """What a backup has to fit: this database, the newest schema that is known here, the mark of the master key."""

    address: Dsn
    schema_version: int
    key_mark: str


def make(here: Here, target: Path) -> Manifest:
    """Also while others write. A file that is there is never replaced."""
    if not target.parent.is_dir():
        raise StartupProblem(f"there is no folder {target.parent}")
    _check_room(here.address.file, target.parent)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
            copied = Path(folder, backup_file.COPY)
            database_copies.copy(here.address, copied)
            bytes, sha256 = backup_file.measured(copied)
            manifest = Manifest(
                created_at=utc_now(),
                monoize=monoize.__version__,
                engine=here.address.engine,
                schema_version=here.schema_version,
                key_mark=here.key_mark,
                bytes=bytes,
                sha256=sha256,
            )
            backup_file.write(target, manifest, copied)
    except OSError as problem:
        raise StartupProblem(f"cannot write the backup {target}: {problem.strerror}") from problem
    return manifest


def check_fits(here: Here, manifest: Manifest) -> None:
    """Refuse what is of another engine, newer than this program, or sealed with another master key."""
    if manifest.engine != here.address.engine:
        raise StartupProblem(f"this backup is one of {manifest.engine}, and {here.address} is not")
    if manifest.schema_version > here.schema_version:
        raise StartupProblem(
            f"this backup has schema version {manifest.schema_version}, this Monoize knows {here.schema_version}; "
            "restore it with the newer one"
        )
    if manifest.key_mark != here.key_mark:
        raise StartupProblem(
            "the master key here is not the one of this backup, and nothing in it could be opened; "
            "put the key of that time in place first, which an exchange leaves as master.key.previous"
        )


def stage(source: Path, file: Path) -> None:
    """Lay the copy beside the database `file`, for the next start. What was laid ready before gives way to it."""
    draft = file.with_name(f"{file.name}.restore.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        backup_file.extract(source, draft)
        database_copies.check_sqlite(draft)
        os.replace(draft, staged(file))
        _sync(file.parent)
    except OSError as problem:
        raise StartupProblem(f"the backup cannot be laid beside {file}: {problem.strerror}") from problem
    finally:
        draft.unlink(missing_ok=True)


def discard(file: Path) -> bool:
    """Forget what was laid ready; whether there was anything."""
    there = staged(file).exists()
    staged(file).unlink(missing_ok=True)
    return there


def put_in_place(address: Dsn) -> bool:
    """At start, before the database is opened: what was staged becomes the database. Safe to die anywhere in it."""
    file = address.file
    if file is None or not staged(file).exists():
        return False
    if file.exists():
        # Of an earlier restore; what is about to become the previous database must not meet its log.
        for ending in _ENDINGS:
            _previous(file, ending).unlink(missing_ok=True)
    # The database itself goes first: as long as it is here, its log is here as well.
    for ending in _ENDINGS:
        if (present := file.with_name(f"{file.name}{ending}")).exists():
            os.replace(present, _previous(file, ending))
    os.replace(staged(file), file)
    _sync(file.parent)
    return True


def staged(file: Path) -> Path:
    return file.with_name(f"{file.name}.restore")


def _check_room(file: Path | None, folder: Path) -> None:
    """A disk that a backup fills is full for the database as well."""
    if file is None or not file.exists():
        return
    # The copy, and at worst as much again in the archive.
    needed = 2 * (file.stat().st_size + _LEFT_FREE)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StartupProblem(f"{folder} has {free} bytes free, and a backup may need {needed}")


def _previous(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}.previous{ending}")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
