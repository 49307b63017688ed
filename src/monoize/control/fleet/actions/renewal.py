"""Hub-owned refresh: the hub alone renews a pool's login, early and behind a lease, and hosts get what came of it.

A refresh token can be used once. So what the token server gave is written down whatever happens meanwhile: if the
database is away, again and again while the lease lasts; if an operator has replaced the login, into history.
"""

import asyncio
import datetime as dt
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Unavailable
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.fleet.actions import alerts, payloads
from monoize.control.fleet.drivers.token_server import Granted, RefreshFailed, RefreshRefused, TokenServer
from monoize.control.fleet.errors import CanonicalInvalid, NotRefreshedHere
from monoize.control.fleet.model import dates, documents, views
from monoize.control.fleet.model.alerts import Trouble
from monoize.control.fleet.model.payloads import Held, Payload
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.renewal import LEASE, due_at, may_try, wanted_name
from monoize.control.fleet.model.tools import CODEX
from monoize.control.fleet.store import leases
from monoize.control.fleet.store import pools as pool_store
from monoize.control.identity.store import versions
from monoize.infra.audit_log import Change

log = structlog.get_logger(__name__)

SAVE_PAUSE_S: Final = 1.0
_UNREACHABLE: Final = "unreachable"


_WANTED: Final = "yes"


async def ask_for(change: Change, named: str) -> Pool:
    """Let the login be renewed at the next opportunity, whatever came of the last attempt."""
    pool = await pool_store.find(change.tx, named)
    if pool.mode != "hub":
        raise NotRefreshedHere
    await versions.put(change.tx, wanted_name(pool.id), _WANTED)
    change.record("credential.ask_refresh", "pool", pool.id, name=pool.name)
    return pool


class Refresher:
    """Renews what is due, in all pools. Of several processes one does it, whichever is first."""

    def __init__(self, house: House, token_server: TokenServer) -> None:
        self._house = house
        self._token_server = token_server
        self._failures: dict[str, int] = {}

    async def run(self) -> None:
        """What the clock calls."""
        async with self._house.database.read() as tx:
            pools = await leases.refreshing_pools(tx)
        for pool in pools:
            await self.renew(pool)

    async def renew(self, pool: Pool) -> Payload | None:
        """The new document of the pool, if one was due or wanted, and could be had."""
        if await self._due(pool) is None:
            return None
        owner, now = new_id(), utc_now()
        async with self._house.database.write() as tx:
            if not await leases.take(tx, pool.id, owner, now=now, until=now + LEASE):
                return None
        try:
            # What was due a moment ago may have been renewed by whoever held the lease then.
            held = await self._due(pool)
            return await self._renewed(pool, held, until=now + LEASE) if held else None
        finally:
            async with self._house.database.write() as tx:
                await leases.give_back(tx, pool.id, owner)

    async def _due(self, pool: Pool) -> Held | None:
        now, failures = utc_now(), self._failures.get(pool.id, 0)
        try:
            async with self._house.database.read() as tx:
                is_wanted = await versions.value(tx, wanted_name(pool.id)) == _WANTED
                if not is_wanted and not may_try(pool.refresh_error, pool.refresh_failed_at, failures, now):
                    return None
                held = await payloads.canonical(tx, self._house.seal, pool)
        except CanonicalInvalid:
            await payloads.tell_of_broken(self._house.database, pool)
            return None
        if held is None or views.refresh_token(held.credential.document) is None:
            return None
        token = documents.access_token(held.credential.document, CODEX) or ""
        return held if is_wanted or now >= due_at(token, held.credential.moment) else None

    async def _renewed(self, pool: Pool, held: Held, *, until: dt.datetime) -> Payload | None:
        refresh_token = views.refresh_token(held.credential.document)
        assert refresh_token is not None
        try:
            granted = await self._token_server.refresh(refresh_token)
        except RefreshRefused as refused:
            await self._failed(pool, refused.code)
            return None
        except RefreshFailed as failed:
            log.warning("fleet_refresh_failed", pool=pool.name, problem=str(failed))
            await self._failed(pool, _UNREACHABLE)
            return None
        self._failures.pop(pool.id, None)
        return await self._saved(pool, held, granted, until)

    async def _saved(self, pool: Pool, held: Held, granted: Granted, until: dt.datetime) -> Payload:
        while True:
            try:
                async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
                    return await self._write_down(change, pool, held, granted)
            except Unavailable:
                if utc_now() >= until:
                    raise
                await asyncio.sleep(SAVE_PAUSE_S)

    async def _write_down(self, change: Change, pool: Pool, held: Held, granted: Granted) -> Payload:
        tx, seal, now = change.tx, self._house.seal, utc_now()
        document = views.renewed(held.credential.document, granted.tokens(), dates.written(now))
        now_held = await payloads.replaceable(tx, seal, pool)
        is_ours = now_held is not None and now_held.payload.id == held.payload.id
        credential = documents.read(document, CODEX)
        payload = await payloads.keep(tx, seal, pool, credential, origin="refresh", canonical=is_ours)
        await leases.succeeded(tx, pool.id)
        await versions.remove(tx, wanted_name(pool.id))
        change.record(
            "credential.refresh", "pool", pool.id, name=pool.name, payload_id=payload.id, canonical=is_ours
        )
        return payload

    async def _failed(self, pool: Pool, error: str) -> None:
        self._failures[pool.id] = self._failures.get(pool.id, 0) + 1
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            now = utc_now()
            await leases.failed(change.tx, pool.id, error, now)
            await versions.remove(change.tx, wanted_name(pool.id))
            trouble = Trouble(kind="refresh_failing", subject=pool.name, pool_id=pool.id, details={"error": error})
            await alerts.raise_alert(change.tx, trouble, now)
            change.record("credential.refresh_failed", "pool", pool.id, name=pool.name, error=error)
