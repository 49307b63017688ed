"""What passes between people and an agent's own gateway, and what does not. Pure; fails closed.

The gateway token opens everything there; people who speak through us get less: what changes what the agent may do
is ours to say. So a message that could be read in two ways, of which one is blocked, is blocked.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from monoize.control.compute.errors import AgentPathDenied

WORKSPACE_FILES: Final = frozenset({"AGENTS.md", "SOUL.md", "IDENTITY.md"})
FILE_BYTES_MOST: Final = 256 * 1024
_NOT_ALLOWED: Final = -32_601
_INVOKE: Final = ["tools", "invoke"]
# Beside what belongs to one connection: who somebody is to us is nobody else's business, nor is what an agent
# would have a browser keep for our address.
_NOT_ASKED: Final = frozenset(
    {
        "authorization", "connection", "content-length", "cookie", "forwarded", "host", "keep-alive", "origin",
        "proxy-authorization", "proxy-connection", "referer", "te", "trailer", "transfer-encoding", "upgrade",
        "x-api-key", "x-user-id",
    }
)  # fmt: skip
_NOT_ANSWERED: Final = frozenset(
    {
        "connection", "content-length", "content-security-policy", "keep-alive",
        "proxy-authenticate", "server", "set-cookie", "set-cookie2", "strict-transport-security", "trailer",
        "transfer-encoding", "upgrade", "clear-site-data", "service-worker-allowed",
    }
)  # fmt: skip
SANDBOX: Final = "sandbox allow-scripts allow-forms; frame-ancestors 'none'"
"""Pages of an agent come from our address; in a browser they must not be ours."""


class Denied(NamedTuple):
    """A message that goes no further, and what is answered."""

    method: str
    answer: str


def asked_path(path: str, method: str) -> str:
    """Where to ask the agent; AgentPathDenied where people have no business."""
    segments = _read(path)
    if any(segment in (".", "..") or "/" in segment or "\\" in segment for segment in segments):
        raise AgentPathDenied
    said = [segment.lower() for segment in segments if segment]
    if method not in ("GET", "OPTIONS") and said[-2:] == _INVOKE:
        raise AgentPathDenied("Tools of an agent are called by the agent.")
    return "/" + path


def _read(path: str) -> list[str]:
    """As a server may read it that decodes once more."""
    return unquote(unquote(path)).split("/") if "%" in path else path.split("/")


def asked_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in headers
        if name.lower() not in _NOT_ASKED and not name.lower().startswith(("x-forwarded-", "sec-"))
    ]


def answered_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = [(name.lower(), value) for name, value in headers if name.lower() not in _NOT_ANSWERED]
    return [*kept, ("content-security-policy", SANDBOX)]


def denied(message: str | bytes, blocked: Sequence[str]) -> Denied | None:
    """`blocked`: methods of RPC, as globs. What is no JSON asks for no method."""
    try:
        read = json.loads(message, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    # An object is a list of pairs here; a list of objects is several calls.
    for one in [read] if isinstance(read, _Pairs) or not isinstance(read, list) else read:
        if isinstance(one, _Pairs) and (method := one.blocked(blocked)) is not None:
            return Denied(method, _error(one.last("id"), method))
    return None


def _error(id: object, method: str) -> str:
    told = {"code": _NOT_ALLOWED, "message": f"{method} is not called through Monoize"}
    shown = id if isinstance(id, str | int | float) else None
    return json.dumps({"jsonrpc": "2.0", "id": shown, "error": told})


class _Pairs(list[tuple[str, Any]]):
    """An object with all its names, also those that it says twice: readers differ in which one counts."""

    def blocked(self, globs: Sequence[str]) -> str | None:
        for name, value in self:
            if name.strip().lower() == "method" and isinstance(value, str):
                said = value.strip().lower()
                if any(fnmatchcase(said, glob.lower()) for glob in globs):
                    return value
        return None

    def last(self, wanted: str) -> object:
        return next((value for name, value in reversed(self) if name == wanted), None)


def rpc(id: str, method: str, params: Mapping[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
