#!/usr/bin/env python3
"""The courier: keeps the login, the files and the usage of one host in step with its Monoize hub.

One file, standard library only, Python 3.9 or later: hosts run it exactly as the hub serves it. People type `cdx …`
where they typed `codex …`, a timer runs `sync`. Decisions are pure functions at the top; what touches files, the
network and processes stands below them. It acts on the codes of refusals, never on their words, and only a hub that
cannot be reached counts as offline: what the hub refuses does not start.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import fcntl
import functools
import getpass
import hashlib
import http.client
import json
import operator
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TextIO

VERSION = "0.1.0"

SILENCE_S = 20
ANSWER_MOST_S = 60
ANSWER_MOST_BYTES = 16 * 1024 * 1024
FILE_MOST_BYTES = 1024 * 1024
LOCK_WAIT_S = 10
TURN_WAIT_S = 60
PROGRAM_MOST_S = 20
NPM_MOST_S = 300
ATTEMPTS_MOST = 3
SPOOLED_MOST = 1000
ROWS_IN_BATCH_MOST = 100
SESSIONS_REMEMBERED_S = 40 * 86_400
GRACE_S = {True: 7 * 86_400, False: 86_400}
"""How long a secure host, and one that is not, may work without its hub."""
CLOCK_SLACK_S = 300
OVERRIDE_SINCE = (0, 169, 0)
"""The first Codex that asks us instead of its vendor for fresh tokens."""

Json = dict[str, Any]


class Refused(Exception):
    """The hub, or this host, says no; `code` decides what follows."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


class Offline(Exception):
    """The hub cannot be reached."""


# Documents: the same normal form, and so the same digest, as on the hub.

DEPTH_MOST = 32
NUMBER_CHARS_MOST = 64
NO_FILE_YET = "2000-01-01T00:00:00Z"
FOLDED = {
    "token_type": ("token_type", "type"),
    "organization": ("organization", "org", "default_organization", "default_org"),
    "project": ("project", "default_project"),
    "api_base": ("api_base", "base_url"),
}
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})"
)


class Number(str):
    """A JSON number, kept as it was written."""


