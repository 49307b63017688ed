"""Containers as values: what a release wants run (`ReleasePlan`), and what runs (`Instance`).

Pure. `drivers.engine` makes the one and tells the other; deployments and the reconciler decide over both.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from monoize.control.projects.model.config import ServiceConfig

LOOPBACK: Final = "127.0.0.1"
"""Where containers show their ports: to this machine, and so to its nginx."""

MANAGED: Final = "monoize.managed"
INSTALLATION: Final = "monoize.installation"
PROJECT: Final = "monoize.project"
SERVICE: Final = "monoize.service"
RELEASE: Final = "monoize.release"
REPLICA: Final = "monoize.replica"
CONFIG: Final = "monoize.config"
PORTS: Final = "monoize.ports"
TASK: Final = "monoize.task"
BUILD: Final = "monoize.build"

# What keeps a fork bomb in one service from taking the machine, where nobody set another limit.
PIDS_UNSAID: Final = 4_096

InstanceState = Literal["created", "running", "paused", "restarting", "exited", "dead", "removing", "unknown"]
_STATES: Final[Mapping[str, InstanceState]] = {
    "created": "created",
    "running": "running",
    "paused": "paused",
    "restarting": "restarting",
    "exited": "exited",
    "dead": "dead",
    "removing": "removing",
}
_NOT_A_SLUG: Final = re.compile("[^a-z0-9]+")
_EXIT: Final = re.compile(r"Exited \((\d{1,3})\)")


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFacts:
    """`id` names the very bytes; `repo_digest` is what the registry calls them, where one does."""

    id: str
    repo_digest: str | None
    created_at: str | None = None
    size_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """What a registry is shown."""

    server: str
    username: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ReleasePlan:
    """All that is needed to run a release; `host_ports` says for each replica where its ports are published."""

    project_id: int
    service_id: int
    service_name: str
    release_id: int
    image_id: str
    config: ServiceConfig
    config_hash: str
    aliases: Sequence[str]
    host_ports: Mapping[int, Mapping[int, int]]
    env: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """One container of ours as the engine tells of it. `ports` leads from its ports to those of the machine."""

    container_id: str
    name: str
    project_id: int | None
    service_id: int | None
    release_id: int | None
    replica: int | None
    config_hash: str | None
    # Set for containers that run one command and end, such as the command before a release.
    task: str | None
    state: InstanceState
    exit_code: int | None
    ports: Mapping[int, int]
    address: str | None
    created_at: dt.datetime

    @property
    def running(self) -> bool:
        return self.state == "running"


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """What one look at a replica said: where it looked, and what it saw."""

    ok: bool
    url: str
    status: int | None = None
    body_head: str | None = None
    error: str | None = None


def slug(name: str) -> str:
    return _NOT_A_SLUG.sub("-", name.lower()).strip("-") or "unnamed"


def aliases_of(service_name: str, project_name: str) -> Sequence[str]:
    """The names by which other services of the project reach it; exactly those that are shown."""
    service = slug(service_name)
    return (service, f"{service}.{slug(project_name)}.local")


def instance_of(told: Mapping[str, object]) -> Instance:
    """Of one entry of the engine's list of containers."""
    labels = _mapping(told.get("Labels"))
    names = told.get("Names")
    name = str(names[0]).removeprefix("/") if isinstance(names, list) and names else ""
    exited = _EXIT.search(str(told.get("Status") or ""))
    networks = _mapping(_mapping(told.get("NetworkSettings")).get("Networks"))
    addresses = [str(_mapping(one).get("IPAddress") or "") for one in networks.values()]
    created = told.get("Created")
    return Instance(
        container_id=str(told["Id"]),
        name=name,
        project_id=_number(labels.get(PROJECT)),
        service_id=_number(labels.get(SERVICE)),
        release_id=_number(labels.get(RELEASE)),
        replica=_number(labels.get(REPLICA)),
        config_hash=str(labels[CONFIG]) if CONFIG in labels else None,
        task=str(labels[TASK]) if TASK in labels else None,
        state=_STATES.get(str(told.get("State")), "unknown"),
        exit_code=int(exited[1]) if exited else None,
        ports=_ports(str(labels.get(PORTS) or "")),
        address=next((address for address in addresses if address), None),
        created_at=dt.datetime.fromtimestamp(created if isinstance(created, int) else 0, dt.UTC),
    )


def _ports(label: str) -> Mapping[int, int]:
    pairs = (pair.partition(":") for pair in label.split(",") if pair)
    return {int(inside): int(host) for inside, _, host in pairs if inside.isdecimal() and host.isdecimal()}


def _number(label: object) -> int | None:
    text = str(label) if label is not None else ""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
