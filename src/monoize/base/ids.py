"""Identifiers made by the application, so that inserts are idempotent and need no RETURNING."""

import hashlib
import random
import re
import secrets
import time
from typing import Final

_TEXT_SECRET_BYTES: Final = 32
_VERSION_7: Final = 0x7000_8000_0000_0000_0000
_CHANCE_BELOW: Final = 2**62 - 1
"""What is left of it to stand behind the two bits that say which kind of UUID it is."""
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_id() -> str:
    """A UUIDv7: sorts by creation time, so keyset paging can order by it. It is no secret."""
    milliseconds = time.time_ns() // 1_000_000
    # Not from the system: that takes longer than all the rest, twice for each request.
    chance = random.getrandbits(74)
    return id_text(milliseconds << 80 | _VERSION_7 | chance >> 62 << 64 | chance & _CHANCE_BELOW)


def id_text(value: int) -> str:
    """128 bits as a lower-case dashed UUID."""
    text = value.to_bytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether it has the form of one, as it is kept."""
    return _ID.fullmatch(text) is not None


def new_secret(prefix: str = "") -> str:
    """256 random bits as hex behind a prefix that tells what kind of secret it is."""
    return prefix + secrets.token_hex(_TEXT_SECRET_BYTES)


def fingerprint(secret: str) -> str:
    """What is stored of a high-entropy secret: enough to find it again, useless to a thief."""
    return hashlib.sha256(secret.encode()).hexdigest()
