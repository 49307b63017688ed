"""One call of a tool, as it is written down."""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from monoize.control.edge.wire import NanoUsd
from monoize.control.governance.model.approvals import redacted

Decision = Literal["allowed", "approved", "denied", "approval_required"]
Status = Literal["started", "ok", "error", "timeout", "blocked", "cancelled", "unreachable"]

SHOWN_CHARS_MOST: Final = 500


@dataclasses.dataclass(frozen=True, slots=True)
class McpCall:
    """`arguments_shown` are without secrets and cut off; `arguments_hash` is of all of them."""

    id: str
    service_id: str
    service_name: str
    tool: str
    tenant_id: str | None
    agent_id: str | None
    user_id: str | None
    caller: str
    arguments_hash: str
    arguments_shown: str
    decision: Decision
    denial_code: str | None
    approval_id: str | None
    status: Status
    response_bytes: int | None
    latency_ms: int | None
    charge_nano_usd: NanoUsd | None
    trace_id: str
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    status: Status
    response_bytes: int
    latency_ms: int
    charge_nano_usd: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class UseOfTool:
    """Of one day in UTC."""

    day: str
    service_name: str
    tool: str
    calls: int
    failed: int
    blocked: int
    response_bytes: int
    latency_ms: int
    charge_nano_usd: NanoUsd


def shown(arguments: Mapping[str, Any]) -> str:
    text = json.dumps(redacted(dict(arguments)), ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= SHOWN_CHARS_MOST else text[: SHOWN_CHARS_MOST - 1] + "…"


def status_of(told: Mapping[str, Any]) -> Status:
    """Of the server's answer to a call."""
    result = told.get("result")
    return "ok" if isinstance(result, dict) and not result.get("isError") else "error"
