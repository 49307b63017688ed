"""When the hub refreshes a login, what it does when that fails, and when a host's own token was copied. Pure."""

import base64
import binascii
import datetime as dt
import hashlib
import json
from typing import Final

BEFORE_EXPIRY: Final = dt.timedelta(minutes=10)
JITTER_MOST_S: Final = 120
# What the tool itself does with a token that does not say when it ends.
UNSAID_LIFETIME: Final = dt.timedelta(days=8)
LEASE: Final = dt.timedelta(seconds=120)
STALE_WITHIN: Final = dt.timedelta(seconds=30)
"""A token that ends sooner is not given to anybody."""
_FIRST_WAIT: Final = dt.timedelta(seconds=30)
_WAIT_MOST: Final = dt.timedelta(minutes=15)
_UNIX_S_MOST: Final = 253_402_300_799

FINAL_ERRORS: Final = frozenset(
    {"refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated", "refused"}
)
"""After one of these only a new login helps, so it is not tried again."""


def wanted_name(pool_id: str) -> str:
    """The row of `versions` by which somebody asks for a refresh before it is due."""
    return f"refresh_wanted:{pool_id}"


def expires_at(access_token: str) -> dt.datetime | None:
    """When a JWT says that it ends; nobody checks its signature here. None when it does not say."""
    try:
        payload = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        seconds = claims["exp"]
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(seconds, int) or not 0 < seconds <= _UNIX_S_MOST:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def due_at(access_token: str, renewed_at: dt.datetime) -> dt.datetime:
    """Early enough for every host to get the new one in time, and not for all pools at once."""
    ends = expires_at(access_token)
    if ends is None:
        return renewed_at + UNSAID_LIFETIME
    jitter = int.from_bytes(hashlib.sha256(access_token.encode()).digest()[:4]) % (JITTER_MOST_S + 1)
    return ends - BEFORE_EXPIRY - dt.timedelta(seconds=jitter)


def is_stale(access_token: str, now: dt.datetime) -> bool:
    ends = expires_at(access_token)
    return ends is not None and ends <= now + STALE_WITHIN


def may_try(error: str | None, failed_at: dt.datetime | None, failures: int, now: dt.datetime) -> bool:
    """After `failures` in a row: twice as long a wait each time."""
    if failed_at is None:
        return True
    if error in FINAL_ERRORS:
        return False
    doublings = min(max(failures - 1, 0), 10)
    wait: dt.timedelta = min(_FIRST_WAIT * 2**doublings, _WAIT_MOST)
    return now >= failed_at + wait


def is_copied(generation: int, *, newest: int | None, one_before_was_repeated: bool) -> bool:
    """Whether a host's own refresh token, which was used before, is in the hands of two.

    Somebody has gone on from its successor; or two that take turns each come for what the other has been given
    already, at one renewal after the other, where an answer is lost once in a while.
    """
    return newest != generation + 1 or one_before_was_repeated
