"""How an agent is, by what was found of it check after check. Pure.

healthy <──> degraded ──> unhealthy: after so many failures in a row; the first check without a failure ends that.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

from monoize.control.governance.model.approvals import redacted

State = Literal["unknown", "healthy", "degraded", "unhealthy"]
Verdict = Literal["ok", "warning", "failed"]

EVERY: Final = dt.timedelta(minutes=5)
STALE_AFTER: Final = dt.timedelta(minutes=15)
FAILURES_MOST: Final = 3
ERROR_CHARS_MOST: Final = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What one check says. A warning is what agents can live with."""

    check: str
    verdict: Verdict = "ok"
    detail: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AgentHealth:
    """`failures` in a row. What nobody has looked at for a while is `unknown`, however it was then."""

    agent_id: str
    state: State
    failures: int
    findings: Sequence[Finding]
    last_error: str | None
    checked_at: dt.datetime


def examined(
    before: AgentHealth | None, agent_id: str, findings: Sequence[Finding], now: dt.datetime
) -> AgentHealth:
    verdicts = {finding.verdict for finding in findings}
    failures = (before.failures if before else 0) + 1 if "failed" in verdicts else 0
    state: State = "degraded" if verdicts - {"ok"} else "healthy"
    if failures >= FAILURES_MOST:
        state = "unhealthy"
    kept = [dataclasses.replace(finding, detail=_clean(finding.detail)) for finding in findings]
    return AgentHealth(agent_id, state, failures, kept, _last_error(kept), now)


def has_broken_down(after: AgentHealth) -> bool:
    """With the check that makes it unhealthy, and no later one."""
    return after.failures == FAILURES_MOST


def as_seen(health: AgentHealth, now: dt.datetime) -> AgentHealth:
    is_stale = now - health.checked_at > STALE_AFTER
    return dataclasses.replace(health, state="unknown") if is_stale else health


def _last_error(findings: Sequence[Finding]) -> str | None:
    failed = [f"{finding.check}: {finding.detail}" for finding in findings if finding.verdict == "failed"]
    return "; ".join(failed)[:ERROR_CHARS_MOST] or None


def _clean(detail: str | None) -> str | None:
    return None if detail is None else str(redacted(detail))[:ERROR_CHARS_MOST]
