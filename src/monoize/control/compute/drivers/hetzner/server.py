"""Servers as Hetzner tells of them, and its errors, for the driver beside this file. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from monoize.control.compute.drivers.answers import understood
from monoize.control.compute.drivers.cloud import Answer, Judged
from monoize.control.compute.model.machines import (
    AGENT_PORT,
    MACHINE_LABEL,
    Observed,
    Power,
    Reading,
    RefusedFor,
    ToRead,
)
from monoize.control.compute.model.memory import memory_mb_seconds

NAME: Final = "hetzner"
_POWERS: Final[Mapping[str, Power]] = {
    "running": "running",
    "off": "stopped",
    **dict.fromkeys(("initializing", "starting", "stopping", "migrating", "rebuilding", "deleting"), "changing"),
}
_PASSING: Final = frozenset(
    {
        *("conflict", "locked", "rate_limit_exceeded", "bad_gateway", "timeout", "maintenance", "unavailable"),
        # A name is taken by what we made before, also while no list shows it yet.
        "uniqueness_error",
    }
)
_REASONS: Final[Mapping[str, RefusedFor]] = {
    "unauthorized": "credentials",
    "forbidden": "credentials",
    "token_readonly": "credentials",
    "resource_limit_exceeded": "quota",
    "resource_unavailable": "capacity",
    "placement_error": "capacity",
    "invalid_input": "invalid",
    "protected": "unsupported",
}


@understood(NAME)
def observed(server: Mapping[str, Any], network_id: int | None) -> Observed:
    ip = _address(server, network_id)
    return Observed(
        provider_id=str(server["id"]),
        name=str(server["name"]),
        power=_POWERS.get(server["status"], "unknown"),
        said=str(server["status"]),
        machine_id=(server.get("labels") or {}).get(MACHINE_LABEL) or None,
        address=f"{ip}:{AGENT_PORT}" if ip else None,
        created_at=dt.datetime.fromisoformat(server["created"]),
    )


def _address(server: Mapping[str, Any], network_id: int | None) -> str | None:
    """Within the private network, if there is one: what is said there passes nobody else."""
    if network_id is not None:
        return next((net["ip"] for net in server.get("private_net") or [] if net["network"] == network_id), None)
    public = (server.get("public_net") or {}).get("ipv4") or {}
    ip: str | None = public.get("ip")
    return ip


@understood(NAME)
def reading(server: Mapping[str, Any], machine: ToRead, at: dt.datetime, cpu_ms: int | None) -> Reading:
    """Memory is what the machine was given, for as long as it ran; traffic begins again each month."""
    epoch, created_at = made(server)
    traffic = [server.get(name) for name in ("outgoing_traffic", "ingoing_traffic")]
    return Reading(
        epoch=epoch,
        at=at,
        cpu_ms=cpu_ms,
        memory_mb_seconds=memory_mb_seconds(
            machine.before,
            epoch=epoch,
            began_at=created_at,
            at=at,
            memory_mb=machine.memory_mb if server["status"] == "running" else 0,
        ),
        network_bytes=sum(part or 0 for part in traffic) if any(part is not None for part in traffic) else None,
    )


@understood(NAME)
def made(server: Mapping[str, Any]) -> tuple[str, dt.datetime]:
    return f"{server['id']} {server['created']}", dt.datetime.fromisoformat(server["created"])


@understood(NAME)
def mean_cpu(said: Mapping[str, Any]) -> float | None:
    values = [float(value) for _, value in said["metrics"]["time_series"].get("cpu", {"values": []})["values"]]
    return sum(values) / len(values) if values else None


@understood(NAME)
def page_of(answer: Answer) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    return answer.fields["servers"], answer.fields["meta"]["pagination"]["next_page"]


@understood(NAME)
def part(answer: Answer, name: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = answer.fields[name]
    return part


def judged(answer: Answer) -> Judged:
    """`{"error": {"code", "message", "details"}}`; of a gateway on the way, only the status."""
    error = answer.fields.get("error")
    told: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    code = str(told.get("code", ""))
    passing = (
        code in _PASSING
        or answer.status == HTTPStatus.TOO_MANY_REQUESTS
        or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    message = str(told.get("message") or f"HTTP {answer.status}")
    return Judged(passing, _REASONS.get(code, "other"), f"{message} ({code})" if code else message)
