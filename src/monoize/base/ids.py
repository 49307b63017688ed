"""Identifiers made by the application, so that inserts are idempotent and need no RETURNING."""

import hashlib
import os
import secrets
import time
import uuid
from typing import Final

_TEXT_SECRET_BYTES: Final = 32


def new_id() -> str:
    """A UUIDv7: sorts by creation time, so keyset paging can order by it."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=value))


def new_secret(prefix: str = "") -> str:
    """256 random bits as hex behind a prefix that tells what kind of secret it is."""
    return prefix + secrets.token_hex(_TEXT_SECRET_BYTES)


def fingerprint(secret: str) -> str:
    """What is stored of a high-entropy secret: enough to find it again, useless to a thief."""
    return hashlib.sha256(secret.encode()).hexdigest()
