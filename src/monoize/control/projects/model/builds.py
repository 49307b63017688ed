"""A build: one commit of a repository made into an image, as one operation with a log."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final, Literal

BuildStatus = Literal["queued", "running", "success", "failed", "cancelled"]
OVER: Final = frozenset[BuildStatus]({"success", "failed", "cancelled"})

DEADLINE: Final = dt.timedelta(minutes=30)
TAKEOVERS_MOST: Final = 3
LINES_MOST: Final = 20_000


@dataclasses.dataclass(frozen=True, slots=True)
class Build:
    id: int
    project_id: int
    service_id: int
    repository: str
    ref: str
    context: str
    dockerfile: str
    build_args: Mapping[str, str]
    deploys: bool
    reason: str | None
    requested_by: str | None
    status: BuildStatus
    commit_id: str | None
    image: str | None
    image_id: str | None
    deployment_id: int | None
    error: str | None
    cancel_requested: bool
    takeovers: int
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    @property
    def is_over(self) -> bool:
        return self.status in OVER


def given_up(build: Build, now: dt.datetime) -> str | None:
    """Why a build that is under way does not go on."""
    if build.cancel_requested:
        return "cancelled"
    if build.takeovers > TAKEOVERS_MOST:
        return f"the server stopped {build.takeovers} times while this was built"
    if build.started_at is not None and now >= build.started_at + DEADLINE:
        return f"not finished within {DEADLINE.seconds // 60} minutes"
    return None
