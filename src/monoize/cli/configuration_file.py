"""A file of configuration: read, its references to secrets resolved, and found again in what a server refuses.

An API key never stands in such a file. `api_key: ${NAME}` takes it from the environment of the command, and
`api_key_file: PATH` from a file beside it; with neither the server keeps the one that it has.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from monoize.cli import upstreams
from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure
from monoize.cli.yaml_text import TEXT_MOST_BYTES, parsed

STDIN: Final = "-"
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,127})\}")
_POINTER: Final = re.compile(r"document/([^:]*): (.*)", re.DOTALL)


class ConfigurationFile(NamedTuple):
    name: str
    document: Json
    lines: Mapping[str, int]

    def pointed(self, failure: Failure) -> Failure:
        """The refusal of a server, with the lines of what it points at."""
        return Failure(
            failure.message,
            exit=failure.exit,
            hint=failure.hint,
            code=failure.code,
            request_id=failure.request_id,
            lines=[self._pointed(line) for line in failure.lines],
        )

    def _pointed(self, line: str) -> str:
        found = _POINTER.fullmatch(line)
        if found is None:
            return line
        pointer, place = f"/{found[1]}", f"{self.name}"
        while pointer and pointer not in self.lines:
            # What is missing has no line of its own.
            pointer = pointer.rpartition("/")[0]
        if pointer in self.lines:
            place += f", line {self.lines[pointer]}"
        return f"{place}: {found[1]}: {found[2]}"


def read(place: str) -> ConfigurationFile:
    name = "standard input" if place == STDIN else place
    content, lines = parsed(text_of(place), name)
    # Not settings of ours: the file says what its variables are called.
    environment = os.environ  # noqa: TID251
    # What stands beside a file is meant from there.
    folder = Path() if place == STDIN else Path(place).parent
    for pointer, channel in _channels(content):
        _resolve(channel, environment, folder, f"{name}, line {lines[pointer]}")
    return ConfigurationFile(name, content, lines)


def of_document(document: Json, name: str, environment: Mapping[str, str]) -> ConfigurationFile:
    """One that was never written down, or in other words than ours."""
    for pointer, channel in _channels(document):
        _resolve(channel, environment, Path(), f"{name}, {pointer}")
    return ConfigurationFile(name, document, {})


def text_of(place: str) -> bytes:
    """One byte more than it may have tells that there is more."""
    if place == STDIN:
        return sys.stdin.buffer.read(TEXT_MOST_BYTES + 1)
    try:
        with Path(place).open("rb") as file:
            return file.read(TEXT_MOST_BYTES + 1)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise click.UsageError(f"cannot read {place}: {reason}") from problem


def _channels(content: Json) -> Iterator[tuple[str, Json]]:
    """All that look like a channel; whether they are one is for the server to say."""
    for at, provider in _objects(content.get("providers")):
        for place, channel in _objects(provider.get("channels")):
            yield f"/providers/{at}/channels/{place}", channel


def _objects(listed: Any) -> Iterator[tuple[int, Json]]:
    for place, each in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(each, dict):
            yield place, each


def _resolve(channel: Json, environment: Mapping[str, str], folder: Path, where: str) -> None:
    if "api_key_file" in channel:
        if "api_key" in channel or not isinstance(channel["api_key_file"], str):
            raise Failure(f"{where}: a channel has an api_key or the path of an api_key_file", exit=Exit.USAGE)
        channel["api_key"] = upstreams.key_of(folder / channel.pop("api_key_file"))
    elif channel.get("api_key") is not None:
        channel["api_key"] = _from_environment(channel["api_key"], environment, where)


def _from_environment(reference: Any, environment: Mapping[str, str], where: str) -> str:
    found = _REFERENCE.fullmatch(str(reference))
    if found is None:
        raise Failure(
            f"{where}: an api_key is not written into a file",
            exit=Exit.USAGE,
            hint="Write api_key: ${NAME} and set the variable NAME, or name an api_key_file.",
        )
    key = environment.get(found[1], "").strip()
    if not key:
        raise Failure(f"{where}: the variable {found[1]} is not set", exit=Exit.USAGE)
    return key
