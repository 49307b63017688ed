"""The block of facts that a host finds in the answers to its calls: what to run, and on which terms. Pure."""

import dataclasses
import datetime as dt
from typing import Final, Literal

from monoize.control.fleet.model.hosts import Host
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.versions import Published, VersionSource, wanted_version

WRAPPER_PATH: Final = "/wrapper/download"


@dataclasses.dataclass(frozen=True, slots=True)
class Wrapper:
    """The courier as this server gives it away."""

    version: str
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class RunnerState:
    """How the last validations of a pool's credential went."""

    state: Literal["ok", "fail"] | None = None
    last_ok: dt.datetime | None = None
    last_fail: dt.datetime | None = None
    last_check: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class VersionsBlock:
    client_version: str | None
    client_version_checked_at: dt.datetime | None
    client_version_source: VersionSource
    wrapper_version: str
    wrapper_sha256: str
    wrapper_url: str
    reported_client_version: str | None
    quota_hard_fail: bool
    quota_limit_percent: int
    quota_week_partition: int
    cdx_silent: bool
    runner_enabled: bool
    runner_state: Literal["ok", "fail"] | None
    runner_last_ok: dt.datetime | None
    runner_last_fail: dt.datetime | None
    runner_last_check: dt.datetime | None
    installation_id: str


def versions_block(
    published: Published, pool: Pool, host: Host | None, wrapper: Wrapper, runner: RunnerState
) -> VersionsBlock:
    wanted = wanted_version(published, pool, host)
    return VersionsBlock(
        client_version=wanted.version,
        client_version_checked_at=wanted.checked_at,
        client_version_source=wanted.source,
        wrapper_version=wrapper.version,
        wrapper_sha256=wrapper.sha256,
        wrapper_url=WRAPPER_PATH,
        reported_client_version=published.reported_client_version,
        quota_hard_fail=hard_fail(pool, host),
        quota_limit_percent=pool.quota_limit_percent,
        quota_week_partition=pool.quota_week_partition,
        cdx_silent=pool.silent,
        runner_enabled=pool.validation != "off",
        runner_state=runner.state,
        runner_last_ok=runner.last_ok,
        runner_last_fail=runner.last_fail,
        runner_last_check=runner.last_check,
        installation_id=published.installation_id,
    )


def hard_fail(pool: Pool, host: Host | None) -> bool:
    """Whether a spent quota keeps this host from starting; those of importance are only warned."""
    return pool.quota_hard_fail and not (host is not None and host.vip)
