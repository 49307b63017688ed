"""Telling an agent's machine of its channels: what is told, when again, and what is in the way. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from monoize.control.compute.model.agents import Agent
from monoize.control.compute.model.channels import ChannelCredentials, ChannelKind
from monoize.control.compute.model.machine import Machine

FORMER_KEYS_MOST: Final = 256
TAKES_MOST_S: Final = 45.0
LEASE: Final = dt.timedelta(seconds=60)
"""Longer than telling takes: who holds one longer than this has died."""
_FIRST_PAUSE_S: Final = 5
_PAUSE_MOST_S: Final = 600

SILENT: Final = "the agent does not answer"
REFUSED: Final = "the agent refused it"
UNREADABLE: Final = "what is stored cannot be opened"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Of one channel, or of its removal. `revision` is another whenever there is something to tell."""

    agent_id: str
    kind: ChannelKind
    revision: str
    due_at: dt.datetime | None
    attempts: int
    problem: str | None
    former_keys: Sequence[str]
    delivered_at: dt.datetime | None

    @property
    def is_done(self) -> bool:
        return self.due_at is None


def patch_of(deliveries: Iterable[Delivery], channels: Iterable[ChannelCredentials]) -> dict[str, Any]:
    """Of the agent's configuration, where null takes away: a channel, or a key that is not set any more."""
    wanted = {channel.kind: told(channel) for channel in channels}
    return {"channels": {each.kind: _patch(wanted.get(each.kind), each.former_keys) for each in deliveries}}


def _patch(wanted: Mapping[str, str] | None, former_keys: Sequence[str]) -> dict[str, str | None] | None:
    return None if wanted is None else {**dict.fromkeys(former_keys), **wanted}


def told(channel: ChannelCredentials) -> Mapping[str, str]:
    secret = {"webhook_secret": channel.webhook_secret} if channel.webhook_secret is not None else {}
    return {**channel.credentials, **secret}


def former(known: Sequence[str], more: Iterable[str]) -> list[str]:
    """The newest of them, each once."""
    return list(dict.fromkeys([*more, *known]))[:FORMER_KEYS_MOST]


def pause_after(attempts: int) -> dt.timedelta:
    return dt.timedelta(seconds=min(_FIRST_PAUSE_S * 2 ** min(attempts - 1, 10), _PAUSE_MOST_S))


def hindrance(agent: Agent, machine: Machine | None) -> str | None:
    """Why nothing can be told to this agent at all."""
    if machine is None:
        return "the agent has no machine"
    if not agent.enabled:
        return "the agent is disabled"
    if machine.state != "running" or machine.desired != "running":
        return "the agent's machine does not run"
    return None