def read_json(text: str) -> Any:
    """Without loss, and strictly: ValueError for what two readers could understand differently."""
    try:
        value = json.loads(
            text,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    _check(value, DEPTH_MOST)
    return value


def write_json(value: Any) -> str:
    """Compact, with sorted names: equal content is equal text."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{write_json(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write_json, value)) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(text: str) -> Number:
    if len(text) > NUMBER_CHARS_MOST or float(text) in (float("inf"), float("-inf")):
        raise ValueError("holds a number that is too large")
    return Number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError("holds NaN or Infinity, which is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("names a field twice")
    return value


def _check(value: Any, depth_left: int) -> None:
    if isinstance(value, str) and ("\x00" in value or any("\ud800" <= char <= "\udfff" for char in value)):
        raise ValueError("must be valid Unicode without NUL characters")
    if isinstance(value, (dict, list)):
        if depth_left == 0:
            raise ValueError("is nested too deeply")
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(inner, depth_left - 1)


class Tool(NamedTuple):
    """A coding CLI: where its things lie below its folder, and where its login has the token and the moment."""

    name: str
    folder: str
    folder_variable: str
    login: str
    # Taken in this order, as the tool itself takes them.
    locks: tuple[str, ...]
    token_paths: tuple[tuple[str, ...], ...]
    moment_path: tuple[str, ...]
    login_target: str
    places: Mapping[str, str]
    package: str
    has_entries: bool = False


TOOLS = {
    "codex": Tool(
        name="codex",
        folder=".codex",
        folder_variable="CODEX_HOME",
        login="auth.json",
        locks=("auth.lock", "auth.json.lock"),
        token_paths=(("tokens", "access_token"), ("OPENAI_API_KEY",)),
        moment_path=("last_refresh",),
        login_target="api.openai.com",
        places={
            "config": "config.toml",
            "agents": "AGENTS.md",
            "prompt": "prompts/{name}.md",
            "skill": "skills/{name}/SKILL.md",
        },
        package="@openai/codex",
        has_entries=True,
    ),
    "claude": Tool(
        name="claude",
        folder=".claude",
        folder_variable="CLAUDE_CONFIG_DIR",
        login=".credentials.json",
        locks=(),
        token_paths=(("claudeAiOauth", "accessToken"),),
        moment_path=("claudeAiOauth", "expiresAt"),
        login_target="api.anthropic.com",
        places={
            "config": "settings.json",
            "agents": "CLAUDE.md",
            "prompt": "commands/{name}.md",
            "skill": "skills/{name}/SKILL.md",
        },
        package="@anthropic-ai/claude-code",
    ),
    "gemini": Tool(
        name="gemini",
        folder=".gemini",
        folder_variable="",
        login="oauth_creds.json",
        locks=(),
        token_paths=(("access_token",),),
        moment_path=("expiry_date",),
        login_target="generativelanguage.googleapis.com",
        places={
            "config": "settings.json",
            "agents": "GEMINI.md",
            "prompt": "commands/{name}.toml",
            "skill": "skills/{name}/SKILL.md",
        },
        package="@google/gemini-cli",
    ),
}


def normal(document: Json, tool: Tool) -> Json:
    """The form that is digested. ValueError when this is no login of the tool."""
    if not tool.has_entries:
        if _own_token(document, tool) is None:
            raise ValueError("holds no token")
        return document
    entries = document.get("auths")
    if entries in (None, {}, []):
        token = _own_token(document, tool)
        if token is None:
            raise ValueError("holds no token")
        entries = {tool.login_target: {"token": token}}
    if not isinstance(entries, dict):
        raise ValueError("auths must be an object")
    return {**document, "auths": {target: _normal_entry(entry) for target, entry in entries.items()}}


def _own_token(document: Json, tool: Tool) -> str | None:
    found = (_at(document, path) for path in tool.token_paths)
    return next((text.strip() for text in found if isinstance(text, str) and text.strip()), None)


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _normal_entry(entry: Any) -> Json:
    token = entry.get("token") if isinstance(entry, dict) else None
    if not isinstance(token, str) or not token.strip():
        raise ValueError("an entry holds no token")
    every_name = {name for names in FOLDED.values() for name in names} | {"token"}
    kept = {name: value for name, value in entry.items() if name not in every_name}
    for name, aliases in FOLDED.items():
        said = (entry.get(alias) for alias in aliases)
        kept[name] = next((text.strip() for text in said if isinstance(text, str) and text.strip()), None)
    kept["token_type"] = kept["token_type"] or "bearer"
    kept["token"] = token.strip()
    return {name: value for name, value in kept.items() if value is not None}


def digest_of(document: Json, tool: Tool) -> str:
    return hashlib.sha256(write_json(normal(document, tool)).encode()).hexdigest()


def moment_of(document: Json, tool: Tool) -> str:
    """When the login was last renewed, as RFC 3339. ValueError when it does not say so."""
    value = _at(document, tool.moment_path)
    if isinstance(value, Number) and re.fullmatch(r"[0-9]{1,15}", value):
        since = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(milliseconds=int(value))
        return since.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, str) and not isinstance(value, Number) and _RFC3339.fullmatch(value):
        return value
    raise ValueError("does not say when it was renewed")


class Login(NamedTuple):
    """What stands in the tool's login file. Without a document: none is there that could be used."""

    raw: bytes | None
    document: Json | None = None
    digest: str = hashlib.sha256(b"").hexdigest()
    moment: str = NO_FILE_YET


def login_in(raw: bytes | None, tool: Tool) -> Login:
    if raw is None:
        return Login(None)
    try:
        document = read_json(raw.decode())
        if not isinstance(document, dict):
            raise ValueError("must be an object")
        return Login(raw, document, digest_of(document, tool), moment_of(document, tool))
    except ValueError:
        return Login(raw)


# What may start.


class Verdict(NamedTuple):
    starts: bool
    reason: str = ""


REVOKING = frozenset({"key_invalid", "host_disabled"})
"""Refusals that take the login away: this host is not one of the fleet any more."""

STANDING = REVOKING | {"ip_denied", "window_closed", "installation_mismatch", "api_disabled"}
"""Refusals that go on holding when the hub cannot be reached afterwards."""

REASONS = {
    "key_missing": "the hub did not see this host's key",
    "key_invalid": "this host was removed from the fleet, or its key was replaced: enrol it again",
    "host_disabled": "this host is suspended",
    "ip_denied": "the hub knows this host by another address: ask an operator to unbind it",
    "window_closed": "the time in which this host may work is over: ask an operator to open it",
    "installation_mismatch": "this is not the hub at which this host was enrolled",
    "api_disabled": "the operators have switched the fleet off",
    "rate_limited": "the hub is asked too often from this address: try again later",
    "hub_owned": "the hub keeps the login itself and has none yet: ask an operator",
    "no_login": "the hub has no login yet: log in here with the tool itself, or ask an operator for one",
    "login_busy": "the tool is writing its login this very moment: try again",
    "courier_busy": "another courier is at work here: try again",
    "tls_untrusted": "the hub's certificate is not trusted",
    "tool_too_old": "this tool is too old for a login that the hub renews: update it",
}


def launch_after_refusal(refused: Refused) -> Verdict:
    return Verdict(False, REASONS.get(refused.code, str(refused)))


def launch_offline(
    now: float, contact_at: float | None, refusal: str | None, *, secure: bool, has_login: bool
) -> Verdict:
    """Whether what the hub said last still counts."""
    if refusal:
        return Verdict(False, f"the hub cannot be reached, and said last: {REASONS.get(refusal, refusal)}")
    if not has_login:
        return Verdict(False, "the hub cannot be reached, and there is no login here")
    if contact_at is None or contact_at > now + CLOCK_SLACK_S:
        return Verdict(False, "the hub cannot be reached, and it is not known when it last was")
    silent_s = max(0.0, now - contact_at)
    if silent_s > GRACE_S[secure]:
        return Verdict(False, f"the hub was not reached for {int(silent_s // 3600)} hours, which is too long")
    return Verdict(True, "the hub cannot be reached; working with what it said last")


LIMITS = {
    "limit_reached": "the limit of the shared account is reached",
    "five_hours": "the shared account has used up, or nearly, what it may in five hours",
    "week": "the shared account has used up, or nearly, what it may in a week",
    "day": "the shared account has used up, or nearly, what it may today",
}


class Quota(NamedTuple):
    refuses: bool
    reasons: Sequence[str]


def quota_in(answer: Mapping[str, Any]) -> Quota:
    """What the hub says of the account's allowance; a hub that says nothing stops nobody."""
    reasons = answer.get("quota_reasons")
    known = [LIMITS.get(str(reason), str(reason)) for reason in reasons] if isinstance(reasons, list) else []
    return Quota(answer.get("quota_verdict") == "refuse", known)


# Usage, out of the files in which the tools keep their sessions.


class Counts(NamedTuple):
    """`given` contains `cached`, `output` contains `reasoning`."""

    given: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0


_ZERO = Counts()


class Used(NamedTuple):
    """What a session used by model since some moment, and the moment of the last report that is in it."""

    by_model: Mapping[str, Counts]
    until: str


def used_since(lines: Iterable[str], since: str) -> Used:
    """Of Codex, whose reports are running totals: each counts for what it adds to the one before.

    Those up to `since` do not count. Codex repeats reports, and copies old ones into sessions that continue others.
    """
    by_model: dict[str, Counts] = {}
    model, before, until = "", _ZERO, since
    for line in lines:
        if '"turn_context"' not in line and '"token_count"' not in line and '"session_meta"' not in line:
            continue
        event = _event(line)
        moment, payload = event.get("timestamp"), event.get("payload")
        if not isinstance(moment, str) or not isinstance(payload, dict):
            continue
        if event.get("type") == "session_meta":
            since = until = max(since, moment)
        if event.get("type") == "turn_context" and isinstance(payload.get("model"), str):
            model = payload["model"]
        total = _totals(payload)
        if total is None:
            continue
        if moment > since:
            added = Counts(*(max(0, now - then) for now, then in zip(total, before)))
            by_model[model] = _sum(by_model.get(model, _ZERO), added)
            until = max(until, moment)
        before = total
    return Used({name: counts for name, counts in by_model.items() if any(counts)}, until)


def _event(line: str) -> Json:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _totals(payload: Json) -> Counts | None:
    told = _at(payload, ("info", "total_token_usage")) if payload.get("type") == "token_count" else None
    if not isinstance(told, dict):
        return None
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
    return Counts(*_counts(told, names))


def _counts(told: Json, names: Iterable[str]) -> list[int]:
    counts = [told.get(name) for name in names]
    return [count if type(count) is int and count >= 0 else 0 for count in counts]


class Message(NamedTuple):
    """An answer of a model, as far as a session tells of it."""

    id: str
    moment: str
    model: str
    counts: Counts


def used_by(messages: Iterable[Message], since: str, seen: dict[str, Counts]) -> Used:
    """Of tools that write an answer down as it grows: each time counts for what it adds, up to `since` not at all.

    `seen` are answers of other sessions as well: one that continues another copies it.
    """
    by_model: dict[str, Counts] = {}
    until = since
    for id, moment, model, counts in messages:
        before = seen.get(id, _ZERO)
        seen[id] = now = Counts(*map(max, before, counts))
        if moment > since:
            added = Counts(*map(operator.sub, now, before))
            by_model[model] = _sum(by_model.get(model, _ZERO), added)
            until = max(until, moment)
    return Used({name: counts for name, counts in by_model.items() if any(counts)}, until)


def claude_message(line: Json) -> Message | None:
    """What a prompt writes into the cache is input like any other here."""
    told = _at(line, ("message", "usage"))
    if line.get("type") != "assistant" or not isinstance(told, dict):
        return None
    fresh, written, cached, output = _counts(
        told, ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    )
    counts = Counts(fresh + written + cached, cached, output)
    return _message(_at(line, ("message", "id")), line, _at(line, ("message", "model")), counts)


def gemini_message(line: Json) -> Message | None:
    """What a model thought is not in what it wrote, and what tools put into a prompt not in what was asked."""
    told = line.get("tokens")
    if line.get("type") != "gemini" or not isinstance(told, dict):
        return None
    asked, tools, cached, written, thought = _counts(told, ("input", "tool", "cached", "output", "thoughts"))
    counts = Counts(asked + tools, cached, written + thought, thought)
    return _message(line.get("id"), line, line.get("model"), counts)


def _message(id: Any, line: Json, model: Any, counts: Counts) -> Message | None:
    moment = line.get("timestamp")
    if not isinstance(id, str) or not isinstance(moment, str):
        return None
    return Message(id, moment, model if isinstance(model, str) else "", counts)


class Sessions(NamedTuple):
    """Where a tool keeps them, below its folder, and how an answer is found in one of its lines."""

    places: Sequence[str]
    message: Callable[[Json], Message | None] | None = None


SESSIONS = {
    "codex": Sessions(["sessions/*/*/*/rollout-*.jsonl"]),
    "claude": Sessions(["projects/**/*.jsonl"], claude_message),
    "gemini": Sessions(["tmp/*/chats/**/*.jsonl", "tmp/*/chats/**/*.json"], gemini_message),
}


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(*map(operator.add, one, other))


def usage_rows(by_model: Mapping[str, Counts]) -> list[Json]:
    """As the hub takes them: input without what was cached, total without it too."""
    rows = []
    for model, (given, cached, output, reasoning) in sorted(by_model.items()):
        fresh = max(0, given - cached)
        row = {"total": fresh + output, "input": fresh, "cached": cached, "output": output, "reasoning": reasoning}
        rows.append({**row, "model": model} if model else row)
    return rows


# Files that the hub distributes.

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BEGIN, _END, _ASIDE = "# >>> monoize", "# <<< monoize", "# monoize: "
_OWN_PROVIDER = re.compile(r"\s*(model_provider|\"model_provider\"|'model_provider')\s*=")


def place_of(tool: Tool, kind: str, name: str) -> str | None:
    """Where a file goes, below the tool's folder. None for what this courier does not know."""
    place = tool.places.get(kind)
    return place.format(name=name) if place and _FILE_NAME.fullmatch(name) else None


class Steps(NamedTuple):
    write: Sequence[str]
    # No longer wanted and still as we left them.
    remove: Sequence[str]


def steps(wanted: Mapping[str, str], installed: Mapping[str, str], present: Mapping[str, str | None]) -> Steps:
    """What brings the files of a host, given by path and sha256, to what is wanted; others' files stay theirs."""
    write = [path for path, sha256 in wanted.items() if present.get(path) != sha256]
    gone = [path for path in installed if path not in wanted]
    return Steps(write, [path for path in gone if present.get(path) == installed[path]])


def with_block(text: str, head: Sequence[str], tail: Sequence[str], aside: re.Pattern[str] | None = None) -> str:
    """The text with our marked lines first and last; of its own lines before any table those like `aside` rest."""
    own: list[str] = []
    tables = False
    for line in _lines(without_block(text)):
        tables = tables or line.lstrip().startswith("[")
        rests = not tables and aside is not None and aside.match(line)
        own.append(f"{_ASIDE}{line}" if rests else line)
    before = [_BEGIN, *head, _END] if head else []
    after = [_BEGIN, *tail, _END] if tail else []
    return "\n".join([*before, *own, *after]) + "\n"


def without_block(text: str) -> str:
    """What `with_block` was given."""
    own: list[str] = []
    ours = False
    for line in _lines(text):
        if line == _BEGIN:
            ours = True
        elif line == _END:
            ours = False
        elif not ours:
            own.append(line[len(_ASIDE) :] if line.startswith(_ASIDE) else line)
    return "\n".join(own) + "\n" if own else ""


def _lines(text: str) -> list[str]:
    return text[:-1].split("\n") if text.endswith("\n") else text.split("\n") if text else []


def with_gateway(tool: Tool, text: str, base_url: str, key: str) -> str:
    """The tool's configuration, so that it works through the hub's gateway with this host's key."""
    if tool.name == "codex":
        provider = {
            "name": "Monoize",
            "base_url": f"{base_url}/v1",
            "wire_api": "responses",
            "experimental_bearer_token": key,
        }
        # A JSON string without control characters is a TOML string.
        tail = ["[model_providers.monoize]", *(f"{name} = {json.dumps(value)}" for name, value in provider.items())]
        return with_block(text, ['model_provider = "monoize"'], tail, _OWN_PROVIDER)
    if tool.name == "claude":
        return _with_environment(text, {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_AUTH_TOKEN": key})
    return with_block(text, [], [f"GOOGLE_GEMINI_BASE_URL={base_url}", f"GEMINI_API_KEY={key}"])


def without_gateway(tool: Tool, text: str) -> str:
    if tool.name == "claude":
        return _with_environment(text, {"ANTHROPIC_BASE_URL": None, "ANTHROPIC_AUTH_TOKEN": None})
    return without_block(text)


def gateway_place(tool: Tool) -> str:
    return ".env" if tool.name == "gemini" else tool.places["config"]


def _with_environment(text: str, changes: Mapping[str, str | None]) -> str:
    settings = json.loads(text) if text.strip() else {}
    if not isinstance(settings, dict) or not isinstance(settings.get("env", {}), dict):
        raise ValueError("settings are not an object")
    kept = {name: value for name, value in settings.get("env", {}).items() if name not in changes}
    environment = {**kept, **{name: value for name, value in changes.items() if value is not None}}
    others = {name: value for name, value in settings.items() if name != "env"}
    return json.dumps({**others, **({"env": environment} if environment else {})}, indent=2) + "\n"


# The host: its folder, its state, and writing so that nobody ever reads half a file.


def say(message: str) -> None:
    print(f"cdx: {message}", file=sys.stderr)


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> None:
    # Where a link leads, so that people who keep their dotfiles elsewhere keep them there.
    path = Path(os.path.realpath(path))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_bounded(path: Path) -> bytes | None:
    """The whole file, or None when there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > FILE_MOST_BYTES:
        raise Refused("file_too_large", f"{path} is larger than {FILE_MOST_BYTES} bytes")
    return data


def remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def sha256_of(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def locked(paths: Sequence[Path], wait_s: float, busy: str) -> Iterator[None]:
    """All of them, one after the other, as long as the block runs; refused as `busy` when others keep them."""
    until = time.monotonic() + wait_s
    with contextlib.ExitStack() as stack:
        for path in paths:
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, handle)
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise Refused(busy) from None
                    time.sleep(0.05)
        yield


class Enrolment(NamedTuple):
    """What the installer wrote down: which hub, and with which key."""

    base_url: str
    key: str
    fqdn: str
    installation_id: str | None = None
    ca_file: str | None = None


class Home:
    """The courier's own folder, `~/.monoize`. Nobody else writes there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.enrolment_file = root / "courier.json"
        self.script = root / "courier.py"
        self.state_file = root / "state.json"
        self.spool = root / "spool"
        self.refused_usage = root / "spool" / "refused"
        self.backup = root / "backup"

    def enrolment(self) -> Enrolment:
        told = self._object(self.enrolment_file)
        try:
            return Enrolment(**{name: told[name] for name in Enrolment._fields if name in told})
        except TypeError:
            raise Refused(
                "not_enrolled", "this host is not enrolled: ask an operator for its install link"
            ) from None

    def state(self) -> Json:
        return self._object(self.state_file)

    def keep_state(self, state: Json) -> None:
        write_atomic(self.state_file, json.dumps(state, indent=1, sort_keys=True).encode())

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """One courier at a time: the timer and people's runs would undo each other's work."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked([self.root / "lock"], TURN_WAIT_S, "courier_busy"):
            yield

    def keep_original(self, path: Path, data: bytes | None) -> None:
        """What stood there before the courier came, to be put back when it leaves."""
        kept = self.original_of(path)
        if data is not None and not kept.exists():
            write_atomic(kept, data)

    def original_of(self, path: Path) -> Path:
        return self.backup / f"{path.name}.{hashlib.sha256(str(path).encode()).hexdigest()[:8]}.original"

    def previous_of(self, path: Path) -> Path:
        return self.backup / f"{path.name}.previous"

    def restore(self, path: Path) -> None:
        """As it was before the courier came."""
        kept = self.original_of(path)
        data = read_bounded(kept)
        if data is None:
            remove(path)
        else:
            write_atomic(path, data)
            remove(kept)

    def spooled(self) -> list[Path]:
        """Reports of usage that wait, the oldest first."""
        return sorted(self.spool.glob("*.json"), key=lambda path: path.stat().st_mtime)

    def set_aside(self, path: Path) -> None:
        self.refused_usage.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(path, self.refused_usage / path.name)

    def _object(self, path: Path) -> Json:
        try:
            found = json.loads(read_bounded(path) or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


# The hub.


class Answer(NamedTuple):
    data: Json
    etag: str | None
    body: bytes


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key goes only where it was meant to."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Hub:
    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment
        context = ssl.create_default_context(cafile=enrolment.ca_file)
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects(), urllib.request.HTTPSHandler(context=context)]
        if urllib.parse.urlsplit(enrolment.base_url).hostname in ("127.0.0.1", "::1", "localhost"):
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def call(self, method: str, path: str, body: Json | None = None, *, etag: str | None = None) -> Answer | None:
        """What the hub says; None when that is still what `etag` stands for. Fails as Offline or Refused."""
        headers = {
            "authorization": f"Bearer {self._enrolment.key}",
            "user-agent": f"monoize-courier/{VERSION}",
            "accept-encoding": "identity",
        }
        if body is not None:
            headers["content-type"] = "application/json"
        if etag:
            headers["if-none-match"] = etag
        data = None if body is None else write_json(body).encode()
        url = self._enrolment.base_url.rstrip("/") + path
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=SILENCE_S) as answer:
                content = _content(answer)
                return Answer(_data_in(answer, content), answer.headers.get("etag"), content)
        except urllib.error.HTTPError as problem:
            with problem:
                if problem.code == 304:
                    return None
                raise _refusal(problem) from None
        except urllib.error.URLError as problem:
            if isinstance(problem.reason, ssl.SSLCertVerificationError):
                raise Refused("tls_untrusted") from None
            raise Offline(str(problem.reason)) from None
        except (OSError, http.client.HTTPException) as problem:
            raise Offline(str(problem) or type(problem).__name__) from None

    def said(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = self.call(method, path, body)
        return {} if answer is None else answer.data


def _content(answer: Any) -> bytes:
    content, until = bytearray(), time.monotonic() + ANSWER_MOST_S
    while True:
        chunk = answer.read(65_536)
        if not chunk:
            return bytes(content)
        content += chunk
        if len(content) > ANSWER_MOST_BYTES or time.monotonic() > until:
            raise Refused("bad_answer", "the hub's answer does not end")


def _data_in(answer: Any, content: bytes) -> Json:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return {}
    try:
        data = read_json(content.decode()).get("data")
    except (ValueError, AttributeError):
        raise Refused("bad_answer", "the hub's answer cannot be read") from None
    return data if isinstance(data, dict) else {}


def _refusal(problem: urllib.error.HTTPError) -> Exception:
    """Its code, in the shape for hosts or in the one for everybody; a refusal that is not the hub's has none."""
    if problem.code in (502, 504):
        return Offline(f"HTTP {problem.code}")
    try:
        told = json.loads(_content(problem))
        error = told["error"] if isinstance(told.get("error"), dict) else told
        code, message = str(error["code"]), error.get("message") or error.get("detail")
        return Refused(code, f"the hub refuses: {message} ({code})")
    except (ValueError, KeyError, AttributeError, OSError, http.client.HTTPException, Refused):
        return Refused(f"http_{problem.code}", f"HTTP {problem.code} from {problem.url}")


# One host, kept in step.


class Courier:
    """Where a host stands: its hub, and what it knew when it was last in step."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.enrolment = home.enrolment()
        self.hub = Hub(self.enrolment)
        self.state = home.state()

    @property
    def tool(self) -> Tool:
        return TOOLS[self.state.get("tool", "codex")]

    @property
    def mode(self) -> str:
        return str(self.state.get("mode", "shared"))

    @property
    def host(self) -> Json:
        """How the hub describes this host."""
        told = self.state.get("host")
        return told if isinstance(told, dict) else {}

    @property
    def secure(self) -> bool:
        return self.host.get("secure") is not False

    @property
    def folder(self) -> Path:
        elsewhere = os.environ.get(self.tool.folder_variable, "") if self.tool.folder_variable else ""
        return Path(elsewhere) if elsewhere else Path.home() / self.tool.folder

    @property
    def login_file(self) -> Path:
        return self.folder / self.tool.login

    def login(self) -> Login:
        return login_in(read_bounded(self.login_file), self.tool)

    @property
    def installed(self) -> dict[str, str]:
        """What operators distributed to this host, and the digest of each as it was written."""
        found: dict[str, str] = self.state.setdefault("installed", {})
        return found

    @contextlib.contextmanager
    def tool_locks(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked([self.folder / name for name in self.tool.locks], LOCK_WAIT_S, "login_busy"):
            yield


def sync(courier: Courier) -> Json:
    """Everything, once: files, login, usage. What the hub said of the login."""
    with courier.home.turn():
        courier.state = courier.home.state()
        try:
            collect_usage(courier)
            bring_files(courier)
            answer = bring_login(courier)
            courier.state.update(contact_at=time.time(), refusal=None)
            report_usage(courier)
        except Refused as refused:
            heed(courier, refused)
            raise
        finally:
            courier.home.keep_state(courier.state)
        return answer


def heed(courier: Courier, refused: Refused) -> None:
    if refused.code in STANDING:
        courier.state["refusal"] = refused.code
    if refused.code in REVOKING:
        forget_login(courier)
    else:
        report_usage(courier)


# The login.


def bring_login(courier: Courier) -> Json:
    if courier.mode == "gateway":
        forget_login(courier)
        return {}
    for _ in range(ATTEMPTS_MOST):
        ours = courier.login()
        told = _asked(courier, {"command": "retrieve", "digest": ours.digest, "last_refresh": ours.moment})
        if told.get("status") in ("missing", "upload_required"):
            if ours.document is None:
                raise Refused("no_login")
            base = {"base_digest": told["canonical_digest"]} if told.get("canonical_digest") else {}
            told = _asked(courier, {"command": "store", "auth": ours.document, **base})
            if told.get("status") == "conflict":
                # Another host was faster: what is right now is decided anew.
                continue
        if isinstance(told.get("auth"), dict) and not _replace_login(courier, ours, told["auth"]):
            continue
        courier.state["login"] = courier.login().digest
        return told
    raise Refused("login_busy")


def _asked(courier: Courier, asked: Json) -> Json:
    known = {
        "client_version": version_of(program_of(courier.tool)),
        "wrapper_version": VERSION,
        "installation_id": courier.enrolment.installation_id,
    }
    return courier.hub.said("POST", "/auth", {**asked, **{name: text for name, text in known.items() if text}})


def _replace_login(courier: Courier, ours: Login, document: Json) -> bool:
    """Unless the tool has renewed it meanwhile: what it wrote last may be the only living copy."""
    path = courier.login_file
    with courier.tool_locks():
        if read_bounded(path) != ours.raw:
            return False
        if ours.raw is not None:
            if "login" not in courier.state:
                courier.home.keep_original(path, ours.raw)
            write_atomic(courier.home.previous_of(path), ours.raw)
        write_atomic(path, write_json(document).encode())
    return True


def forget_login(courier: Courier) -> None:
    """The fleet's login, if it is the fleet's; one that never was stays."""
    if "login" in courier.state:
        with courier.tool_locks():
            remove(courier.login_file)
        remove(courier.home.previous_of(courier.login_file))
        del courier.state["login"]


def purge_insecure(courier: Courier) -> None:
    """Off a host that others may read, unless the hub has not got what is in it."""
    with courier.home.turn():
        courier.state = courier.home.state()
        if not courier.secure and courier.login().digest == courier.state.get("login"):
            forget_login(courier)
            courier.home.keep_state(courier.state)


def give_login_back(courier: Courier) -> None:
    """The one that was here before the fleet's, if there was one."""
    if "login" in courier.state or not courier.login_file.exists():
        courier.home.restore(courier.login_file)


# Files.


def bring_files(courier: Courier) -> None:
    state = courier.state
    answer = courier.hub.call("GET", "/files", etag=state.get("etag") if _in_place(courier) else None)
    if answer is not None:
        told = answer.data
        if told.get("tool") not in TOOLS or not isinstance(told.get("files"), list):
            raise Refused("bad_answer", "the hub has a tool that this courier does not know")
        if told["tool"] != state.get("tool"):
            _leave_tool(courier)
        state.update({name: told.get(name) for name in ("tool", "mode", "host", "courier")})
        _install_files(courier, _wanted(courier, told["files"]))
        # Last, so that whoever is interrupted asks for all of it again.
        state["etag"] = answer.etag
    _configure_gateway(courier)


def _in_place(courier: Courier) -> bool:
    return all(sha256 == _present(courier, place) for place, sha256 in courier.installed.items())


def _present(courier: Courier, place: str) -> str | None:
    return sha256_of(read_bounded(courier.folder / place))


def _wanted(courier: Courier, files: Sequence[Json]) -> dict[str, bytes]:
    wanted = {}
    for file in files:
        kind, name, body = (str(file.get(field)) for field in ("kind", "name", "body"))
        if sha256_of(body.encode()) != file.get("sha256"):
            raise Refused("bad_answer", "a file of the hub does not have the digest that the hub says it has")
        place = place_of(courier.tool, kind, name)
        if place is not None:
            in_gateway = courier.mode == "gateway" and place == gateway_place(courier.tool)
            wanted[place] = (_through_gateway(courier, body) if in_gateway else body).encode()
    return wanted


def _install_files(courier: Courier, wanted: Mapping[str, bytes]) -> None:
    digests = {place: hashlib.sha256(body).hexdigest() for place, body in wanted.items()}
    present = {place: _present(courier, place) for place in {*digests, *courier.installed}}
    plan = steps(digests, courier.installed, present)
    for place in plan.write:
        path = courier.folder / place
        if place not in courier.installed:
            courier.home.keep_original(path, read_bounded(path))
        elif present[place] not in (None, courier.installed[place]):
            _keep_edited(path)
        write_atomic(path, wanted[place])
    for place in plan.remove:
        _take_back(courier, place)
    courier.state["installed"] = digests


def _keep_edited(path: Path) -> None:
    """What somebody made of a file since we brought it lies beside it when it is put right."""
    edited = path.with_name(f"{path.name}.edited")
    write_atomic(edited, read_bounded(path) or b"")
    say(f"{path} is as the operators distribute it again; what it was changed to lies in {edited.name}")


def _take_back(courier: Courier, place: str) -> None:
    path = courier.folder / place
    courier.home.restore(path)
    if path.name == "SKILL.md":
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def take_files_back(courier: Courier) -> None:
    """Those that are still as we left them; whoever changed one keeps it."""
    for place, sha256 in courier.installed.items():
        if _present(courier, place) == sha256:
            _take_back(courier, place)
    courier.state.pop("installed")
    _clear_gateway(courier)


def _leave_tool(courier: Courier) -> None:
    """This host works with another tool from now on."""
    if "tool" in courier.state:
        take_files_back(courier)
        forget_login(courier)


def _through_gateway(courier: Courier, text: str) -> str:
    return with_gateway(courier.tool, text, courier.enrolment.base_url.rstrip("/"), courier.enrolment.key)


def _configure_gateway(courier: Courier) -> None:
    place = gateway_place(courier.tool)
    if courier.mode != "gateway" or place in courier.installed:
        _clear_gateway(courier)
        return
    path = courier.folder / place
    try:
        text = (read_bounded(path) or b"").decode()
        wanted = _through_gateway(courier, text)
    except ValueError:
        raise Refused("bad_configuration", f"{path} cannot be read") from None
    if wanted != text:
        write_atomic(path, wanted.encode())
    courier.state["gateway_in"] = place


def _clear_gateway(courier: Courier) -> None:
    place = courier.state.pop("gateway_in", None)
    if place is None or place in courier.installed:
        return
    path = courier.folder / place
    try:
        text = without_gateway(courier.tool, (read_bounded(path) or b"").decode())
    except ValueError:
        # Its user has broken it since; what is ours in there cannot be told apart any more.
        return
    if text.strip() in ("", "{}"):
        remove(path)
    else:
        write_atomic(path, text.encode())


# Usage.


def collect_usage(courier: Courier) -> None:
    """What was used since the last time, into the spool."""
    state = courier.state
    # Named after what was known before, and kept before anything is sent: whoever dies in between counts once.
    before = json.dumps([courier.enrolment.fqdn, state.get("usage_since"), state.get("sessions")])
    rows = [{**row, "recorded_at": _now_text()} for row in usage_rows(_used(courier))]
    # What went through the gateway was metered there.
    if rows and courier.mode != "gateway":
        _spool(courier.home, rows, hashlib.sha256(before.encode()).hexdigest())
    courier.home.keep_state(state)


def _used(courier: Courier) -> dict[str, Counts]:
    state, now = courier.state, time.time()
    known: dict[str, str] = state.setdefault("sessions", {})
    floor = str(state.setdefault("usage_since", _text_of(now)))
    scanned_at, state["scanned_at"] = state.get("scanned_at", 0.0), now
    places, message = SESSIONS[courier.tool.name]
    # What stands in a new file and is older than our last look was copied from one that we looked at.
    since_new = floor if message is None else max(floor, _text_of(scanned_at))
    together: dict[str, Counts] = {}
    seen: dict[str, Counts] = {}
    for path in (path for place in places for path in courier.folder.glob(place)):
        changed_at = path.stat().st_mtime
        if changed_at < now - SESSIONS_REMEMBERED_S:
            known.pop(path.name, None)
        if changed_at < scanned_at - CLOCK_SLACK_S:
            continue
        since = known.get(path.name, since_new)
        with path.open(encoding="utf-8", errors="replace") as lines:
            used = (
                used_since(lines, since)
                if message is None
                else used_by(filter(None, map(message, _events(path, lines))), since, seen)
            )
        known[path.name] = used.until
        for model, counts in used.by_model.items():
            together[model] = _sum(together.get(model, _ZERO), counts)
    return together


def _events(path: Path, lines: TextIO) -> Iterator[Json]:
    """Of a session that is written line by line, or, by older versions, as one document."""
    if path.suffix != ".json":
        return map(_event, lines)
    messages = _event(lines.read()).get("messages")
    return (each for each in messages if isinstance(each, dict)) if isinstance(messages, list) else iter(())


def _spool(home: Home, rows: list[Json], name: str) -> None:
    for first in range(0, len(rows), ROWS_IN_BATCH_MOST):
        key = f"{name}-{first}"
        batch = {"idempotency_key": key, "usages": rows[first : first + ROWS_IN_BATCH_MOST]}
        write_atomic(home.spool / f"{key}.json", json.dumps(batch).encode())
    for oldest in home.spooled()[:-SPOOLED_MOST]:
        remove(oldest)


def report_usage(courier: Courier) -> None:
    """Oldest first; what the hub finds wrong is set aside, so that it does not stand in the way."""
    for path in courier.home.spooled():
        try:
            courier.hub.said("POST", "/usage", json.loads(path.read_bytes()))
        except Offline:
            return
        except Refused as refused:
            if refused.code not in ("validation_failed", "idempotency_key_reused"):
                return
            courier.home.set_aside(path)
        except ValueError:
            courier.home.set_aside(path)
        else:
            remove(path)


def _now_text() -> str:
    return _text_of(time.time())


def _text_of(at_s: float) -> str:
    at = dt.datetime.fromtimestamp(at_s, dt.timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# The tool.


def program_of(tool: Tool) -> str | None:
    return shutil.which(tool.name)


@functools.cache
def version_of(program: str | None) -> str | None:
    """As the program says it, or None when it says nothing that looks like one."""
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=PROGRAM_MOST_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    found = re.search(r"\b[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?\b", done.stdout)
    return found[0] if found else None


def numbers_of(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split("."))


def arguments_for(courier: Courier, given: Sequence[str]) -> list[str]:
    """What the operators fixed for this host stands first, so that people's own words win."""
    model, effort = courier.host.get("model_override"), courier.host.get("reasoning_effort_override")
    fixed: list[str] = []
    if courier.tool.name != "codex":
        return [*(["--model", model] if model else []), *given]
    if model:
        fixed += ["-c", f"model={json.dumps(model)}"]
    if effort:
        fixed += ["-c", f"model_reasoning_effort={json.dumps(effort)}"]
    config = read_bounded(courier.folder / "config.toml") or b""
    if given and re.search(rf"(?m)^\s*\[profiles\.{re.escape(given[0])}\]", config.decode(errors="replace")):
        return [*fixed, "--profile", *given]
    return [*fixed, *given]


def environment_for(courier: Courier) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != UPDATED}
    if courier.mode == "hub":
        address = courier.enrolment.base_url.rstrip("/") + "/oauth/token"
        environment["CODEX_REFRESH_TOKEN_URL_OVERRIDE"] = address
    return environment


def ended(arguments: Sequence[str], environment: Mapping[str, str], **how: Any) -> int:
    """Its exit code, as a shell gives it. It owns the terminal; what a service manager sends us is passed on."""
    child = subprocess.Popen(arguments, env=environment, **how)
    # The terminal sends these two to both of us.
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        kept[number] = signal.signal(number, lambda received, _: child.send_signal(received))
    try:
        code = child.wait()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def run(courier: Courier, given: Sequence[str]) -> int:
    if not may_start(courier):
        return 1
    program = program_of(courier.tool)
    if program is None:
        say(f"there is no {courier.tool.name} here; install it with: npm install -g {courier.tool.package}")
        return 127
    try:
        return ended([program, *arguments_for(courier, given)], environment_for(courier))
    finally:
        after(courier)


def execute(courier: Courier, prompt: str, given: Sequence[str]) -> int:
    """One question, read-only; only the answer is printed."""
    if not may_start(courier):
        return 1
    program = program_of(courier.tool)
    if program is None or courier.tool.name != "codex":
        say("--execute needs codex")
        return 127
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer")
        quiet = ["exec", "--sandbox", "read-only", "--skip-git-repo-check", "--output-last-message", str(answer)]
        arguments = [program, *arguments_for(courier, [*quiet, *given, prompt])]
        silence = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            code = ended(arguments, environment_for(courier), **silence)
        finally:
            after(courier)
        print((read_bounded(answer) or b"").decode(errors="replace").strip())
    return code


def may_start(courier: Courier) -> bool:
    verdict, answer = before(courier)
    program = program_of(courier.tool)
    version = version_of(program)
    if verdict.starts and courier.mode == "hub" and version and numbers_of(version) < OVERRIDE_SINCE:
        verdict = Verdict(False, REASONS["tool_too_old"])
    if not verdict.starts:
        say(verdict.reason)
        return False
    if verdict.reason:
        say(verdict.reason)
    if program is not None:
        hold_version(courier, program, version)
    quota = quota_in(answer)
    if quota.refuses or courier.host.get("silent") is not True:
        for reason in quota.reasons:
            say(reason)
    return not quota.refuses


def before(courier: Courier) -> tuple[Verdict, Json]:
    try:
        answer = sync(courier)
    except Refused as refused:
        return launch_after_refusal(refused), {}
    except Offline:
        verdict = launch_offline(
            time.time(),
            courier.state.get("contact_at"),
            courier.state.get("refusal"),
            secure=courier.secure,
            has_login=courier.mode == "gateway" or courier.login().document is not None,
        )
        return verdict, {}
    update_and_begin_again(courier)
    return Verdict(True), answer


def after(courier: Courier) -> None:
    """What the tool renewed goes to the hub; trouble is only told, since the work is done."""
    try:
        sync(courier)
    except Refused as refused:
        say(launch_after_refusal(refused).reason)
    except Offline:
        say("the hub cannot be reached; what is new here goes there with the next run")
    except OSError as problem:
        say(f"what is new here could not be taken back: {problem}")
    with contextlib.suppress(OSError, Refused):
        purge_insecure(courier)


def hold_version(courier: Courier, program: str, version: str | None) -> None:
    """The operators' version of the tool, where npm brought it; where it did not, people are told."""
    wanted = courier.host.get("client_version")
    if not isinstance(wanted, str) or not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?", wanted):
        return
    if wanted == version:
        return
    npm = shutil.which("npm")
    if npm is None or "node_modules" not in os.path.realpath(program):
        say(f"{courier.tool.name} {version or 'of an unknown version'} is here; the operators want {wanted}")
        return
    say(f"installing {courier.tool.name} {wanted}")
    command = [npm, "install", "--global", "--no-audit", "--no-fund", f"{courier.tool.package}@{wanted}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=NPM_MOST_S)
    except (OSError, subprocess.TimeoutExpired):
        say("npm did not end well; working with what is here")
        return
    if done.returncode:
        say("npm did not end well; working with what is here")


# Its own life: newer versions, the alias, the timer, and leaving.

LAUNCHER = '#!/bin/sh\n# The courier of Monoize.\nexec {python} {script} cdx "$@"\n'
UNIT = "monoize-courier"
UPDATED = "COURIER_UPDATED"
SERVICE = """\
[Unit]
Description=Courier of Monoize: login, files and usage of this host
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
Environment="HOME={home}"
ExecStart={python} {script} sync
"""
TIMER = """\
[Unit]
Description=Runs the courier of Monoize

[Timer]
OnBootSec=1min
OnUnitActiveSec=5min
RandomizedDelaySec=1min

[Install]
WantedBy=timers.target
"""


def launcher(python: str, script: str) -> str:
    return LAUNCHER.format(python=shlex.quote(python), script=shlex.quote(script))


def service(python: str, script: str, home: str) -> str:
    # In a command, unlike in an assignment, systemd also looks for variables.
    started = [f'"{_for_systemd(word).replace("$", "$$")}"' for word in (python, script)]
    return SERVICE.format(home=_for_systemd(home), python=started[0], script=started[1])


def _for_systemd(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


class Seat(NamedTuple):
    """Where on this machine things of ours stand, for one user or for everybody."""

    bin: Path
    units: Path
    systemctl: Sequence[str]


def seat(*, own: bool) -> Seat:
    """Everybody's when root does not ask for its own."""
    if os.geteuid() == 0 and not own:
        return Seat(Path("/usr/local/bin"), Path("/etc/systemd/system"), ("systemctl",))
    home = Path.home()
    return Seat(home / ".local/bin", home / ".config/systemd/user", ("systemctl", "--user"))


def newer(courier: Courier) -> bytes | None:
    """The script as the hub has it, when this one is another."""
    announced = courier.state.get("courier")
    wanted = announced.get("sha256") if isinstance(announced, dict) else None
    if not wanted or wanted == sha256_of(read_bounded(courier.home.script)):
        return None
    answer = courier.hub.call("GET", "/wrapper/download")
    if answer is None or sha256_of(answer.body) != wanted:
        raise Refused("bad_answer", "the hub's courier does not have the digest that the hub says it has")
    return answer.body


def update(courier: Courier) -> bool:
    """Whether there is a new one now. Only the installed script changes itself."""
    if not is_installed(courier.home):
        return False
    script = newer(courier)
    if script is None:
        return False
    try:
        compile(script, "courier.py", "exec")
    except (SyntaxError, ValueError):
        raise Refused("bad_answer", "the hub's courier is none for this Python") from None
    write_atomic(courier.home.script, script, 0o700)
    return True


def is_installed(home: Home) -> bool:
    return Path(__file__).resolve() == home.script.resolve()


def update_and_begin_again(courier: Courier) -> None:
    """Once: a hub that announces what it does not serve must not keep a host busy."""
    if os.environ.get(UPDATED):
        return
    try:
        changed = update(courier)
    except (Offline, Refused, OSError) as problem:
        say(f"the courier could not be updated: {problem}")
        return
    if changed:
        os.environ[UPDATED] = "1"
        os.execv(sys.executable, [sys.executable, str(courier.home.script), *sys.argv[1:]])


def install(courier: Courier, bin_folder: Path | None, *, own: bool, timer: bool) -> None:
    """The alias and the timer; the first word with the hub is what proves the enrolment."""
    place = bin_folder or seat(own=own).bin
    alias = place / "cdx"
    text = launcher(sys.executable, str(courier.home.script))
    present = read_bounded(alias)
    if present is not None and not _is_launcher(present):
        raise Refused("alias_taken", f"{alias} is another program; choose another folder with --bin")
    write_atomic(alias, text.encode(), 0o755)
    with courier.home.turn():
        courier.state = {**courier.home.state(), "alias": str(alias), "own": own}
        courier.home.keep_state(courier.state)
    if timer:
        start_timer(courier.home, seat(own=own))
    try:
        sync(courier)
    except Refused as refused:
        if refused.code != "no_login":
            raise
        say(REASONS["no_login"])
    say(
        f"{courier.enrolment.fqdn} is enrolled at {courier.enrolment.base_url}; start {courier.tool.name} with: cdx"
    )
    if str(place) not in os.environ.get("PATH", "").split(os.pathsep):
        say(f"{place} is not on your PATH")


def _is_launcher(data: bytes) -> bool:
    return data.startswith(LAUNCHER.split("exec", 1)[0].encode())


def start_timer(home: Home, place: Seat) -> None:
    if shutil.which("systemctl") is None:
        say("there is no systemd here: run `cdx --sync` from time to time")
        return
    units = place.units
    write_atomic(
        units / f"{UNIT}.service", service(sys.executable, str(home.script), str(Path.home())).encode(), 0o644
    )
    write_atomic(units / f"{UNIT}.timer", TIMER.encode(), 0o644)
    for command in (("daemon-reload",), ("enable", "--now", f"{UNIT}.timer")):
        if not _quietly([*place.systemctl, *command]):
            say("systemd did not take the timer: run `cdx --sync` from time to time")
            return


def stop_timer(place: Seat) -> None:
    if not (place.units / f"{UNIT}.timer").exists():
        return
    _quietly([*place.systemctl, "disable", "--now", f"{UNIT}.timer"])
    remove(place.units / f"{UNIT}.timer")
    remove(place.units / f"{UNIT}.service")
    _quietly([*place.systemctl, "daemon-reload"])


def _quietly(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROGRAM_MOST_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def uninstall(courier: Courier) -> None:
    """Everything that came with the courier goes, and nothing else: sessions, history and own files stay."""
    try:
        courier.hub.call("DELETE", "/auth?force=1")
    except (Offline, Refused) as problem:
        say(f"the hub still knows this host: {problem}; an operator deletes it")
    courier.state = courier.home.state()
    place = seat(own=bool(courier.state.get("own")))
    stop_timer(place)
    with courier.home.turn():
        take_files_back(courier)
        give_login_back(courier)
        alias = Path(courier.state.get("alias", place.bin / "cdx"))
        if _is_launcher(read_bounded(alias) or b""):
            remove(alias)
    shutil.rmtree(courier.home.root)
    say("the courier is gone")


def report_user(courier: Courier) -> None:
    """Who works here, for the operators' list; nothing depends on it."""
    with contextlib.suppress(Offline, Refused, OSError, KeyError):
        courier.hub.call("POST", "/host/users", {"username": getpass.getuser(), "hostname": socket.gethostname()})


# The command line.


def cdx(courier: Courier, given: list[str]) -> int:
    first = given[0] if given else ""
    if first in ("--wrapper-version", "-W"):
        print(VERSION)
        return 0
    if first in ("--update", "-U"):
        sync(courier)
        say("the courier was updated" if update(courier) else "the courier is the newest")
        return 0
    if first == "--uninstall":
        uninstall(courier)
        return 0
    if first == "--sync":
        return synced(courier)
    if first == "--execute":
        if len(given) < 2:
            say("--execute needs a prompt")
            return 2
        return execute(courier, given[1], given[2:])
    report_user(courier)
    return run(courier, given)


def synced(courier: Courier) -> int:
    """For the timer: 0 also when the hub is away, which is not this host's fault."""
    verdict, _ = before(courier)
    if verdict.reason:
        say(verdict.reason)
    return 0 if verdict.starts else 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="courier", description="Keeps this host in step with its Monoize hub.")
    parser.add_argument("--version", action="version", version=VERSION)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    alias = verbs.add_parser("cdx", help="run the tool, with what it needs brought before and taken back after")
    alias.add_argument("given", nargs=argparse.REMAINDER)
    verbs.add_parser("sync", help="bring login and files, report usage")
    setup = verbs.add_parser("install", help="set up the alias and the timer of an enrolled host")
    setup.add_argument("--bin", type=Path, help="the folder for `cdx`")
    setup.add_argument("--user", action="store_true", help="for root: set them up for itself alone")
    setup.add_argument("--no-timer", action="store_true")
    verbs.add_parser("uninstall", help="take away what the courier brought")
    # `cdx` has no options of its own here: whatever follows is the tool's.
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = words[1:] if words[:1] == ["cdx"] else []
    asked = parser.parse_args(words[:1] if given else words)
    try:
        courier = Courier(Home(Path.home() / ".monoize"))
        if asked.verb == "cdx":
            return cdx(courier, given)
        if asked.verb == "sync":
            return synced(courier)
        if asked.verb == "install":
            install(courier, asked.bin, own=asked.user, timer=not asked.no_timer)
        else:
            uninstall(courier)
    except Refused as refused:
        say(launch_after_refusal(refused).reason)
        return 1
    except (Offline, OSError) as problem:
        say(f"the hub cannot be reached: {problem}" if isinstance(problem, Offline) else str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
