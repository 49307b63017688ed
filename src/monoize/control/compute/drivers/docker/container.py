"""Containers as the engine is told of them and tells of them, for the driver beside this file. Pure."""

import datetime as dt
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any, Final

from monoize.control.compute.drivers.answers import understood
from monoize.control.compute.model.environment import environment, is_everywhere
from monoize.control.compute.model.machines import (
    AGENT_PORT,
    INSTALLATION_LABEL,
    MACHINE_LABEL,
    OPERATION_LABEL,
    MachineRef,
    MachineSpec,
    Observed,
    Power,
    ProviderRefused,
    Reading,
)
from monoize.control.compute.model.memory import memory_mb_seconds

NAME: Final = "docker"
STOP_GRACE_S: Final = 10
PIDS_MOST: Final = 1024
CONFIG_LABEL: Final = "monoize.config"
_MIB: Final = 2**20
_POWERS: Final[Mapping[str, Power]] = {
    "created": "stopped",
    "running": "running",
    "restarting": "changing",
    "removing": "changing",
    "exited": "stopped",
    "dead": "stopped",
}


def config(spec: MachineSpec, network: Mapping[str, Any], installation: str) -> dict[str, Any]:
    gateway = str(network["IPAM"]["Config"][0]["Gateway"])
    config: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{key}={value}" for key, value in environment(spec, this_computer=gateway).items()],
        "StopTimeout": STOP_GRACE_S,
        "HostConfig": {
            "NetworkMode": network["Id"],
            # Nobody answers there: what names mean is the proxy's to find out, and questions carry things out too.
            "Dns": ["127.0.0.1"],
            "Memory": spec.memory_mb * _MIB,
            "MemorySwap": spec.memory_mb * _MIB,
            "NanoCpus": spec.cpu_millicores * 1_000_000,
            "PidsLimit": PIDS_MOST,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "Mounts": [{"Type": "volume", "Source": spec.ref.name, "Target": "/data"}],
        },
        "NetworkingConfig": {"EndpointsConfig": {network["Id"]: {}}},
    }
    config["Labels"] = {**labels(spec, installation), CONFIG_LABEL: _digest(config)}
    return config


def check_way_out(spec: MachineSpec) -> None:
    ways = spec.access.ways.here
    if not is_everywhere(f"//{ways.proxy}"):
        message = f"containers do not reach the egress proxy at {ways.proxy}; set egress_listen to 0.0.0.0:3128"
        raise ProviderRefused(NAME, message, "invalid")
    if not is_everywhere(ways.control_url):
        message = f"containers do not reach models at {ways.control_url}; set host to 0.0.0.0"
        raise ProviderRefused(NAME, message, "invalid")


@understood(NAME)
def reading(
    there: Mapping[str, Any], stats: Mapping[str, Any], before: Reading | None, at: dt.datetime
) -> Reading | None:
    """What a sample of the engine's counters says. They begin again at 0 whenever the container starts."""
    started, memory = there["State"]["StartedAt"], stats.get("memory_stats") or {}
    if "usage" not in memory:
        # It stopped between the two calls.
        return None
    epoch = f"{there['Id'][:12]} {started}"
    told = memory.get("stats") or {}
    # Pages of files that can be dropped at any time are no use of memory; both versions of cgroups, in turn.
    cached = told.get("inactive_file", told.get("total_inactive_file", 0))
    networks = (stats.get("networks") or {}).values()
    return Reading(
        epoch=epoch,
        at=at,
        cpu_ms=stats["cpu_stats"]["cpu_usage"]["total_usage"] // 1_000_000,
        memory_mb_seconds=memory_mb_seconds(
            before,
            epoch=epoch,
            began_at=_time(started) or at,
            at=at,
            memory_mb=max(0, memory["usage"] - cached) / _MIB,
        ),
        network_bytes=sum(network["rx_bytes"] + network["tx_bytes"] for network in networks),
    )


@understood(NAME)
def observed(there: Mapping[str, Any]) -> Observed:
    name = there["Name"].removeprefix("/")
    state = there["State"]["Status"]
    return Observed(
        provider_id=there["Id"],
        name=name,
        power=_POWERS.get(state, "unknown"),
        said=_ending(there["State"]) if state == "exited" else state,
        machine_id=labels_of(there).get(MACHINE_LABEL) or None,
        address=_address(there),
        created_at=_time(there["Created"]),
    )


def _ending(state: Mapping[str, Any]) -> str:
    if state.get("OOMKilled"):
        return "exited for want of memory"
    return f"exited with {state['ExitCode']}" if state.get("ExitCode") else "exited"


@understood(NAME)
def listed(container: Mapping[str, Any]) -> Observed:
    name = container["Names"][0].removeprefix("/")
    return Observed(
        provider_id=container["Id"],
        name=name,
        power=_POWERS.get(container["State"], "unknown"),
        said=container["State"],
        machine_id=container["Labels"].get(MACHINE_LABEL) or None,
        address=_address(container),
        created_at=dt.datetime.fromtimestamp(container["Created"], dt.UTC),
    )


def remains(ref: MachineRef) -> Observed:
    """A network or a volume whose container is gone."""
    return Observed("", ref.name, "stopped", "without a container", ref.machine_id)


def _address(container: Mapping[str, Any]) -> str | None:
    """In its only network; it has one while it runs."""
    networks = container["NetworkSettings"]["Networks"].values()
    return next((f"{network['IPAddress']}:{AGENT_PORT}" for network in networks if network["IPAddress"]), None)


def labels(spec: MachineSpec, installation: str) -> dict[str, str]:
    return {INSTALLATION_LABEL: installation, MACHINE_LABEL: spec.machine_id, OPERATION_LABEL: spec.operation_id}


def labels_of(there: Mapping[str, Any]) -> Mapping[str, str]:
    return there["Config"].get("Labels") or {}


def _digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def archive(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(path.removeprefix("/"))
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _time(text: str) -> dt.datetime | None:
    """The engine writes nanoseconds; the year 1 stands for never."""
    try:
        at = dt.datetime.fromisoformat(f"{text.partition('.')[0].removesuffix('Z')}+00:00")
    except ValueError:
        return None
    return at if at.year > 1 else None
