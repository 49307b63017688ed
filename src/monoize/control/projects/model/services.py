"""Projects and services as values, and what follows from what is wanted of them and what is seen. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final, Literal

from monoize.control.projects.model.config import ServiceConfig

PROJECT_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}[A-Za-z0-9]$|^[A-Za-z0-9]$"
DESCRIPTION_MOST: Final = 1_000
LINKS_MOST: Final = 50
CRASH_WINDOW: Final = dt.timedelta(minutes=10)
CRASHES_MOST: Final = 5
PROBES_FAILED_MOST: Final = 3

DesiredState = Literal["running", "stopped"]
ObservedState = Literal["unknown", "running", "partly", "starting", "stopped", "missing"]
HealthStatus = Literal["unknown", "ok", "fail"]


@dataclasses.dataclass(frozen=True, slots=True)
class Project:
    id: int
    name: str
    description: str | None
    deleting_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """What is wanted of a service, and what was last seen of it. `config` is what its next release is made of."""

    id: int
    project_id: int
    project_name: str
    name: str
    description: str | None
    config: ServiceConfig
    env: Mapping[str, str]
    registry_id: int | None
    environment_id: int | None
    release_id: int | None
    desired_state: DesiredState
    observed_state: ObservedState
    observed_at: dt.datetime | None
    state_reason: str | None
    drifted: bool
    last_exit_code: int | None
    restart_count: int
    restart_window_at: dt.datetime | None
    crash_looping: bool
    health_status: HealthStatus
    health_detail: str | None
    health_failures: int
    last_probe_at: dt.datetime | None
    deleting_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def image(self) -> str:
        return self.config.image


@dataclasses.dataclass(frozen=True, slots=True)
class Crashes:
    """Exits that nobody asked for, counted within a window; `is_loop` once there were too many."""

    count: int
    window_at: dt.datetime | None
    is_loop: bool


def crashed(before: Crashes, exit_code: int, now: dt.datetime) -> Crashes:
    """One more exit. A clean one does not count; one after the window opens the next window."""
    if exit_code == 0 or before.is_loop:
        return before
    if before.window_at is None or now - before.window_at > CRASH_WINDOW:
        return Crashes(1, now, is_loop=False)
    count = before.count + 1
    return Crashes(count, before.window_at, is_loop=count >= CRASHES_MOST)


def health_after(failures: int, *, ok: bool) -> tuple[HealthStatus | None, int]:
    """(status to write, failures in a row): one failed look is no news, several in a row are."""
    if ok:
        return "ok", 0
    failures += 1
    return ("fail" if failures >= PROBES_FAILED_MOST else None), failures
