"""The one `authenticate`: from whatever a request shows to a Principal.

Fails closed. What is cached is bounded and short-lived: a verified key or token costs one dictionary look-up for
`GRANT_TTL_S`, so that revoking it reaches every process within that time and this process at once. The slow
comparison of a token's secret is remembered longer, but only together with the stored hash it matched.
Wrong keys and tokens are counted per address and per prefix; beyond the limit whoever shows one has to wait, and
no token is compared that was not right a moment ago. Sessions are not counted: one that has ended must not keep
its owner from signing in again.
"""

import asyncio
import datetime as dt
import time
import uuid
from collections import OrderedDict
from typing import Final, Generic, TypeVar

from monoize.base.clock import utc_now
from monoize.base.errors import TooMany, Unauthenticated
from monoize.base.ids import fingerprint
from monoize.base.principal import Principal
from monoize.control.edge.house import Presented
from monoize.control.identity import model
from monoize.control.identity.actions.key_holders import holder_of
from monoize.control.identity.actions.sign_in import check_active, check_may_enter
from monoize.control.identity.errors import (
    AddressNotAllowed,
    ImpersonationRefused,
    InvalidCredential,
    NoSuchUser,
)
from monoize.control.identity.passwords import Passwords
from monoize.control.identity.store import keys, sessions, tenants, tokens, users
from monoize.infra.audit_log import Entry
from monoize.infra.counters import Counters
from monoize.infra.db import Database

GRANT_TTL_S: Final = 1.0
CACHED_MOST: Final = 10_000
FAILURES_PER_ADDRESS: Final = 20
FAILURES_PER_PREFIX: Final = 50
FAILURE_WINDOW_S: Final = 600
_PREFIX_CHARS: Final = 12
_GRANTS_REST_ON: Final = frozenset({"user", "tenant", "key", "token", "agent"})
_CREDENTIAL_CHARS: Final = (12, 512)

Value = TypeVar("Value")


class TooManyFailures(TooMany):
    """Too many failed attempts."""

    code = "too_many_failures"
    hint = "Wait, then check the credential before trying again."


class FailureLimiter:
    """Counts wrong credentials and passwords, per address and per name or prefix."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def check(self, ip: str | None, prefix: str) -> None:
        for key, most in self._keys(ip, prefix):
            count, left_s = await self._counters.peek(key)
            if count >= most:
                raise TooManyFailures(retry_after_s=left_s)

    async def failed(self, ip: str | None, prefix: str) -> None:
        for key, _ in self._keys(ip, prefix):
            await self._counters.add(key, FAILURE_WINDOW_S)

    async def succeeded(self, prefix: str) -> None:
        await self._counters.forget(f"failures:prefix:{fingerprint(prefix)}")

    def _keys(self, ip: str | None, prefix: str) -> list[tuple[str, int]]:
        return [
            (f"failures:ip:{ip or 'unknown'}", FAILURES_PER_ADDRESS),
            (f"failures:prefix:{fingerprint(prefix)}", FAILURES_PER_PREFIX),
        ]


class Bounded(Generic[Value]):
    """At most `CACHED_MOST` values, the least recently used one goes first."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str) -> Value | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: str, value: Value) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > CACHED_MOST:
            self._values.popitem(last=False)

    def clear(self) -> None:
        self._values.clear()


