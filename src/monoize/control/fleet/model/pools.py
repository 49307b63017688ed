"""Pools as values: which hosts share one credential, in which way, and what of a pool may still change."""

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from monoize.control.fleet.errors import ModeNotForTool, PoolInUse
from monoize.control.fleet.model.tools import ToolName

PoolMode = Literal["shared", "hub", "api_key", "gateway"]
Validation = Literal["required", "advisory", "off"]

DEFAULT_POOL_ID: Final = "00000000-0000-7000-8000-00000000f1ee"
POINTER: Final = "canonical_payload_id"
POOL_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_POOL_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """`client_version` is the version its hosts are held to; `inactivity_days` of 0 keeps silent hosts."""

    id: str
    name: str
    tool: ToolName
    mode: PoolMode
    validation: Validation
    payloads_kept: int
    inactivity_days: int
    quota_hard_fail: bool
    quota_limit_percent: int
    quota_week_partition: int
    silent: bool
    client_version: str | None
    refresh_failed_at: dt.datetime | None
    refresh_error: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


def pointer_of(pool_id: str) -> str:
    """The row of `versions` that says which payload is canonical. Whoever changes that locks it first."""
    return POINTER if pool_id == DEFAULT_POOL_ID else f"{POINTER}:{pool_id}"


def is_pool_id(text: str) -> bool:
    return _POOL_ID.fullmatch(text) is not None


def pool_name(text: str) -> str:
    """The name itself. ValueError when it could be read as the id of a pool."""
    if is_pool_id(text):
        raise ValueError("must not look like an id")
    return text


def check_mode(mode: PoolMode, tool: ToolName) -> None:
    """The hub can renew the logins of one tool only, and would hand the refresh tokens of others out."""
    if mode == "hub" and tool != "codex":
        raise ModeNotForTool


def check_change(pool: Pool, values: Mapping[str, Any], *, hosts: int, payloads: int) -> None:
    """Documents of one tool mean nothing to another, and only hosts of a gateway pool hold keys of the gateway."""
    mode, tool = values.get("mode", pool.mode), values.get("tool", pool.tool)
    check_mode(mode, tool)
    if tool != pool.tool and (hosts or payloads):
        raise PoolInUse(hosts=hosts, payloads=payloads)
    if hosts and mode != pool.mode and "gateway" in (mode, pool.mode):
        raise PoolInUse(hosts=hosts)
