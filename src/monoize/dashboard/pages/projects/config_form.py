"""What a service is made of, as a form: each part a line of text, read and written the same way. Pure."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.control.projects.model.config import Health, Limits, Port, ServiceConfig, Volume
from monoize.control.projects.model.services import Service
from monoize.dashboard.amounts import whole
from monoize.dashboard.forms import Form, invalid

_LOCAL: Final = "127.0.0.1"
HEALTH_KINDS: Final = (
    ("tcp", "It accepts connections"),
    ("http", "It answers a request"),
    ("none", "It runs: nothing is asked"),
)
EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use lower-case letters, digits and dashes, 63 at most.",
    "image": "Use the name of an image, such as ghcr.io/owner/name:tag.",
    "ports": "Use one port on each line: 8080, or HOST:CONTAINER for a fixed port of this machine.",
    "volumes": "Use one on each line: NAME:/path, with :ro at its end where it is only read.",
    "env": "Use one NAME=value on each line.",
    "command": "Use one word on each line, the program first.",
    "limits": "Use 6 MB of memory or more, and 0.01 CPUs or more.",
    "health": "Use a path that begins with a slash.",
    "replicas": "Use a number from 1 to 20.",
    "description": "Use 1000 characters at most.",
    "registry_id": "Choose one of these.",
    "environment_id": "Choose one of these.",
}


def entered(form: Form, before: ServiceConfig | None = None) -> dict[str, Any]:
    """For the request bodies of the API; what the form does not show stays as it was `before`."""
    limits = dataclasses.asdict(before.limits if before else Limits())
    health = dataclasses.asdict(before.health if before else Health())
    return {
        "image": form.text("image"),
        "ports": [_port(line) for line in form.lines("ports")],
        "volumes": [_volume(line) for line in form.lines("volumes")],
        "env": dict(_variable(line) for line in form.lines("env")),
        "command": form.lines("command") or None,
        "limits": {**limits, "memory_mb": whole(form, "memory_mb"), "cpus": _cpus(form)},
        "health": {**health, "kind": form.text("health") or "tcp", "path": form.text("health_path") or "/"},
        "replicas": whole(form, "replicas") or 1,
        "registry_id": whole(form, "registry_id"),
        "environment_id": whole(form, "environment_id"),
        "description": form.text("description"),
    }


def shown(service: Service) -> Form:
    config = service.config
    return Form(
        {
            "name": service.name,
            "image": config.image,
            "ports": "\n".join(map(port_text, config.ports)),
            "volumes": "\n".join(map(volume_text, config.volumes)),
            "env": "\n".join(f"{name}={value}" for name, value in service.env.items()),
            "command": "\n".join(config.command or ()),
            "memory_mb": _text(config.limits.memory_mb),
            "cpus": _text(config.limits.cpus),
            "health": config.health.kind,
            "health_path": config.health.path,
            "replicas": str(config.replicas),
            "registry_id": _text(service.registry_id),
            "environment_id": _text(service.environment_id),
            "description": service.description or "",
        }
    )


def port_text(port: Port) -> str:
    written = str(port.container)
    if port.host is not None:
        written = f"{port.host}:{written}"
        if port.bind != _LOCAL:
            written = f"{port.bind}:{written}"
    return written if port.protocol == "tcp" else f"{written}/{port.protocol}"


def volume_text(volume: Volume) -> str:
    return f"{volume.source}:{volume.target}{':ro' if volume.read_only else ''}"


def _port(line: str) -> dict[str, Any]:
    where, _, protocol = line.partition("/")
    parts = where.rsplit(":", 2)
    found: dict[str, Any] = {"container": _number(parts[-1]), "protocol": protocol or "tcp"}
    if len(parts) > 1:
        found["host"] = _number(parts[-2])
    if len(parts) > 2:
        found["bind"] = parts[0]
    return found


def _number(written: str) -> int:
    if not (written.isascii() and written.isdecimal() and len(written) <= 5):
        raise invalid(ports=EXPECTED["ports"])
    return int(written)


def _volume(line: str) -> dict[str, Any]:
    parts: Sequence[str] = line.split(":")
    read_only = len(parts) == 3 and parts[2] == "ro"
    if len(parts) != 2 and not read_only:
        raise invalid(volumes=EXPECTED["volumes"])
    return {"source": parts[0], "target": parts[1], "read_only": read_only}


def _variable(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals:
        raise invalid(env=EXPECTED["env"])
    return name.strip(), value


def _cpus(form: Form) -> float | None:
    written = form.text("cpus")
    try:
        return None if written is None else float(written)
    except ValueError:
        raise invalid(cpus="Use a number such as 0.5.") from None


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
