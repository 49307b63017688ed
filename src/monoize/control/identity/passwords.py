"""Slow hashes off the event loop: Argon2id for people's passwords, bcrypt for named tokens.

Two worker threads hash; beyond `WAITING_MOST` waiting callers the next one is refused, so that a flood of
sign-ins cannot take the whole process with it.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from monoize.base.errors import TooMany

WAITING_MOST: Final = 64
BCRYPT_COST: Final = 10
_WORKERS: Final = 2
_BCRYPT_BYTES_MOST: Final = 72

Result = TypeVar("Result")


class HashingBusy(TooMany):
    """Too many people are signing in at this moment."""

    code = "sign_in_busy"


class Passwords:
    def __init__(self) -> None:
        self._argon2 = PasswordHasher()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="hash")
        self._waiting = 0

    @functools.cached_property
    def _nobodys(self) -> str:
        """Compared against when there is no such account, so that its absence takes just as long."""
        return self._argon2.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        return await self._in_pool(lambda: self._argon2.hash(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        return await self._in_pool(lambda: self._argon2_matches(password, stored))

    async def hash_token(self, secret: str) -> str:
        salt = bcrypt.gensalt(BCRYPT_COST)
        return await self._in_pool(lambda: bcrypt.hashpw(secret.encode(), salt).decode())

    async def token_matches(self, secret: str, stored: str) -> bool:
        # bcrypt would not look at more, and take whatever follows for right.
        if len(secret.encode()) > _BCRYPT_BYTES_MOST:
            return False
        return await self._in_pool(lambda: bcrypt.checkpw(secret.encode(), stored.encode()))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _argon2_matches(self, password: str, stored: str | None) -> bool:
        try:
            self._argon2.verify(stored or self._nobodys, password)
        except (Argon2Error, InvalidHashError):
            return False
        return stored is not None

    async def _in_pool(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= WAITING_MOST:
            raise HashingBusy(retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1
