"""What crosses the wall for the egress proxy: whom it lets out, and how many bytes went by.

The control plane answers for an agent what its grant is; the proxy reports in flushes. A flush is named by the life
of the proxy (`source`) and its place in it (`sequence`), so that a repeat counts once.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Literal

import msgspec

CutOff = Literal["no_machine", "usage_limit_exceeded", "stopped"]


class EgressAsked(msgspec.Struct, frozen=True):
    """What an agent has shown: who it says it is, and the SHA-256 (hex) of its token."""

    agent_id: str
    digest: str


class EgressGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent may reach. There is none for those whom we do not know."""

    agent_id: str
    user_id: str
    # Whose traffic it is; an agent without a running machine has none.
    machine_id: str | None
    # Why nothing passes; None: it may go out.
    cut_off: CutOff | None = None
    # Globs of host names; None: all of them.
    hosts_allow: tuple[str, ...] | None = None
    hosts_deny: tuple[str, ...] = ()
    # Also where the operator has opened some.
    private_networks_denied: bool = False


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """Bytes to and from the outside since the last flush."""

    agent_id: str
    machine_id: str
    sent: int
    received: int


class Flush(msgspec.Struct, frozen=True, kw_only=True):
    """`sequence` counts from 1; the next is not sent before this one was taken. `month`: its first day, UTC."""

    source: str
    sequence: int
    month: dt.date
    counted: tuple[Counted, ...]
    # Agents that have connections now, whether or not anything went by.
    connected: tuple[str, ...] = ()


class FlushTaken(msgspec.Struct, frozen=True):
    """Agents of those connected that may not go on, and why."""

    cut_off: Mapping[str, CutOff] = {}


class EgressNews(msgspec.Struct, frozen=True):
    """Whether grants may have changed since the mark that was shown."""

    mark: str
    changed: bool
