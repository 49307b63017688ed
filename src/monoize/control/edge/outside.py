"""How rooms reach servers that people name by their address. `main/outside` is what does it.

Fails with `Unreachable`, whose reason says nothing of our network. No redirect is followed, all waits are bounded.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol


class Unreachable(Exception):
    """There is nobody under this address, nobody whom we would ask, or no answer in time."""

    def __init__(self, reason: str, *, too_slow: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.too_slow = too_slow


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody waits: for a connection and the head of the answer, in silence after it, and in all."""

    first_byte_ms: int
    idle_ms: int
    total_ms: int


class OutsideAnswer(Protocol):
    """Released by whoever asked, always."""

    status: int

    def header(self, name: str) -> str | None: ...

    async def read(self, most: int) -> bytes:
        """All of the body; Unreachable where it is longer."""
        ...

    async def next_chunk(self) -> bytes:
        """What has arrived since the last time; b"" at the end."""
        ...

    async def release(self) -> None: ...


class Outside(Protocol):
    async def send(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        patience: Patience,
        *,
        private: bool,
    ) -> OutsideAnswer:
        """`private` lets it also reach this machine and its network, but not where clouds hand out credentials."""
        ...
