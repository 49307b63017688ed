"""Opening the house: the database reached and migrated, the master key found and checked, the rooms put together.

What can fail fails before anything is changed: database, schema version, master key, then the migrations.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Final

from monoize.base.errors import StartupProblem
from monoize.control.edge.house import House
from monoize.control.identity.actions import first_account
from monoize.control.identity.services import Identity, make_identity
from monoize.control.identity.store import marks
from monoize.infra import backups, dsn, sealed
from monoize.infra.audit_log import AuditLog
from monoize.infra.counters import Counters, MemoryCounters
from monoize.infra.db import Database, open_database
from monoize.infra.sealed import Seal
from monoize.infra.settings import Settings
from monoize.main import master_key
from monoize.main.key_file import key_at_hand, key_file
from monoize.migrations import runner

_INSTALLATION_BYTES: Final = 6


@contextlib.asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[tuple[House, Identity]]:
    """The house with its database migrated and its key checked; everything is closed again at the end."""
    address = dsn.parse(settings.database_dsn)
    restored = await asyncio.to_thread(backups.put_in_place, address)
    database = await open_database(address, pool_size=settings.database_pool_size)
    try:
        async with furnish(settings, database) as (house, identity):
            if restored:
                async with house.audit_log.change(first_account.system_call()) as change:
                    change.record("backup.restore", "backup", str(address))
            yield house, identity
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def furnish(settings: Settings, database: Database) -> AsyncIterator[tuple[House, Identity]]:
    """A house over a database that is open and stays so."""
    async with contextlib.AsyncExitStack() as stack:
        seal = await _unlock(settings, database)
        installation = await _installation(database)
        counters = _counters(settings)
        stack.push_async_callback(counters.close)
        house, identity = _put_together(settings, database, seal, counters, installation)
        stack.callback(identity.passwords.close)
        stack.push_async_callback(identity.authenticator.flush_last_used)
        yield house, identity


def _counters(settings: Settings) -> Counters:
    if not settings.redis_url:
        return MemoryCounters()
    # Loading the client takes a third of a second, which a start without Redis need not pay.
    from monoize.infra.redis_counters import RedisCounters

    return RedisCounters(settings.redis_url)


def _put_together(
    settings: Settings, database: Database, seal: Seal, counters: Counters, installation: str
) -> tuple[House, Identity]:
    identity = make_identity(settings, database, counters)
    audit_log = AuditLog(database, seal)
    audit_log.observe(identity.authenticator.changed)
    house = House(settings, database, seal, audit_log, counters, identity.authenticator, installation)
    return house, identity


async def _unlock(settings: Settings, database: Database) -> Seal:
    """Find or make the master key, migrate, and leave a mark by which a wrong key is known the next time."""
    async with database.connect() as connection:
        # Also refuses a schema newer than ours, before anything is changed.
        await connection.run_sync(runner.pending)
        mark = await connection.run_sync(marks.key_mark)
    file = key_file(settings)
    made = False
    key = key_at_hand(settings)
    if mark is not None and not settings.master_key:
        key = await asyncio.to_thread(master_key.settled, file, key, mark)
    if key is None:
        if mark is not None:
            raise StartupProblem(
                f"this database was opened with a master key before, and {file} is not there; "
                "put the key file back, or set MONOIZE_MASTER_KEY"
            )
        key, made = sealed.make_key(file)
    ours = master_key.mark_of(key)
    if mark is None:
        await runner.migrate(database)
        mark = await marks.leave_key_mark(database, ours)
    if mark != ours:
        if made:
            # Another machine opened this database first: the key made here a moment ago is of no use.
            file.unlink(missing_ok=True)
        raise StartupProblem(
            "this master key does not belong to this database; "
            "set MONOIZE_MASTER_KEY or MONOIZE_MASTER_KEY_FILE to the one it was first started with"
        )
    await runner.migrate(database)
    async with database.connect() as connection:
        founding_key = await connection.run_sync(marks.founding_key)
    return master_key.seal_with(key, founding_key)


async def _installation(database: Database) -> str:
    """Drawn once for each database: two of them may have the same master key and still are two installations."""
    async with database.connect() as connection:
        found = await connection.run_sync(marks.installation)
    return found or await marks.leave_installation(database, secrets.token_hex(_INSTALLATION_BYTES))
