"""What becomes of what an agent finds."""

from typing import Annotated

import msgspec

from monoize.contract.policies.tightening import (
    ALLOWED_GLOBS,
    DENIED,
    EACH_NAME,
    INNER,
    LEAST,
    MOST,
    Policy,
)
from monoize.contract.policies.words import EARLIEST, Days, Globs, Seconds, Severity

Hours = Annotated[int, msgspec.Meta(ge=1, le=87_600)]
Assignee = Annotated[str, msgspec.Meta(pattern=r"^(owner|backup|role:[A-Za-z0-9_.-]{1,64})$(?!\n)")]


class Waiver(Policy, frozen=True, kw_only=True):
    """Who may let a finding pass, and for how long."""

    roles: Annotated[Globs, ALLOWED_GLOBS] = ()
    max_days: Annotated[Days, LEAST] = 90


class FindingsPolicy(Policy, frozen=True, kw_only=True):
    """What is kept of findings, when they block a deployment, and how soon somebody has to act."""

    min_severity: Annotated[Severity, EARLIEST] = "low"
    categories: Annotated[Globs, DENIED] = ("*",)
    dedupe: Annotated[Seconds, LEAST] = 86_400
    block_deploy_at: Annotated[Severity | None, EARLIEST] = None
    auto_ticket_at: Annotated[Severity | None, EARLIEST] = None
    sla_hours: Annotated[dict[Severity, Annotated[Hours, LEAST]], EACH_NAME] = msgspec.field(
        default_factory=lambda: {"critical": 24, "high": 72, "medium": 336}
    )
    assign: Annotated[Assignee, INNER] = "owner"
    retention_days: Annotated[Days, MOST] = 365
    waiver: Waiver = Waiver()
