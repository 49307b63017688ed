"""Backups that this server makes itself, in a folder of its own: made, listed, handed out, laid ready, deleted.

Anything laid into that folder is listed as well, so one that comes from another machine is brought back in the same
way. What a backup is, and how the next start puts one in place, is `infra/backups`; that blocks, so it runs in a
thread. One is made at a time. What is not written down in the audit log did not happen: it is taken back.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import re
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from monoize.base.clock import utc_now
from monoize.base.errors import StartupProblem
from monoize.control.edge.house import House
from monoize.control.identity.store import marks
from monoize.control.projects.errors import (
    BackupBeingMade,
    BackupNotMade,
    BackupRefused,
    NoSuchBackup,
    NothingLaidReady,
    RestoredByHand,
)
from monoize.infra import backup_file, backups, dsn
from monoize.infra.audit_log import Change
from monoize.infra.backups import Here

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.backup")
_FOLDER: Final = "backups"
_LEFT_BEHIND_AFTER_S: Final = 2 * 3_600


@dataclasses.dataclass(frozen=True, slots=True)
class KeptBackup:
    """`bytes` and `sha256` are of the database in it. `problem` says why it cannot be brought back here."""

    name: str
    file_bytes: int
    created_at: dt.datetime | None = None
    monoize: str | None = None
    engine: str | None = None
    schema_version: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    problem: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class BackupsKept:
    """The newest first. `laid_ready_at`: since when a copy waits for the next start; null when none does."""

    items: Sequence[KeptBackup]
    laid_ready_at: dt.datetime | None


@dataclasses.dataclass(slots=True)
class Making:
    """A backup that stays when `tell` was called in a change that came to pass."""

    kept: KeptBackup
    told: bool = False

    async def tell(self, change: Change) -> KeptBackup:
        change.record("backup.create", "backup", self.kept.name, bytes=self.kept.bytes, sha256=self.kept.sha256)
        self.told = True
        return self.kept


class Backups:
    def __init__(self, house: House) -> None:
        self._database = house.database
        self._address = dsn.parse(house.settings.database_dsn)
        self._folder = house.settings.data_dir / _FOLDER
        self._making = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def making(self) -> AsyncIterator[Making]:
        if self._making.locked():
            raise BackupBeingMade
        async with self._making:
            here = await self._here()
            target = self._folder / f"monoize-{utc_now():%Y-%m-%dT%H-%M-%S.%fZ}.backup"
            try:
                await asyncio.to_thread(_make, here, target)
            except StartupProblem as problem:
                raise BackupNotMade(said=str(problem)) from problem
            made = Making(await asyncio.to_thread(_read, here, target))
            done = False
            try:
                yield made
                done = made.told
            finally:
                if not done:
                    target.unlink(missing_ok=True)

    async def kept(self) -> BackupsKept:
        here = await self._here()
        return await asyncio.to_thread(_list, here, self._folder)

    def file(self, name: str) -> Path:
        """A name that leads elsewhere is none of ours, and neither is a link."""
        found = self._folder / name
        if not _NAME.fullmatch(name) or found.is_symlink() or not found.is_file():
            raise NoSuchBackup
        return found

    @contextlib.asynccontextmanager
    async def laying_ready(self, name: str) -> AsyncIterator[KeptBackup]:
        """Read all of it, compare it with what was written, and lay it ready for the next start."""
        source = self.file(name)
        if self._address.file is None:
            raise RestoredByHand
        kept = await asyncio.to_thread(_read, await self._here(), source)
        if kept.problem is not None:
            raise BackupRefused(said=kept.problem)
        try:
            await asyncio.to_thread(backups.stage, source, self._address.file)
        except StartupProblem as problem:
            raise BackupRefused(said=str(problem)) from problem
        try:
            yield kept
        except BaseException:
            backups.discard(self._address.file)
            raise

    def discard(self) -> None:
        """After `tell_discard`."""
        if self._address.file is not None:
            backups.discard(self._address.file)

    def needs_laid_ready(self) -> None:
        if _laid_ready_at(self._address.file) is None:
            raise NothingLaidReady

    async def _here(self) -> Here:
        async with self._database.connect() as connection:
            version = await connection.run_sync(marks.schema_version)
            mark = await connection.run_sync(marks.key_mark)
        return Here(self._address, version, mark or "")


async def tell_laid_ready(change: Change, kept: KeptBackup) -> KeptBackup:
    change.record("backup.stage", "backup", kept.name, bytes=kept.bytes, sha256=kept.sha256)
    return kept


async def tell_discard(change: Change) -> None:
    change.record("backup.discard", "backup", "restore")


async def tell_handed_out(change: Change, name: str) -> None:
    """All that is stored leaves the server, secrets sealed: that is worth a row, though nothing changes."""
    change.record("backup.download", "backup", name)


async def tell_deletion(change: Change, name: str) -> None:
    change.record("backup.delete", "backup", name)


def _make(here: Here, target: Path) -> None:
    folder = target.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
    except OSError as problem:
        raise StartupProblem(f"{folder} cannot be used: {problem.strerror}") from problem
    backups.make(here, target)


def _sweep(folder: Path) -> None:
    """What a process that died left half made."""
    for left in folder.glob(".*"):
        if left.stat().st_mtime < time.time() - _LEFT_BEHIND_AFTER_S:
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def _list(here: Here, folder: Path) -> BackupsKept:
    there = [file for file in folder.glob("*.backup") if file.is_file() and not file.is_symlink()]
    found = [_read(here, file) for file in there if _NAME.fullmatch(file.name)]
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    found.sort(key=lambda one: (one.created_at or oldest, one.name), reverse=True)
    return BackupsKept(found, _laid_ready_at(here.address.file))


def _read(here: Here, file: Path) -> KeptBackup:
    """What its manifest says; the rest of it is read when it is laid ready."""
    size = file.stat().st_size
    try:
        manifest = backup_file.read_manifest(file)
    except StartupProblem as problem:
        return KeptBackup(file.name, size, problem=str(problem))
    kept = KeptBackup(
        name=file.name,
        file_bytes=size,
        created_at=manifest.created_at,
        monoize=manifest.monoize,
        engine=manifest.engine,
        schema_version=manifest.schema_version,
        bytes=manifest.bytes,
        sha256=manifest.sha256,
    )
    try:
        backups.check_fits(here, manifest)
    except StartupProblem as problem:
        return dataclasses.replace(kept, problem=str(problem))
    return kept


def _laid_ready_at(file: Path | None) -> dt.datetime | None:
    if file is None or not backups.staged(file).exists():
        return None
    return dt.datetime.fromtimestamp(backups.staged(file).stat().st_mtime, dt.UTC)
