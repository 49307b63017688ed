"""Channels by which people reach an agent: credentials go in and never come out again. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, Literal

ChannelKind = Literal["whatsapp", "telegram", "discord", "slack", "signal", "web"]

KEYS_MOST: Final = 32
KEY_CHARS_MOST: Final = 64
VALUE_CHARS_MOST: Final = 4096


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentChannel:
    """What may be seen of one: which keys are set, since when, and whether its agent's machine knows.

    `problem`: why it does not; `delivered_at`: when it was told last, of these credentials or of others.
    """

    id: str
    agent_id: str
    kind: ChannelKind
    keys: Sequence[str]
    has_webhook_secret: bool
    created_at: dt.datetime
    set_at: dt.datetime
    delivered: bool
    delivered_at: dt.datetime | None
    problem: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class ChannelRemoval:
    """One that was removed, and that the agent's machine has yet to forget."""

    kind: ChannelKind
    problem: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SealedChannel:
    """As it is kept."""

    id: str
    agent_id: str
    kind: ChannelKind
    credentials: str = dataclasses.field(repr=False)
    webhook_secret: str | None = dataclasses.field(repr=False)
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class ChannelCredentials:
    """All of it, for the machine's configuration only."""

    kind: ChannelKind
    credentials: Mapping[str, str] = dataclasses.field(repr=False)
    webhook_secret: str | None = dataclasses.field(repr=False)


def place(agent_id: str, kind: str, what: Literal["credentials", "webhook_secret"]) -> tuple[str, ...]:
    """Where it is sealed: moved to another agent or channel it does not open."""
    return "agent_channels", agent_id, kind, what
