"""Machines as Fly is told of them and tells of them, for the driver beside this file. Pure."""

import base64
import datetime as dt
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from monoize.control.compute.drivers.answers import understood
from monoize.control.compute.drivers.cloud import Answer, Judged
from monoize.control.compute.model.environment import UnreachableFromThere, environment
from monoize.control.compute.model.machines import (
    AGENT_PORT,
    MachineSpec,
    Observed,
    Power,
    ProviderRefused,
    Reading,
    RefusedFor,
    ToRead,
    machine_id_of,
)
from monoize.control.compute.model.memory import memory_mb_seconds
from monoize.control.compute.model.sizes import fly_guest

NAME: Final = "fly"
STOP_TIMEOUT: Final = "30s"
MANAGED: Final = "monoize_managed"
MACHINE: Final = "monoize_machine"
OPERATION: Final = "monoize_operation"
_POWERS: Final[Mapping[str, Power]] = {
    "started": "running",
    "stopped": "stopped",
    "suspended": "stopped",
    "failed": "stopped",
    "launch_failed": "stopped",
    "destroyed": "gone",
    **dict.fromkeys(
        (
            *("created", "creating", "starting", "stopping", "restarting", "suspending"),
            *("destroying", "updating", "replacing", "replaced", "migrated"),
        ),
        "changing",
    ),
}
_REASONS: Final[Mapping[str, RefusedFor]] = {
    "insufficient_capacity": "capacity",
    "volume_placement_capacity": "capacity",
}
_FULL: Final = ("insufficient", "no capacity", "could not reserve resource")


def config(spec: MachineSpec) -> Mapping[str, Any]:
    try:
        env = environment(spec, this_computer=None)
    except UnreachableFromThere as problem:
        raise ProviderRefused(NAME, f"{problem}; set egress_address and public_url", "invalid") from None
    return {
        "image": spec.image,
        "guest": fly_guest(spec.cpu_millicores, spec.memory_mb),
        "env": env,
        "metadata": {MANAGED: "1", MACHINE: spec.machine_id, OPERATION: spec.operation_id},
        "files": [
            {"guest_path": path, "raw_value": base64.b64encode(text.encode()).decode()}
            for path, text in spec.files.items()
        ],
        "restart": {"policy": "on-failure", "max_retries": 5},
        "stop_config": {"signal": "SIGTERM", "timeout": STOP_TIMEOUT},
        "auto_destroy": False,
    }


@understood(NAME)
def newest(said: Mapping[str, Any]) -> Mapping[str, float]:
    return {one["metric"]["instance"]: float(one["value"][1]) for one in said["data"]["result"]}


@understood(NAME)
def observed(machine: Mapping[str, Any]) -> Observed:
    state = str(machine.get("state"))
    reachable = machine.get("host_status", "ok") == "ok"
    # Of a host that does not answer only a part of the configuration is told.
    config = machine.get("config") or machine.get("incomplete_config") or {}
    ip, created_at = machine.get("private_ip"), machine.get("created_at")
    name = str(machine.get("name"))
    return Observed(
        provider_id=str(machine["id"]),
        name=name,
        power=_POWERS.get(state, "unknown") if reachable else "unknown",
        said=state if reachable else f"{state}, host {machine['host_status']}",
        machine_id=(config.get("metadata") or {}).get(MACHINE) or machine_id_of(name),
        address=f"[{ip}]:{AGENT_PORT}" if ip else None,
        created_at=dt.datetime.fromisoformat(created_at) if created_at else None,
    )


@understood(NAME)
def reading(
    described: Mapping[str, Any],
    machine: ToRead,
    at: dt.datetime,
    cpu_centiseconds: float,
    memory_bytes: float | None,
    network_bytes: float | None,
) -> Reading:
    began_at = _began_at(described) or at
    epoch = f"{described['id']} {began_at.isoformat()}"
    return Reading(
        epoch=epoch,
        at=at,
        cpu_ms=round(cpu_centiseconds * 10),
        memory_mb_seconds=None
        if memory_bytes is None
        else memory_mb_seconds(
            machine.before, epoch=epoch, began_at=began_at, at=at, memory_mb=memory_bytes / 2**20
        ),
        network_bytes=None if network_bytes is None else round(network_bytes),
    )


def _began_at(machine: Mapping[str, Any]) -> dt.datetime | None:
    """When it last came up: counters began again then."""
    starts = [
        event["timestamp"]
        for event in machine.get("events") or []
        if event.get("type") in ("start", "launch") and event.get("status") in ("started", "created")
    ]
    return dt.datetime.fromtimestamp(max(starts) / 1000, dt.UTC) if starts else None


def judged(answer: Answer) -> Judged:
    """`{"error", "status"}`, now and then with `message` instead. Not every 412 is about capacity."""
    message = str(answer.fields.get("error") or answer.fields.get("message") or f"HTTP {answer.status}")
    status = str(answer.fields.get("status", ""))
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Judged(passing=True, reason="other", message=message)
    # A name is taken by what we made before, also while no list shows it yet.
    if answer.status == HTTPStatus.REQUEST_TIMEOUT or "already exists" in message:
        return Judged(passing=True, reason="other", message=message)
    reason: RefusedFor = _REASONS.get(status, "other")
    if reason == "other":
        if any(word in message.lower() for word in _FULL):
            reason = "capacity"
        elif answer.status == HTTPStatus.FORBIDDEN and "quota" in message.lower():
            reason = "quota"
        elif answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            reason = "credentials"
        elif answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
            reason = "invalid"
    return Judged(passing=False, reason=reason, message=message)
