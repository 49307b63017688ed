"""What the hub distributes to hosts: configuration, instructions, prompts and skills of their tool. Pure.

Operators alone write them. What a host gets is rendered for its tool, and a file of its pool stands in for the one
of that name which is for every pool.
"""

import dataclasses
import datetime as dt
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from monoize.control.fleet.errors import ConfigNeedsPool, ConfigUnreadable, FileNameFixed, FileNameNeeded
from monoize.control.fleet.model.tools import ToolName

FileKind = Literal["config", "agents", "prompt", "skill"]

BODY_BYTES_MOST: Final = 65_536
FILES_MOST: Final = 100
"""For every pool, and again for each of them."""
FILE_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_FRONT_MATTER: Final = "---"
_ESCAPED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A file without its text. Without a pool it is for every pool; `revision` counts its changes."""

    id: str
    pool_id: str | None
    kind: FileKind
    name: str
    sha256: str
    description: str | None
    argument_hint: str | None
    revision: int
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FleetFile(FileFacts):
    body: str


@dataclasses.dataclass(frozen=True, slots=True)
class ServedFile:
    """As a host writes it down."""

    kind: FileKind
    name: str
    sha256: str
    body: str


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file_name(kind: FileKind, name: str | None) -> str:
    """There is one config and one set of instructions; prompts and skills have names."""
    if kind in ("prompt", "skill"):
        if name is None:
            raise FileNameNeeded
        return name
    if name not in (None, kind):
        raise FileNameFixed
    return kind


def check_config(tool: ToolName | None, body: str) -> None:
    """Its language is its tool's, and no host gets one that its tool could not read."""
    if tool is None:
        raise ConfigNeedsPool
    try:
        readable = isinstance(tomllib.loads(body) if tool == "codex" else json.loads(body), dict)
    except (ValueError, RecursionError):
        readable = False
    if not readable:
        raise ConfigUnreadable(tool=tool)


def served(files: Iterable[FleetFile], tool: ToolName) -> Sequence[ServedFile]:
    # Those that are for every pool come first, and give way.
    chosen = {(file.kind, file.name): file for file in sorted(files, key=lambda file: file.pool_id is not None)}
    return [_served(chosen[place], tool) for place in sorted(chosen)]


def _served(file: FleetFile, tool: ToolName) -> ServedFile:
    text = _rendered(file, tool)
    return ServedFile(file.kind, file.name, sha256_of(text), text)


def _rendered(file: FleetFile, tool: ToolName) -> str:
    if tool == "gemini" and file.kind == "prompt":
        return _lines({"description": file.description, "prompt": file.body}, " = ")
    if file.kind not in ("prompt", "skill") or file.body.startswith(_FRONT_MATTER):
        return file.body
    head = {"description": file.description, "argument-hint": file.argument_hint}
    if file.kind == "skill":
        head = {"name": file.name, **head}
    if file.description is None and file.argument_hint is None:
        return file.body
    return f"{_FRONT_MATTER}\n{_lines(head, ': ')}{_FRONT_MATTER}\n{file.body}"


def _lines(values: Mapping[str, str | None], between: str) -> str:
    return "".join(f"{name}{between}{_quoted(value)}\n" for name, value in values.items() if value is not None)


def _quoted(text: str) -> str:
    """A text of JSON that is one of TOML and of YAML, too; these know no surrogates, and more line ends."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def etag_of(revisions: Iterable[tuple[str, int]], facts: Mapping[str, Any]) -> str:
    """Changes with everything that a host is told beside these files."""
    told = json.dumps([sorted(revisions), facts], sort_keys=True, default=str)
    return f'"{sha256_of(told)}"'
