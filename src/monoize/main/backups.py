"""`monoize backup`: the database of this installation in one file, and back again.

The master key is not in it: whoever has the one without the other has nothing. On SQLite a restore is staged, and
the next start puts it in place; what was there stays beside it. On a server the copy is loaded into an empty
database only: nothing is ever overwritten. What the API does as well is in `infra/backups`.
"""

import asyncio
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from monoize.base.errors import StartupProblem
from monoize.control.identity.actions.first_account import system_call
from monoize.infra import backup_file, backups, database_copies, dsn
from monoize.infra.audit_log import AuditLog
from monoize.infra.backup_file import Manifest
from monoize.infra.backups import Here
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
        manifest = await asyncio.to_thread(backups.make, _here(address, present.mark), target)
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
    key = key_at_hand(settings)
    backups.check_fits(_here(address, "" if key is None else master_key.mark_of(key)), manifest)
    if address.file is not None:
        await asyncio.to_thread(backups.stage, source, address.file)
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
    return file is not None and backups.discard(file)


def _here(address: dsn.Dsn, key_mark: str) -> Here:
    return Here(address, runner.known_migrations()[-1].version, key_mark)


async def _check_empty(address: dsn.Dsn) -> None:
    database = await open_database(address, pool_size=1)
    try:
        async with database.connect() as connection:
            is_empty = await connection.run_sync(runner.is_empty)
    finally:
        await database.close()
    if not is_empty:
        raise StartupProblem(f"{address} is not empty; make a new database and name that in MONOIZE_DATABASE_DSN")
