"""What an answer that we write is called, and when it was made. Both come from outside: the protocols are pure."""

import hashlib
from typing import Final

import msgspec

_ID_BYTES: Final = 12


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """`created_at` is in seconds since 1970."""

    response_id: str
    created_at: int

    def node_id(self, index: int) -> str:
        """The same for the same answer and node: 24 hexadecimal digits, before which a protocol puts its prefix."""
        name = f"{self.response_id}\n{index}".encode(errors="surrogatepass")
        return hashlib.blake2b(name, digest_size=_ID_BYTES).hexdigest()
