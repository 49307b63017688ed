"""How pages speak of records, approvals and limits. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from monoize.contract.limits import LimitName
from monoize.contract.policies.catalogue import PolicyName
from monoize.contract.policies.effective import AuthStrategy
from monoize.contract.policies.modes import Mode
from monoize.contract.policies.safety import SafetyLevel
from monoize.contract.policies.scope import Reach
from monoize.contract.policies.scope import Status as RecordStatus
from monoize.contract.policies.words import Severity
from monoize.control.governance.model import approvals
from monoize.control.governance.model.difference import Difference
from monoize.control.governance.model.health import State


class Said(NamedTuple):
    """A word and the tone of its dot."""

    text: str
    tone: str


STATUSES: Final[Mapping[RecordStatus, Said]] = {
    "draft": Said("draft", "off"),
    "active": Said("active", "good"),
    "paused": Said("paused", "warn"),
    "disabled": Said("disabled", "bad"),
    "archived": Said("archived", "off"),
}
HEALTH: Final[Mapping[State, Said]] = {
    "unknown": Said("not known", "off"),
    "healthy": Said("healthy", "good"),
    "degraded": Said("degraded", "warn"),
    "unhealthy": Said("unhealthy", "bad"),
}
VERDICTS: Final[Mapping[str, str]] = {"ok": "good", "warning": "warn", "failed": "bad"}
MODES: Final[Mapping[Mode, str]] = {
    "orchestrator": "Orchestrator: all tools, spawns agents",
    "worker": "Worker: all tools, spawns nobody",
    "dispatcher": "Dispatcher: reads and hands over",
    "reviewer": "Reviewer: reads, files findings, approves",
    "observer": "Observer: no tools",
}
SAFETY: Final[Mapping[SafetyLevel, str]] = {
    "strict": "Strict",
    "moderate": "Moderate",
    "permissive": "Permissive",
}
SAFETY_TONES: Final[Mapping[SafetyLevel, str]] = {"strict": "good", "moderate": "info", "permissive": "warn"}
REACHES: Final[Mapping[Reach, str]] = {
    "single_tenant": "Its own tenant only",
    "multi_tenant": "Other tenants too",
    "platform": "Callers with a role of the platform",
}
SIGN_IN: Final[Mapping[AuthStrategy, str]] = {
    "session": "Session",
    "oauth": "OAuth",
    "api_key": "API key",
    "zero_trust_plus_oauth": "Zero trust and OAuth",
    "mtls": "Mutual TLS",
}
APPROVALS: Final[Mapping[approvals.Status, Said]] = {
    "pending": Said("waits", "busy"),
    "approved": Said("approved", "good"),
    "denied": Said("denied", "bad"),
    "expired": Said("expired", "off"),
    "withdrawn": Said("withdrawn", "off"),
    "consumed": Said("being executed", "busy"),
    "executed": Said("executed", "good"),
    "failed": Said("failed", "bad"),
}
RISKS: Final[Mapping[Severity, str]] = {
    "none": "",
    "low": "",
    "medium": "info",
    "high": "warn",
    "critical": "bad",
}
LIMITS: Final[Mapping[LimitName, str]] = {
    "max_ai_calls_per_day": "Calls of models a day",
    "max_tokens_per_request": "Tokens of a request",
    "max_d1_queries_per_minute": "Database statements a minute",
    "max_r2_operations_per_day": "Object operations a day",
    "rate_limit_per_minute": "Requests a minute",
    "max_concurrent": "Requests at once",
}
TIERS: Final = (("free", "Free"), ("low", "Low"), ("standard", "Standard"), ("unlimited", "Unlimited"))


def policy_title(name: PolicyName) -> str:
    """`mcp_services_json` is called Mcp services in its column only."""
    words = name.removesuffix("_json").removesuffix("_policy").replace("_", " ")
    return {"mcp services": "MCP services", "pii": "Personal data"}.get(words, words.capitalize())


def json_text(value: Any) -> str:
    """To be read and edited by people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def short_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def diff_lines(found: Sequence[Difference]) -> list[tuple[str, str]]:
    """For `ui.diff`: what was said at a place, and what would be."""
    lines: list[tuple[str, str]] = []
    for each in found:
        if each.kind != "added":
            lines.append(("-", f"{each.pointer}: {short_json(each.before)}"))
        if each.kind != "removed":
            lines.append(("+", f"{each.pointer}: {short_json(each.after)}"))
    return lines
