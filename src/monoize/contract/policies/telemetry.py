"""What is recorded of what an agent does, and told to collectors. Cost, audit and security are recorded anyhow."""

from typing import Annotated, Literal

import msgspec

from monoize.contract.policies.tightening import (
    ALLOWED,
    ALLOWED_GLOBS,
    DENIED,
    LEAST,
    PROTECTS,
    Policy,
    strictest,
)
from monoize.contract.policies.words import Days, Globs, Names

Always = Literal["error", "blocked", "approval"]
_LEVELS = strictest("content", "metadata", "counts", "off")


class TelemetryPolicy(Policy, frozen=True, kw_only=True):
    """`counts` are figures alone. `sample_rate` is the share of traces and of events that agents report."""

    level: Annotated[Literal["off", "counts", "metadata", "content"], _LEVELS] = "metadata"
    sample_rate: Annotated[Annotated[float, msgspec.Meta(ge=0, le=1)], LEAST] = 1.0
    always: Annotated[tuple[Always, ...], DENIED] = ("error", "blocked", "approval")
    retention_days: Annotated[Days, LEAST] = 30
    preview_chars: Annotated[Annotated[int, msgspec.Meta(ge=0, le=500)], LEAST] = 0
    redact: Annotated[bool, PROTECTS] = True
    exporters: Annotated[Names, ALLOWED] = ()
    content_roles: Annotated[Globs, ALLOWED_GLOBS] = ()
