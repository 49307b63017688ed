"""How much one connection may ask for, and all of them together."""

from typing import Final

import msgspec

_MIB: Final = 2**20


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    sockets: int = 2_000
    sockets_of_key: int = 500
    # Of one connection: turns, bytes of all messages, messages that wait while a turn runs.
    turns: int = 128
    heard_bytes: int = 100 * _MIB
    waiting: int = 4
    # What is remembered of a conversation, and of all conversations in this process.
    items: int = 4_096
    kept_bytes: int = 32 * _MIB
    kept_bytes_of_all: int = 256 * _MIB
    # How long a connection lives, waits for a message, and waits for its client to take one.
    life_s: float = 3_600.0
    idle_s: float = 600.0
    send_s: float = 30.0


USUAL: Final = Bounds()
