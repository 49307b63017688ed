"""What of an agent's doings may be kept or told beside its cost, by `telemetry_policy_json`. Pure.

Data planes ask it of captures and of what a collector is told, the control plane of what agents report.
"""

import hashlib
from typing import Final, Literal

from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.telemetry import Always, TelemetryPolicy

Level = Literal["off", "counts", "metadata"]
_POLICY: Final = "telemetry_policy_json"
_STEPS: Final = 2**32


def level_of(policy: EffectivePolicy) -> Level:
    if not policy.telemetry_enabled:
        return "off"
    level = _document(policy).level
    # Of a version from when it could be said.
    return "metadata" if level == "content" else level


def is_sampled(policy: EffectivePolicy, id: str, kinds: frozenset[Always]) -> bool:
    """`id` is what belongs together, which is told as a whole or not at all; `kinds` what it is one of."""
    document = _document(policy)
    if document.sample_rate >= 1 or not kinds.isdisjoint(document.always):
        return True
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:4]) < document.sample_rate * _STEPS


def _document(policy: EffectivePolicy) -> TelemetryPolicy:
    found: TelemetryPolicy | None = policy.in_force(_POLICY)
    return found or TelemetryPolicy()
