"""What a service is made of: the part of it that a release freezes. Its grammar and its rules, pure.

`ServiceConfig` is kept as JSON in releases (`as_json`, `of_json`); environment variables and secrets are not in it.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, Literal

import msgspec

from monoize.base.canonical import canonical_hash
from monoize.control.projects.errors import (
    MountNotAllowed,
    PortsTwice,
    PrivilegedPort,
    ReplicasShareAPort,
    VolumeTargetTwice,
)
from monoize.control.projects.model.terms import DeployTerms

SERVICE_NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST: Final = (
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?"
)
IMAGE: Final = (
    rf"^(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?$"
)
IMAGE_MOST: Final = 500
VOLUME_NAME: Final = r"^[a-z0-9][a-z0-9_.-]{0,62}$"
MOUNT_PATH: Final = r"^/[A-Za-z0-9._/@:+-]{0,254}$"
PROBE_PATH: Final = r"^/([A-Za-z0-9._~%=&?+,:;!*'()-][A-Za-z0-9._~/%=&?+,:;!*'()-]{0,253})?$"
PORTS_MOST: Final = 32
VOLUMES_MOST: Final = 32
REPLICAS_MOST: Final = 20
ARGUMENTS_MOST: Final = 64
_PRIVILEGED_BELOW: Final = 1024
_MOUNT_TARGETS_DENIED: Final = ("/", "/dev", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname")
_NOTHING_MOUNTED_BELOW: Final = ("/proc", "/sys")

Protocol = Literal["tcp", "udp"]
Restart = Literal["no", "on-failure", "unless-stopped"]
HealthKind = Literal["http", "tcp", "none"]


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """A port that the container listens on. `host` is where the machine shows it; null is known to nginx alone."""

    container: int
    host: int | None = None
    protocol: Protocol = "tcp"
    bind: str = "127.0.0.1"


@dataclasses.dataclass(frozen=True, slots=True)
class Volume:
    """Storage that outlives releases: `source` is a name, or a folder of the machine."""

    source: str
    target: str
    read_only: bool = False

    @property
    def is_folder(self) -> bool:
        return self.source.startswith("/")


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Of one replica; null is without limit."""

    memory_mb: int | None = None
    cpus: float | None = None
    pids: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """How it is found out whether a replica serves. `port` null is the first one of the service."""

    kind: HealthKind = "tcp"
    path: str = "/"
    port: int | None = None
    timeout_s: float = 5
    within_s: int = 60
    expect_least: int = 200
    expect_most: int = 399


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceConfig:
    image: str
    command: tuple[str, ...] | None = None
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    limits: Limits = Limits()
    restart: Restart = "unless-stopped"
    health: Health = Health()
    replicas: int = 1
    stop_grace_s: int = 10
    deploy: DeployTerms = DeployTerms()

    @property
    def is_host_bound(self) -> bool:
        """Whether a port of the machine is fixed, so that two releases cannot run beside each other."""
        return any(port.host is not None for port in self.ports)


def as_json(config: ServiceConfig) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))
    return kept


def of_json(kept: Mapping[str, Any]) -> ServiceConfig:
    return msgspec.convert(dict(kept), ServiceConfig)


def config_hash(config: ServiceConfig) -> str:
    """The same for the same configuration, however it is written."""
    return canonical_hash(as_json(config))


def health_port(config: ServiceConfig) -> int | None:
    """The container's port that is probed; None where there is none."""
    if config.health.kind == "none":
        return None
    if config.health.port is not None:
        return config.health.port
    return next((port.container for port in config.ports if port.protocol == "tcp"), None)


def check(config: ServiceConfig, *, is_admin: bool) -> None:
    """What holds between fields. Folders of the machine are looked at by `check_folder`, which reads them."""
    inside = [(port.container, port.protocol) for port in config.ports]
    shown = [(port.host, port.protocol) for port in config.ports if port.host is not None]
    if len(set(inside)) < len(inside) or len(set(shown)) < len(shown):
        raise PortsTwice
    if config.replicas > 1 and shown:
        raise ReplicasShareAPort(ports=sorted(host for host, _ in shown if host))
    privileged = sorted(host for host, _ in shown if host and host < _PRIVILEGED_BELOW)
    if privileged and not is_admin:
        raise PrivilegedPort(ports=privileged)
    # Two slashes at the beginning are one to an engine, and not to a path of POSIX.
    targets = [str(PurePosixPath("/" + volume.target.lstrip("/"))) for volume in config.volumes]
    if len(set(targets)) < len(targets):
        raise VolumeTargetTwice
    for volume, target in zip(config.volumes, targets, strict=True):
        vital = target in _MOUNT_TARGETS_DENIED or folder_allowed(target, _NOTHING_MOUNTED_BELOW)
        if vital or ".." in PurePosixPath(volume.target).parts:
            raise MountNotAllowed(f"Nothing may be mounted at {volume.target}.", target=volume.target)
        if volume.is_folder and not is_admin:
            raise MountNotAllowed("Only administrators may mount folders of the machine.", source=volume.source)


def folder_allowed(resolved: str, allowed: Sequence[str]) -> bool:
    """Whether a folder, its links followed, is one of the allowed ones or lies within one; never the whole disk."""
    path = PurePosixPath(resolved)
    return any(
        path == PurePosixPath(root) or PurePosixPath(root) in path.parents
        for root in allowed
        if PurePosixPath(root) != PurePosixPath("/")
    )


def image_is_valid(image: str) -> bool:
    return len(image) <= IMAGE_MOST and re.fullmatch(IMAGE, image) is not None