class IdentityAuthenticator:
    def __init__(self, database: Database, passwords: Passwords, limiter: FailureLimiter) -> None:
        self._database = database
        self._passwords = passwords
        self._limiter = limiter
        self._generation = 0
        self._grants: Bounded[tuple[Principal, tuple[str, ...], float]] = Bounded()
        self._verified: Bounded[str] = Bounded()
        self._used_keys: dict[str, dt.datetime] = {}
        self._used_tokens: dict[int, dt.datetime] = {}
        self._comparing: dict[str, asyncio.Lock] = {}

    async def authenticate(self, presented: Presented) -> Principal:
        secret = presented.bearer or presented.session or presented.authjs_session
        if not secret:
            raise Unauthenticated(hint="Send `Authorization: Bearer …`, or sign in at /login.")
        if presented.authjs_session:
            principal = await self._authjs_session(secret)
        elif presented.session or secret.startswith(model.SESSION_PREFIX):
            principal = await self._session(model.stored_session_token(secret))
        else:
            principal = await self._counted(secret, presented.ip)
        if presented.act_for is not None:
            principal = await self._acting_for(principal, presented.act_for)
        return principal

    async def changed(self, entry: Entry) -> None:
        """Drop every cached grant when something that grants rest on has changed."""
        if entry.target_type in _GRANTS_REST_ON:
            self._generation += 1
            self._grants.clear()

    def key_used(self, key_id: str, at: dt.datetime) -> None:
        self._used_keys[key_id] = at

    async def flush_last_used(self) -> None:
        """Write when keys and tokens were last used; batched, since every request uses one."""
        used_keys, self._used_keys = self._used_keys, {}
        used_tokens, self._used_tokens = self._used_tokens, {}
        if not used_keys and not used_tokens:
            return
        async with self._database.write() as tx:
            if used_keys:
                await keys.touch(tx, used_keys)
            if used_tokens:
                await tokens.touch(tx, used_tokens)

    async def _counted(self, bearer: str, ip: str | None) -> Principal:
        try:
            return await self._bearer(bearer, ip)
        except InvalidCredential:
            await self._limiter.failed(ip, bearer[:_PREFIX_CHARS])
            await self._limiter.check(ip, bearer[:_PREFIX_CHARS])
            raise

    async def _bearer(self, bearer: str, ip: str | None) -> Principal:
        least, most = _CREDENTIAL_CHARS
        if not (least <= len(bearer) <= most and bearer.isascii() and bearer.isprintable()):
            raise InvalidCredential
        digest = fingerprint(bearer)
        cached = self._grants.get(digest)
        if cached and cached[2] > time.monotonic():
            principal, networks, _ = cached
        else:
            principal, networks = await self._resolved(bearer, digest, ip)
        if not model.address_allowed(ip, networks):
            raise AddressNotAllowed
        return principal

    async def _resolved(self, bearer: str, digest: str, ip: str | None) -> tuple[Principal, tuple[str, ...]]:
        generation = self._generation
        networks: tuple[str, ...] = ()
        if bearer.startswith(model.API_KEY_PREFIX) or (model.may_be_lent(bearer) and await self._is_key(digest)):
            principal, networks = await self._api_key(digest)
        else:
            principal = await self._token(bearer, digest, ip)
        # A revocation that ran while we read must not be undone by what we read.
        if generation == self._generation:
            self._grants.put(digest, (principal, networks, time.monotonic() + GRANT_TTL_S))
        return principal, networks

    async def _api_key(self, digest: str) -> tuple[Principal, tuple[str, ...]]:
        now = utc_now()
        async with self._database.read() as tx:
            holder = await holder_of(tx, digest, now)
        self.key_used(holder.key.id, now)
        return model.api_key_principal(holder.key, holder.owner), tuple(holder.key.ip_whitelist)

    async def _is_key(self, digest: str) -> bool:
        async with self._database.read() as tx:
            return await keys.with_digest(tx, digest) is not None

    async def _token(self, bearer: str, digest: str, ip: str | None) -> Principal:
        now = utc_now()
        lookup, secret = model.split_token(bearer)
        async with self._database.read() as tx:
            found = await tokens.with_lookup(tx, lookup)
            tenant = await tenants.get(tx, found[0].tenant_id) if found else None
        if found is None or tenant is None:
            raise InvalidCredential
        token, stored = found
        if self._verified.get(digest) != stored:
            await self._limiter.check(ip, bearer[:_PREFIX_CHARS])
            await self._compare(digest, secret, stored)
        if token.expires_at and token.expires_at <= now:
            raise InvalidCredential
        check_active(tenant)
        self._used_tokens[token.id] = now
        return model.token_principal(token)

    async def _compare(self, digest: str, secret: str, stored: str) -> None:
        """The slow comparison, once even when many requests bring the same token at the same time."""
        lock = self._comparing.setdefault(digest, asyncio.Lock())
        try:
            async with lock:
                if self._verified.get(digest) == stored:
                    return
                if not await self._passwords.token_matches(secret, stored):
                    raise InvalidCredential
                self._verified.put(digest, stored)
        finally:
            if not lock.locked():
                self._comparing.pop(digest, None)

    async def _authjs_session(self, secret: str) -> Principal:
        """Auth.js stores what the browser shows; our own digests in the same column must not open the door."""
        if model.is_ours(secret):
            raise InvalidCredential
        return await self._session(secret)

    async def _session(self, stored: str) -> Principal:
        async with self._database.read() as tx:
            session = await sessions.with_token(tx, stored)
            if session is None or session.expires <= utc_now():
                raise InvalidCredential
            user = await users.get(tx, session.user_id)
            await check_may_enter(tx, user)
        return model.user_principal(user, session_id=session.id)

    async def _acting_for(self, token: Principal, user_id: str) -> Principal:
        if token.kind != "token" or not token.may("impersonate"):
            raise ImpersonationRefused
        try:
            id = str(uuid.UUID(user_id))
            async with self._database.read() as tx:
                user = await users.get(tx, id)
                model.check_may_impersonate(token, user)
                await check_may_enter(tx, user)
        except (ValueError, NoSuchUser):
            raise ImpersonationRefused from None
        return model.user_principal(user, via=token)
