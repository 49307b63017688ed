"""A project's `monoize.toml`: read, and checked for what `monoize up` has to understand of it.

What the values may be is for the server to say; here it is the names, so that a misspelt one is not passed over.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from monoize.cli.api import Json
from monoize.cli.service_values import port_of, volume_of

DEFAULT: Final = Path("monoize.toml")
_MOST_BYTES: Final = 1_048_576
_TOP: Final = frozenset({"project", "description", "services"})
_PARTS: Final[Mapping[str, Collection[str]]] = {
    "limits": ("memory_mb", "cpus", "pids"),
    "health": ("kind", "path", "port", "timeout_s", "within_s", "expect_least", "expect_most"),
    "deploy": ("hook", "drain_s", "timeout_s"),
}
_PORT: Final = ("container", "host", "protocol", "bind")
_VOLUME: Final = ("source", "target", "read_only")
_SENT: Final = ("image", "command", "env", "replicas", "restart", "stop_grace_s", "description")
_ROUTE: Final = (
    *("domain", "path", "port", "tls", "timeout_s", "body_mb"),
    *("websocket", "buffering", "strip_path", "hsts", "headers"),
)
_NAMED: Final = ("environment", "registry", "links", "secrets", "routes")
_SERVICE: Final = frozenset({*_SENT, *_PARTS, *_NAMED, "ports", "volumes"})


class NotAsItMustBe(Exception):
    """The file says something that no project can be made of."""


@dataclasses.dataclass(frozen=True, slots=True)
class WantedService:
    """`config` is what is sent as it is; the rest are names of other things. None is what the file does not say."""

    name: str
    config: Json
    environment: str | None
    registry: str | None
    links: Sequence[str] | None
    secrets: Sequence[str]
    routes: Sequence[Json] | None


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectFile:
    project: str
    description: str | None
    services: Sequence[WantedService]


def read(file: Path) -> ProjectFile:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise click.UsageError(f"there is no {file}; docs/projects.md shows what to write into one") from None
    except OSError as problem:
        raise click.UsageError(f"cannot read {file}: {problem.strerror}") from problem
    if len(data) > _MOST_BYTES:
        raise click.UsageError(f"{file} has more than {_MOST_BYTES} bytes")
    try:
        return parsed(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise click.UsageError(f"{file} is not valid TOML: {problem}") from problem
    except NotAsItMustBe as problem:
        raise click.UsageError(f"{file}: {problem}") from problem


def parsed(document: Json) -> ProjectFile:
    """NotAsItMustBe says where it is otherwise."""
    if "project" not in document:
        raise NotAsItMustBe(
            "it does not say `project = NAME`; the settings of a server are another file of that name"
        )
    _known(document, _TOP, "the file")
    services = _table(document.get("services", {}), "services")
    return ProjectFile(
        project=_text(document["project"], "project"),
        description=_text_or_none(document.get("description"), "description"),
        services=[_service(name, _table(told, f"services.{name}")) for name, told in services.items()],
    )


def _service(name: str, told: Json) -> WantedService:
    where = f"services.{name}"
    _known(told, _SERVICE, where)
    if "image" not in told:
        raise NotAsItMustBe(f"{where} has no image")
    config: Json = {field: told[field] for field in _SENT if field in told}
    for part, fields in _PARTS.items():
        if part in told:
            config[part] = _table(told[part], f"{where}.{part}")
            _known(config[part], fields, f"{where}.{part}")
    if "path" in config.get("health", ()):
        config["health"] = {"kind": "http", **config["health"]}
    if "ports" in told:
        config["ports"] = [_port(each, f"{where}.ports") for each in _list(told["ports"], f"{where}.ports")]
    if "volumes" in told:
        config["volumes"] = [
            _volume(each, f"{where}.volumes") for each in _list(told["volumes"], f"{where}.volumes")
        ]
    return WantedService(
        name=name,
        config=config,
        environment=_text_or_none(told.get("environment"), f"{where}.environment"),
        registry=_text_or_none(told.get("registry"), f"{where}.registry"),
        links=_texts(told["links"], f"{where}.links") if "links" in told else None,
        secrets=_texts(told.get("secrets", []), f"{where}.secrets"),
        routes=_routes(told["routes"], where) if "routes" in told else None,
    )


def _routes(told: Any, where: str) -> Sequence[Json]:
    routes = []
    for each in _list(told, f"{where}.routes"):
        route = {"domain": each} if isinstance(each, str) else _table(each, f"{where}.routes")
        _known(route, _ROUTE, f"{where}.routes")
        if "domain" not in route:
            raise NotAsItMustBe(f"a route of {where} has no domain")
        routes.append({"path": "/", "tls": False, **route})
    return routes


def _port(told: Any, where: str) -> Json:
    match told:
        case int() if not isinstance(told, bool):
            return {"container": told}
        case str():
            return _as_value(port_of, told, where)
        case _:
            port = _table(told, where)
            _known(port, _PORT, where)
            return port


def _volume(told: Any, where: str) -> Json:
    if isinstance(told, str):
        return _as_value(volume_of, told, where)
    volume = _table(told, where)
    _known(volume, _VOLUME, where)
    return volume


def _as_value(reader: Any, told: str, where: str) -> Json:
    try:
        read: Json = reader(told)
    except click.UsageError as problem:
        raise NotAsItMustBe(f"{where}: {problem.message}") from problem
    return read


def _known(told: Json, names: Collection[str], where: str) -> None:
    for name in told:
        if name not in names:
            close = difflib.get_close_matches(name, list(names), n=1)
            raise NotAsItMustBe(f"{where} knows no {name}" + (f"; did you mean {close[0]}?" if close else ""))


def _table(told: Any, where: str) -> Json:
    if not isinstance(told, dict):
        raise NotAsItMustBe(f"{where} must be a table")
    return dict(told)


def _list(told: Any, where: str) -> list[Any]:
    if not isinstance(told, list):
        raise NotAsItMustBe(f"{where} must be a list")
    return told


def _text(told: Any, where: str) -> str:
    if not isinstance(told, str) or not told:
        raise NotAsItMustBe(f"{where} must be text")
    return told


def _text_or_none(told: Any, where: str) -> str | None:
    return None if told is None else _text(told, where)


def _texts(told: Any, where: str) -> Sequence[str]:
    return [_text(each, where) for each in _list(told, where)]
