"""Agents as values: what one is, the token by which it gets out, and where that is sealed. Pure."""

import dataclasses
import datetime as dt
import secrets
from typing import Final

from monoize.base.ids import fingerprint

AGENT_NAME_CHARS_MOST: Final = 64
TOKEN_BYTES: Final = 32


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """`config_id` names the governance record that limits it."""

    id: str
    user_id: str
    name: str
    vps_id: str | None
    config_id: str | None
    enabled: bool
    gateway_key_id: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """What the agent shows to the proxy and the gateway. Only its digest is compared; the rest lies sealed."""

    shown: str = dataclasses.field(repr=False)
    digest: str


def new_token() -> Token:
    shown = secrets.token_hex(TOKEN_BYTES)
    return Token(shown, fingerprint(shown))


def token_place(agent_id: str) -> tuple[str, str, str]:
    """Where the token is sealed: copied to another agent's row it does not open."""
    return "agents", agent_id, "gateway_token"
