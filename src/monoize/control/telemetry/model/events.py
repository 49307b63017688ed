"""What happened that cost nothing, as it is kept beside the calls of models."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

Severity = Literal["debug", "info", "warning", "error", "critical"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`config_id` is the agent record that it is about."""

    id: str
    tenant_id: str
    config_id: str | None
    role_name: str | None
    metric_type: str
    metric_name: str
    metric_value: float
    unit: str
    severity: Severity
    at_ms: int
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
