"""What agents report of themselves: which kinds there are, and the bounds of each. Pure.

What carries cost is measured by the gateway and reported by nobody. Decisions, approvals, limits and changes are
written by those who make them; an agent's word for them would be worth nothing.
"""

import dataclasses
import datetime as dt
from typing import Any, Final

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.contract.events import ToolChoice
from monoize.contract.gates.telling import is_sampled, level_of
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.telemetry import Always
from monoize.control.telemetry.errors import ImplausibleTime, KindNotReported

BATCH_MOST: Final = 200
BATCHES_PER_MINUTE: Final = 120
KEY_CHARS_MOST: Final = 120
METADATA_BYTES_MOST: Final = 8_192
OLDEST: Final = dt.timedelta(days=30)
AHEAD_MOST: Final = dt.timedelta(minutes=5)

EVENTS: Final = frozenset(
    {
        ("llm", "turn"),
        ("agent", "run"),
        ("tool", "call"),
        ("mcp", "call"),
        ("health", "check"),
        ("export", "failed"),
    }
)
METRICS: Final = frozenset({"execution_time", "success_rate", "error_rate", "usage_count", "gauge"})
"""Types of figures that an agent keeps about itself, by whatever name."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    metric_type: str
    metric_name: str
    metric_value: float
    at: dt.datetime
    idempotency_key: str | None = None
    unit: str | None = None
    severity: str = "info"
    agent_id: str | None = None
    session_id: str | None = None
    command_id: str | None = None
    workspace_id: str | None = None
    service_name: str | None = None
    instance_id: str | None = None
    location: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    provider: str | None = None
    model_used: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    tool_choice: ToolChoice | None = None
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)


def check(observation: Observation, now: dt.datetime) -> None:
    kind = observation.metric_type, observation.metric_name
    if kind not in EVENTS and observation.metric_type not in METRICS:
        raise KindNotReported(known=[*sorted(map("/".join, EVENTS)), *(f"{type}/*" for type in sorted(METRICS))])
    if not now - OLDEST <= observation.at <= now + AHEAD_MOST:
        raise ImplausibleTime


def kept_key(caller: Principal, key: str | None) -> str | None:
    """A key means one thing for each caller: nobody can keep another's report out by guessing its key."""
    return None if key is None else f"{caller.kind}:{caller.id}:{key}"


def as_kept(observation: Observation, policy: EffectivePolicy | None) -> Observation | None:
    """As its agent's record lets it be kept; None: not at all."""
    if policy is None:
        return observation
    level = level_of(policy)
    if level == "off" or not is_sampled(policy, _id_of(observation), _kinds_of(observation)):
        return None
    return observation if level == "metadata" else dataclasses.replace(observation, session_id=None, metadata={})


def _id_of(observation: Observation) -> str:
    return observation.trace_id or observation.idempotency_key or new_id()


def _kinds_of(observation: Observation) -> frozenset[Always]:
    kinds: set[Always] = {"error"} if observation.severity in ("error", "critical") else set()
    if observation.metadata.get("status") == "blocked":
        kinds.add("blocked")
    return frozenset(kinds)
