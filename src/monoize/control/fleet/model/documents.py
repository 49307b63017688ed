"""Credential documents in their normal form: what the hub keeps, serves and digests.

The courier brings its own file into the same form by functions of its own; `tests/control/fleet/vectors.json` holds
both to the same answers. What is refused is told by a pointer into the document, never by its content.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from monoize.control.fleet.model import dates, json_text, quality
from monoize.control.fleet.model.tools import Path, Tool

BYTES_MOST: Final = 65_536
TARGETS_MOST: Final = 64
TARGET_CHARS_MOST: Final = 255
NAME_CHARS_MOST: Final = 255
TOKEN_TYPE_CHARS_MOST: Final = 32

Document = Mapping[str, Any]

# The first of the names is the one that stays.
_FOLDED: Final[Mapping[str, tuple[str, ...]]] = {
    "token_type": ("token_type", "type"),
    "organization": ("organization", "org", "default_organization", "default_org"),
    "project": ("project", "default_project"),
    "api_base": ("api_base", "base_url"),
}
_BEARER: Final = "bearer"


class BadDocument(ValueError):
    """A credential document that is refused: where in it, and why."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer} {message}")
        self.pointer = pointer
        self.message = message


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One token of a document, and for whom it is."""

    target: str
    token: str = dataclasses.field(repr=False)
    token_type: str = _BEARER
    organization: str | None = None
    project: str | None = None
    api_base: str | None = None
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Credential:
    """A document in its normal form with what we need to know of it."""

    document: Document = dataclasses.field(repr=False)
    text: str = dataclasses.field(repr=False)
    entries: Sequence[Entry]
    moment: dt.datetime
    digest: str


def read(given: Any, tool: Tool) -> Credential:
    """Of a document as `json_text.read` returns it. BadDocument when it cannot be a login of this tool."""
    if not isinstance(given, Mapping) or not given:
        raise BadDocument("", "must be an object that is not empty")
    moment = _moment(given, tool)
    document = normal(given, tool)
    entries = list(_entries(document, tool))
    for entry in entries:
        problem = quality.flaw(entry.token)
        if problem:
            raise BadDocument(_pointer(*_place_of(entry, tool)), problem)
    text = json_text.write(document)
    if len(text.encode()) > BYTES_MOST:
        raise BadDocument("", f"must have at most {BYTES_MOST} bytes")
    return Credential(document, text, entries, moment, json_text.digest_of(text))


def check_date(credential: Credential, tool: Tool, now: dt.datetime) -> None:
    """BadDocument when no login can be that old or that new."""
    try:
        dates.plausible(credential.moment, now, tool.ahead_most)
    except ValueError as problem:
        raise BadDocument(_pointer(*tool.moment_path), str(problem)) from None


def normal(given: Document, tool: Tool) -> Document:
    """The normal form; bringing it into this form again changes nothing."""
    if not tool.has_entries:
        if access_token(given, tool) is None:
            raise BadDocument(_pointer(*tool.token_paths[0]), "must hold a token")
        return dict(given)
    entries = _given_entries(given, tool)
    return {**given, "auths": {target: _normal_entry(target, entries[target]) for target in sorted(entries)}}


def access_token(document: Document, tool: Tool) -> str | None:
    """What the tool itself would log in with."""
    found = (_text_at(document, path) for path in tool.token_paths)
    return next((token for token in found if token), None)


def at(document: Any, path: Path) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _given_entries(given: Document, tool: Tool) -> Mapping[str, Any]:
    entries = given.get("auths")
    # An empty array is how other programs write an empty object.
    if entries in (None, {}, []):
        token = access_token(given, tool)
        if token is None:
            raise BadDocument("/auths", "must name a target, or the document must hold the tool's own token")
        return {tool.login_target: {"token": token}}
    if not isinstance(entries, Mapping):
        raise BadDocument("/auths", "must be an object")
    if len(entries) > TARGETS_MOST:
        raise BadDocument("/auths", f"must name at most {TARGETS_MOST} targets")
    return entries


def _normal_entry(target: str, given: Any) -> dict[str, Any]:
    if not target.strip() or len(target) > TARGET_CHARS_MOST:
        raise BadDocument("/auths", f"must name targets of 1 to {TARGET_CHARS_MOST} characters")
    if not isinstance(given, Mapping):
        raise BadDocument(_pointer("auths", target), "must be an object")
    token = given.get("token")
    if not isinstance(token, str) or not token.strip():
        raise BadDocument(_pointer("auths", target, "token"), "must hold a token")
    known = {name: _folded(target, given, name) for name in _FOLDED}
    known["token_type"] = known["token_type"] or _BEARER
    meta = {name: value for name, value in given.items() if name != "token" and name not in _EVERY_NAME}
    kept = {**meta, **known, "token": token.strip()}
    return {name: value for name, value in kept.items() if value is not None}


_EVERY_NAME: Final = frozenset(name for names in _FOLDED.values() for name in names)


def _folded(target: str, given: Document, name: str) -> str | None:
    """The first of all names of this field that says something."""
    most = TOKEN_TYPE_CHARS_MOST if name == "token_type" else NAME_CHARS_MOST
    for alias in _FOLDED[name]:
        value = given.get(alias)
        if value is None:
            continue
        if not isinstance(value, str) or len(value.strip()) > most:
            raise BadDocument(_pointer("auths", target, alias), f"must be a text of at most {most} characters")
        if value.strip():
            return value.strip()
    return None


def _entries(document: Document, tool: Tool) -> Iterator[Entry]:
    if not tool.has_entries:
        yield Entry(tool.login_target, access_token(document, tool) or "")
        return
    for target, kept in document["auths"].items():
        known = {name: value for name, value in kept.items() if name in _FOLDED or name == "token"}
        yield Entry(target, **known, meta={name: value for name, value in kept.items() if name not in known})


def _place_of(entry: Entry, tool: Tool) -> Path:
    return ("auths", entry.target, "token") if tool.has_entries else tool.token_paths[0]


def _moment(given: Document, tool: Tool) -> dt.datetime:
    value = at(given, tool.moment_path)
    try:
        if tool.moment_kind == "unix_ms":
            return dates.instant_of_unix_ms(-1 if (found := json_text.whole(value)) is None else found)
        return dates.instant(value if isinstance(value, str) else "")
    except ValueError as problem:
        raise BadDocument(_pointer(*tool.moment_path), str(problem)) from None


def _text_at(document: Document, path: Path) -> str | None:
    value = at(document, path)
    return value.strip() if isinstance(value, str) else None


def _pointer(*path: str) -> str:
    """RFC 6901, each name shortened: what the document calls its fields is as long as its author likes."""
    return "".join(f"/{name[:64].replace('~', '~0').replace('/', '~1')}" for name in path)
