"""Calls of tools that cost something: what is held before one is made, and charged when it has ended."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from monoize.contract.governed import Governed
from monoize.control.mcp.model.calls import Status


@dataclasses.dataclass(frozen=True, slots=True)
class Sale:
    """`subject` is the tool, as policies name it. `budgets` are those of whose money it is; an agent has its own
    beside them, by what `governed` says. `overdraft_nano` is how far below zero the balance of its user may go.
    """

    call_id: str
    subject: str
    nano_usd: int
    at: dt.datetime
    tenant_id: str | None
    user_id: str
    api_key_id: str | None
    agent_id: str | None
    budgets: Sequence[str]
    overdraft_nano: int
    governed: Governed | None
    ip: str | None


class Till(Protocol):
    """Where the money is. Fails closed: what `hold` has not taken is not called."""

    async def hold(self, sale: Sale) -> None:
        """A Refusal where a budget does not cover it. From now on it is charged if this process dies."""
        ...

    async def charge(self, sale: Sale, status: Status, latency_ms: int) -> None: ...

    async def release(self, sale: Sale) -> None:
        """It costs nothing."""
        ...


def is_charged(status: Status) -> bool:
    """A server that has answered has worked, and one that may have is paid as well; nobody else is."""
    return status in ("ok", "error", "timeout", "cancelled")
