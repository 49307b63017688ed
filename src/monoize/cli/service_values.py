"""Ports, volumes and variables as people write them in options and in a project's file."""

import re
from typing import Any, Final

import click

_PORT: Final = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5})(?:/(tcp|udp))?")
_VOLUME: Final = re.compile(r"([^:]+):(/[^:]*)(:ro)?")


def port_of(text: str) -> dict[str, Any]:
    """`8080`, `80:8080` (a fixed port of the machine first), either with /udp behind."""
    found = _PORT.fullmatch(text)
    if found is None:
        raise click.UsageError(f"{text!r} is not a port; write 8080, 80:8080 or 53/udp")
    port: dict[str, Any] = {"container": int(found[2])}
    if found[1]:
        port["host"] = int(found[1])
    if found[3]:
        port["protocol"] = found[3]
    return port


def volume_of(text: str) -> dict[str, Any]:
    """`data:/var/lib/data`, or a folder of the machine in place of the name; with `:ro` behind only to read."""
    found = _VOLUME.fullmatch(text)
    if found is None:
        raise click.UsageError(f"{text!r} is not a volume; write NAME:/PATH or NAME:/PATH:ro")
    return {"source": found[1], "target": found[2], "read_only": found[3] is not None}


def variable_of(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.UsageError(f"{text!r} is not a variable; write KEY=VALUE")
    return key, value
