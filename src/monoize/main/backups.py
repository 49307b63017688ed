"""`monoize backup`: the database of this installation in one file, and back again.

The master key is not in it: whoever has the one without the other has nothing. On SQLite a restore is staged: the
copy is checked and laid beside the database, and the next start puts it in place before anything is opened; what
was there stays beside it. On a server the copy is loaded into an empty database only: nothing is ever overwritten.
"""

import asyncio
import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any

import monoize
from monoize.base.clock import utc_now
from monoize.base.errors import StartupProblem
from monoize.control.identity.actions.first_account import system_call
from monoize.infra import backup_file, database_copies, dsn
from monoize.infra.audit_log import AuditLog
from monoize.infra.backup_file import Manifest
from monoize.infra.db import open_database
from monoize.infra.settings import Settings
from monoize.main import master_key
from monoize.main.key_file import key_at_hand
from monoize.migrations import runner


@dataclasses.dataclass(frozen=True, slots=True)
class Backup:
    file: Path
    manifest: Manifest


@dataclasses.dataclass(frozen=True, slots=True)
class Restored:
    """`staged` means that the next start puts it in place; else it is in the database already."""

    manifest: Manifest
    staged: bool


def facts(manifest: Manifest) -> dict[str, Any]:
    """What people are shown of a backup."""
    told = dataclasses.asdict(manifest) | {"created_at": manifest.created_at.isoformat()}
    del told["key_mark"]
    return told


async def create(settings: Settings, target: Path) -> Backup:
    """Also while a server runs. The audit log says that it was made."""
    address = dsn.parse(settings.database_dsn)
    database = await open_database(address, pool_size=1)
    try:
        present = await master_key.present(settings, database)
        with tempfile.TemporaryDirectory(dir=_folder(target), prefix=".backup-") as folder:
            copied = Path(folder, backup_file.COPY)
            await asyncio.to_thread(database_copies.copy, address, copied)
            bytes, sha256 = await asyncio.to_thread(backup_file.measured, copied)
            manifest = Manifest(
                created_at=utc_now(),
                monoize=monoize.__version__,
                engine=address.engine,
                schema_version=runner.known_migrations()[-1].version,
                key_mark=present.mark,
                bytes=bytes,
                sha256=sha256,
            )
            await asyncio.to_thread(backup_file.write, target, manifest, copied)
        async with AuditLog(database, present.seal).change(system_call()) as change:
            change.record("backup.create", "backup", target.name, bytes=manifest.bytes, sha256=manifest.sha256)
    finally:
        await database.close()
    return Backup(target, manifest)


def verify(source: Path) -> Manifest:
    """Read all of it; StartupProblem when a single byte is not as it was written."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, backup_file.COPY)
        manifest = backup_file.extract(source, copied)
        if manifest.engine == "sqlite":
            database_copies.check_sqlite(copied)
    return manifest


async def restore(settings: Settings, source: Path) -> Restored:
    """Refuses what is damaged, newer than this program, of another engine, or sealed with another master key."""
    address = dsn.parse(settings.database_dsn)
    manifest = await asyncio.to_thread(backup_file.read_manifest, source)
    _check_fits(settings, address, manifest)
    if address.file is not None:
        await asyncio.to_thread(_stage, source, address.file)
        return Restored(manifest, staged=True)
    await _check_empty(address)
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, backup_file.COPY)
        await asyncio.to_thread(backup_file.extract, source, copied)
        await asyncio.to_thread(database_copies.load, address, copied)
    return Restored(manifest, staged=False)


def discard(settings: Settings) -> bool:
    """Forget a staged restore; whether there was one."""
    file = dsn.parse(settings.database_dsn).file
    if file is None or not _staged(file).exists():
        return False
    _staged(file).unlink()
    return True


def put_in_place(address: dsn.Dsn) -> bool:
    """At start, before the database is opened: what was staged becomes the database. Safe to die anywhere in it."""
    file = address.file
    if file is None or not _staged(file).exists():
        return False
    if file.exists():
        # Of an earlier restore; what is about to become the previous database must not meet its log.
        for ending in _ENDINGS:
            _previous(file, ending).unlink(missing_ok=True)
    # The database itself goes first: as long as it is here, its log is here as well.
    for ending in _ENDINGS:
        if (present := _beside(file, ending)).exists():
            os.replace(present, _previous(file, ending))
    os.replace(_staged(file), file)
    _sync(file.parent)
    return True


_ENDINGS = ("", "-wal", "-shm")


def _stage(source: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.restore.part")
    draft.unlink(missing_ok=True)
    try:
        backup_file.extract(source, draft)
        database_copies.check_sqlite(draft)
        os.replace(draft, _staged(file))
        _sync(file.parent)
    except OSError as problem:
        raise StartupProblem(f"the backup cannot be laid beside {file}: {problem.strerror}") from problem
    finally:
        draft.unlink(missing_ok=True)


def _check_fits(settings: Settings, address: dsn.Dsn, manifest: Manifest) -> None:
    if manifest.engine != address.engine:
        raise StartupProblem(f"this backup is one of {manifest.engine}, and {address} is not")
    newest = runner.known_migrations()[-1].version
    if manifest.schema_version > newest:
        raise StartupProblem(
            f"this backup has schema version {manifest.schema_version}, this Monoize knows {newest}; "
            "restore it with the newer one"
        )
    key = key_at_hand(settings)
    if key is None or master_key.mark_of(key) != manifest.key_mark:
        raise StartupProblem(
            "the master key here is not the one of this backup, and nothing in it could be opened; "
            "put the key of that time in place first, which an exchange leaves as master.key.previous"
        )


async def _check_empty(address: dsn.Dsn) -> None:
    database = await open_database(address, pool_size=1)
    try:
        async with database.connect() as connection:
            is_empty = await connection.run_sync(runner.is_empty)
    finally:
        await database.close()
    if not is_empty:
        raise StartupProblem(f"{address} is not empty; make a new database and name that in MONOIZE_DATABASE_DSN")


def _staged(file: Path) -> Path:
    return file.with_name(f"{file.name}.restore")


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}{ending}")


def _previous(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}.previous{ending}")


def _folder(target: Path) -> Path:
    if not target.parent.is_dir():
        raise StartupProblem(f"there is no folder {target.parent}")
    return target.parent


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
