"""How a replica of a release is described to the engine. Pure; `drivers.engine` sends it.

Everything of ours bears our labels. A container is on its project's network only, cannot gain privileges, keeps
bounded logs, and publishes on the loopback address what nginx reaches.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.control.projects.model.config import Limits, ServiceConfig, Volume
from monoize.control.projects.model.instances import LOOPBACK, PIDS_UNSAID, TASK, ReleasePlan
from monoize.control.projects.model.ownership import Ours

_INITS: Final = frozenset(
    {"init", "systemd", "s6-svscan", "runsvdir", "tini", "dumb-init", "catatonit", "docker-init"}
)
_LOG: Final = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What all containers of a release have in common beside its plan: whose they are, the id of their network, and
    whether an init goes before their programs."""

    ours: Ours
    network: str
    init: bool


def replica_spec(plan: ReleasePlan, replica: int, terms: Terms) -> dict[str, Any]:
    """One replica that serves."""
    bindings = _bindings(plan.config, plan.host_ports.get(replica, {}))
    host = {**_host(plan, terms), "PortBindings": bindings, "RestartPolicy": _restart(plan.config)}
    return {
        **_common(plan, plan.config.command),
        "Labels": terms.ours.of_replica(plan, replica),
        "ExposedPorts": {f"{port.container}/{port.protocol}": {} for port in plan.config.ports},
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {terms.network: {"Aliases": list(plan.aliases)}}},
    }


def task_spec(plan: ReleasePlan, command: Sequence[str], task: str, terms: Terms) -> dict[str, Any]:
    """One command in the environment of the release: it publishes nothing and is not restarted."""
    return {
        **_common(plan, command),
        "Labels": {**terms.ours.of_replica(plan, 0), TASK: task},
        "HostConfig": {**_host(plan, terms), "RestartPolicy": {"Name": "no"}},
        "NetworkingConfig": {"EndpointsConfig": {terms.network: {}}},
    }


def _common(plan: ReleasePlan, command: Sequence[str] | None) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "Image": plan.image_id,
        "Env": [f"{key}={value}" for key, value in sorted(plan.env.items())],
        "Tty": False,
        "OpenStdin": False,
        "StopTimeout": plan.config.stop_grace_s,
    }
    return spec if command is None else {**spec, "Cmd": list(command)}


def is_an_init(image_config: Mapping[str, Any], command: Sequence[str] | None) -> bool:
    """Whether what is started sees to its children and to signals itself. Some of these refuse to be anything but
    the first process, so none is put behind another."""
    argv = [*(image_config.get("Entrypoint") or ()), *(command or image_config.get("Cmd") or ())]
    return bool(argv) and str(argv[0]).rpartition("/")[2] in _INITS


def _host(plan: ReleasePlan, terms: Terms) -> dict[str, Any]:
    return {
        "NetworkMode": terms.network,
        # Programs that do not expect to be the first process ignore SIGTERM there, and take all of their grace.
        "Init": terms.init,
        "SecurityOpt": ["no-new-privileges:true"],
        "LogConfig": _LOG,
        "Mounts": [_mount(plan, volume, terms.ours) for volume in plan.config.volumes],
        **_limits(plan.config.limits),
    }


def _limits(limits: Limits) -> dict[str, Any]:
    told: dict[str, Any] = {"PidsLimit": limits.pids or PIDS_UNSAID}
    if limits.memory_mb is not None:
        # Without swap: a service that is over its limit is killed, and says so, rather than slowing the machine.
        told |= {"Memory": limits.memory_mb * 1024 * 1024, "MemorySwap": limits.memory_mb * 1024 * 1024}
    if limits.cpus is not None:
        told["NanoCpus"] = round(limits.cpus * 1_000_000_000)
    return told


def _mount(plan: ReleasePlan, volume: Volume, ours: Ours) -> Mapping[str, Any]:
    named = ours.volume(plan.project_id, plan.service_id, volume.source)
    return {
        "Type": "bind" if volume.is_folder else "volume",
        "Source": volume.source if volume.is_folder else named,
        "Target": volume.target,
        "ReadOnly": volume.read_only,
    }


def _restart(config: ServiceConfig) -> Mapping[str, Any]:
    return {"Name": config.restart, "MaximumRetryCount": 0}


def _bindings(config: ServiceConfig, published: Mapping[int, int]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in config.ports:
        shown = []
        if port.protocol == "tcp" and port.container in published:
            shown.append({"HostIp": LOOPBACK, "HostPort": str(published[port.container])})
        if port.host is not None:
            shown.append({"HostIp": port.bind, "HostPort": str(port.host)})
        # One without any is left out: beside it, Docker now and then binds another one twice, and refuses that.
        if shown:
            bindings[f"{port.container}/{port.protocol}"] = shown
    return bindings
