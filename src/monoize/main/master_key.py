"""The master key: how a start finds the right one, and how it is exchanged for another.

`monoize secrets rotate-master` seals everything anew in one transaction. The new key is on disk beside the old one
before that begins, and takes its place once it is done: whenever the process dies, the next start finds a key that
fits the database. A server that still runs with the old key changes nothing any more (`infra/audit_log`).
"""

import base64
import contextlib
import dataclasses
import os
from pathlib import Path

from monoize.base.errors import StartupProblem
from monoize.control.identity.actions.first_account import system_call
from monoize.control.identity.store import marks
from monoize.infra import dsn, sealed
from monoize.infra.audit_log import AuditLog, hold_for
from monoize.infra.db import Database, open_database
from monoize.infra.resealing import check_nothing_left, seal_anew
from monoize.infra.sealed import Seal, SealBroken
from monoize.infra.settings import Settings
from monoize.main.key_file import key_at_hand, key_file
from monoize.main.sealed_places import EVERY
from monoize.migrations import runner
from monoize.migrations.verify import declared_tables


@dataclasses.dataclass(frozen=True, slots=True)
class Rotated:
    """What became of it: how many values were sealed anew, and where the new key is (None: in the environment)."""

    key_id: str
    values: int
    file: Path | None


@dataclasses.dataclass(frozen=True, slots=True)
class Present:
    """The master key in force, as the seal of its database and the mark it left there."""

    seal: Seal
    mark: str


def mark_of(key: bytes) -> str:
    """By which a database knows its master key, without telling anything about it."""
    return Seal(key).sign("key check", b"")


def seal_with(key: bytes, founding_key: str | None) -> Seal:
    """The seal of a database with this master key and, where it was exchanged before, its sealed founding key."""
    present = Seal(key)
    if founding_key is None:
        return present
    try:
        return Seal(key, base64.b64decode(present.open(founding_key, *marks.FOUNDING_KEY_PLACE)))
    except SealBroken as problem:
        raise StartupProblem("the founding key in this database does not open with its master key") from problem


def settled(file: Path, key: bytes | None, mark: str) -> bytes | None:
    """The key in `file`; first that of an exchange which died between the database and the file is put there."""
    if key is not None and mark_of(key) == mark:
        return key
    coming = sealed.read_key(_coming(file))
    if coming is None or mark_of(coming) != mark:
        return key
    _take_place(file)
    return coming


async def rotate(settings: Settings, given: str | None) -> Rotated:
    """Exchange the master key for the one that is given, or for one that is made here and put into the key file."""
    new_key = None if given is None else sealed.decode_key(given, "the first line of stdin")
    file = key_file(settings)
    if settings.master_key and new_key is None:
        raise StartupProblem("the master key is in MONOIZE_MASTER_KEY: give the new one on stdin with --key-stdin")
    database = await open_database(dsn.parse(settings.database_dsn), pool_size=1)
    try:
        before = await present(settings, database)
        if settings.master_key:
            assert new_key is not None
            return await _exchange(database, before, new_key, None)
        coming = _laid_ready(file, new_key)
        done = await _exchange(database, before, coming, file)
        _take_place(file)
        return done
    finally:
        await database.close()


async def present(settings: Settings, database: Database) -> Present:
    """What is in force; StartupProblem unless key and schema are the right ones for this database."""
    async with database.connect() as connection:
        waiting = await connection.run_sync(runner.pending)
        mark = await connection.run_sync(marks.key_mark)
        founding_key = None if mark is None or waiting else await connection.run_sync(marks.founding_key)
    if waiting or mark is None:
        raise StartupProblem(
            "this database is not of this version of Monoize; start it once, or `monoize db migrate`"
        )
    key = key_at_hand(settings)
    if not settings.master_key:
        key = settled(key_file(settings), key, mark)
    if key is None or mark_of(key) != mark:
        raise StartupProblem("the present master key does not belong to this database; nothing was changed")
    return Present(seal_with(key, founding_key), mark)


async def _exchange(database: Database, before: Present, new_key: bytes, file: Path | None) -> Rotated:
    old, mark = before.seal, before.mark
    new = old.with_key(new_key)
    if new.key_id == old.key_id:
        raise StartupProblem("the new master key is the present one")
    # Its row is written with the new seal, whose digests are those of the old one.
    async with AuditLog(database, new).change(system_call()) as change:
        # First, so that no change of a running server comes in between: all wait here, and are then refused.
        await hold_for(change.tx, new)
        founding = new.founding_key(*marks.FOUNDING_KEY_PLACE)
        if not await marks.exchange(change.tx, mark, mark_of(new_key), founding):
            raise StartupProblem("somebody else exchanged the master key a moment ago")
        values = await seal_anew(change.tx, EVERY, old, new)
        await check_nothing_left(change.tx, declared_tables(), old)
        change.record("master_key.rotate", "master_key", new.key_id, before=old.key_id, values=values)
    return Rotated(new.key_id, values, file)


def _coming(file: Path) -> Path:
    return file.with_name(f"{file.name}.next")


def _laid_ready(file: Path, key: bytes | None) -> bytes:
    """The new key on disk. One that an exchange before us left there is used: it may be in force already."""
    coming = _coming(file)
    if key is None:
        return sealed.make_key(coming)[0]
    found, _ = sealed.lay_down(coming, key)
    if found != key:
        raise StartupProblem(
            f"{coming} holds another key, left by an exchange that was interrupted; remove it first"
        )
    return found


def _take_place(file: Path) -> None:
    """The new key in place of the old one, which stays beside it: backups from before open with that one only."""
    previous = file.with_name(f"{file.name}.previous")
    with contextlib.suppress(FileNotFoundError):
        draft = file.with_name(f".{previous.name}")
        # Left by somebody who died here; between two links to one file, replacing does nothing at all.
        draft.unlink(missing_ok=True)
        os.link(file, draft)
        os.replace(draft, previous)
        draft.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.replace(_coming(file), file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
