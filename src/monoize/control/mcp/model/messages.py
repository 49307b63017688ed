"""JSON-RPC as MCP speaks it over HTTP, read so that nobody behind us can read it differently. Pure, fails closed.

What is passed on is written anew from what was read: names that stand twice are refused, and so are lists of
messages, which newer versions of the protocol do not know any more.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from monoize.base.errors import Refusal

Id = str | int
Kind = Literal["request", "notification", "response"]

PARSE_ERROR: Final = -32_700
INVALID_REQUEST: Final = -32_600
METHOD_NOT_FOUND: Final = -32_601
INVALID_PARAMS: Final = -32_602
HEADER_MISMATCH: Final = -32_020

STATELESS_FROM: Final = "2026-07-28"
"""From this version on there are no sessions, and results say that they are complete."""

TOOLS_LIST: Final = "tools/list"
TOOLS_CALL: Final = "tools/call"
HELLOS: Final = frozenset({"initialize", "server/discover"})
PASSED_ON: Final = frozenset({*HELLOS, "ping", "logging/setLevel"})
"""Requests that go to the server as they are; anything else that is not of tools nobody has looked at."""
TOLD_ON: Final = frozenset(
    {
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    }
)
CAPABILITIES: Final = frozenset({"tools", "logging"})
"""What a server offers through us."""

_ID_CHARS_MOST: Final = 255


class Unreadable(Exception):
    def __init__(self, code: int, message: str, id: Id | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id


class Message(NamedTuple):
    kind: Kind
    id: Id | None
    method: str
    params: Mapping[str, Any]
    whole: Mapping[str, Any]

    def with_arguments(self, arguments: Mapping[str, Any]) -> "Message":
        params = {**self.params, "arguments": dict(arguments)}
        return self._replace(params=params, whole={**self.whole, "params": params})

    def encoded(self) -> bytes:
        return json.dumps(self.whole, ensure_ascii=False, separators=(",", ":")).encode()


class ToolCalled(NamedTuple):
    tool: str
    arguments: Mapping[str, Any]


def read(body: bytes) -> Message:
    try:
        whole = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
        # Lone surrogates nobody could write again.
        json.dumps(whole, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Unreadable(PARSE_ERROR, "The body is not one JSON document without repeated names.") from None
    if not isinstance(whole, dict) or whole.get("jsonrpc") != "2.0":
        raise Unreadable(INVALID_REQUEST, "The body is not one message of JSON-RPC 2.0.")
    id, method, params = whole.get("id"), whole.get("method"), whole.get("params", {})
    if id is not None and not _is_id(id):
        raise Unreadable(INVALID_REQUEST, "An id is a text or a whole number.")
    if "method" not in whole:
        if id is None or ("result" in whole) == ("error" in whole):
            raise Unreadable(INVALID_REQUEST, "A message has a method, a result or an error.")
        return Message("response", id, "", {}, whole)
    if not isinstance(method, str) or not isinstance(params, dict) or ("id" in whole and id is None):
        raise Unreadable(INVALID_REQUEST, "A request has a method and an object of params.")
    return Message("request" if id is not None else "notification", id, method, params, whole)


def tool_called(message: Message) -> ToolCalled:
    tool, arguments = message.params.get("name"), message.params.get("arguments")
    if not isinstance(tool, str) or not isinstance(arguments, dict | None):
        raise Unreadable(INVALID_PARAMS, "tools/call has a name and an object of arguments.", message.id)
    if "task" in message.params:
        raise Unreadable(INVALID_PARAMS, "Tools are not called as tasks here.", message.id)
    return ToolCalled(tool, arguments or {})


def check_headers(message: Message, method: str | None, name: str | None) -> None:
    """What stands in headers for those on the way has to be what the message says."""
    said = message.params.get("name")
    if (method is not None and method != message.method) or (name is not None and name != said):
        raise Unreadable(HEADER_MISMATCH, "Mcp-Method or Mcp-Name differ from the message.", message.id)


def error(id: Id | None, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}


def answer(id: Id | None, version: str | None, **result: Any) -> dict[str, Any]:
    if version is not None and version >= STATELESS_FROM:
        result["resultType"] = "complete"
    return {"jsonrpc": "2.0", "id": id, "result": result}


def tools_listed(id: Id | None, version: str | None, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Not to be kept: what an agent may see can change at any moment."""
    return answer(id, version, tools=list(tools), ttlMs=0, cacheScope="private")


def tool_refused(id: Id | None, version: str | None, refusal: Refusal) -> dict[str, Any]:
    """As the result of the tool, which a model can read and plan anew."""
    said = {"code": refusal.code, "detail": refusal.message, **refusal.details}
    if refusal.cure:
        said["hint"] = refusal.cure
    text = json.dumps(said, ensure_ascii=False, default=str)
    return answer(id, version, content=[{"type": "text", "text": text}], isError=True)


def introduced(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a server says of itself, without what is not offered through us.

    Nor are its instructions: they go into a model, and nobody has looked at them.
    """
    result = told.get("result")
    if not isinstance(result, dict):
        return dict(told)
    offered = result.get("capabilities")
    kept = {name: value for name, value in result.items() if name not in ("instructions", "_meta")}
    capabilities = offered if isinstance(offered, dict) else {}
    kept["capabilities"] = {name: value for name, value in capabilities.items() if name in CAPABILITIES}
    return {**told, "result": kept}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name stands twice")
    return read


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _is_id(value: Any) -> bool:
    return (isinstance(value, str) and len(value) <= _ID_CHARS_MOST) or type(value) is int
