"""How a replica of a release is described to the engine. Pure; `drivers.engine` sends it.

Everything of ours bears our labels. A container is on its project's network only, cannot gain privileges, keeps
bounded logs, and publishes on the loopback address what nginx reaches.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.control.projects.model.config import Limits, ServiceConfig, Volume
from monoize.control.projects.model.instances import (
    TASK,
    ReleasePlan,
    labels_of,
    volume_name,
)

LOOPBACK: Final = "127.0.0.1"
# What keeps a fork bomb in one service from taking the machine, where nobody set another limit.
PIDS_UNSAID: Final = 4_096
_LOG: Final = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def replica_spec(plan: ReleasePlan, replica: int, network: str) -> dict[str, Any]:
    """One replica that serves, on the network of this id."""
    bindings = _bindings(plan.config, plan.host_ports.get(replica, {}))
    host = {**_host(plan, network), "PortBindings": bindings, "RestartPolicy": _restart(plan.config)}
    return {
        **_common(plan, plan.config.command),
        "Labels": labels_of(plan, replica),
        "ExposedPorts": {name: {} for name in bindings},
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": list(plan.aliases)}}},
    }


def task_spec(plan: ReleasePlan, command: Sequence[str], task: str, network: str) -> dict[str, Any]:
    """One command in the environment of the release: it publishes nothing and is not restarted."""
    return {
        **_common(plan, command),
        "Labels": {**labels_of(plan, 0), TASK: task},
        "HostConfig": {**_host(plan, network), "RestartPolicy": {"Name": "no"}},
        "NetworkingConfig": {"EndpointsConfig": {network: {}}},
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


def _host(plan: ReleasePlan, network: str) -> dict[str, Any]:
    return {
        "NetworkMode": network,
        "SecurityOpt": ["no-new-privileges:true"],
        "LogConfig": _LOG,
        "Mounts": [_mount(plan, volume) for volume in plan.config.volumes],
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


def _mount(plan: ReleasePlan, volume: Volume) -> Mapping[str, Any]:
    return {
        "Type": "bind" if volume.is_folder else "volume",
        "Source": volume.source
        if volume.is_folder
        else volume_name(plan.project_id, plan.service_id, volume.source),
        "Target": volume.target,
        "ReadOnly": volume.read_only,
    }


def _restart(config: ServiceConfig) -> Mapping[str, Any]:
    return {"Name": config.restart, "MaximumRetryCount": 0}


def _bindings(config: ServiceConfig, published: Mapping[int, int]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in config.ports:
        shown = bindings.setdefault(f"{port.container}/{port.protocol}", [])
        if port.protocol == "tcp" and port.container in published:
            shown.append({"HostIp": LOOPBACK, "HostPort": str(published[port.container])})
        if port.host is not None:
            shown.append({"HostIp": port.bind, "HostPort": str(port.host)})
    return bindings
