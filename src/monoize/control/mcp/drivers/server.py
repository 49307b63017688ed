"""A server of MCP as we ask it ourselves: said hello to, asked for its tools, and bid farewell.

By the handshake of the versions with sessions; a server that knows only those without is asked without. Fails with
McpUnreachable or McpTimeout; all it says is bounded.
"""

import asyncio
import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize import __version__
from monoize.control.edge.outside import Outside, OutsideAnswer, Patience, Unreachable
from monoize.control.mcp.errors import McpTimeout, McpUnreachable
from monoize.control.mcp.model.events import EventReader, EventTooLarge
from monoize.control.mcp.model.services import FoundTool, is_tool_name, pinned

TOOLS_MOST: Final = 1_000
PAGES_MOST: Final = 50
ANSWER_BYTES_MOST: Final = 8 * 2**20
UNAUTHORIZED: Final = 401
DEFINITION_CHARS_MOST: Final = 100_000
_HANDSHAKE_VERSION: Final = "2025-11-25"
_STATELESS_VERSION: Final = "2026-07-28"
_SESSION: Final = re.compile(r"[!-~]{1,1024}")
_ABOUT_US: Final[Mapping[str, str]] = {"name": "monoize", "version": __version__}
_META: Final = "io.modelcontextprotocol/"
_ACCEPTED: Final = (("accept", "application/json, text/event-stream"), ("content-type", "application/json"))


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """Where it is and what opens it. `private`: it may lie in our own network."""

    url: str
    credential_header: str
    credential: str | None = dataclasses.field(repr=False)
    private: bool = False

    @property
    def opening(self) -> list[tuple[str, str]]:
        if self.credential is None:
            return []
        is_bearer = self.credential_header == "authorization"
        return [(self.credential_header, f"Bearer {self.credential}" if is_bearer else self.credential)]


class NotOpened(Unreachable):
    """What was shown does not open it, or not any more."""


def is_session_id(text: str) -> bool:
    return _SESSION.fullmatch(text) is not None


async def list_tools(outside: Outside, server: Server, timeout_ms: int) -> Sequence[FoundTool]:
    """All that it offers and that can be told on; names and definitions beyond all bounds are left out.

    NotOpened where another credential might do.
    """
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await _Conversation(outside, server, timeout_ms).tools()
    except TimeoutError:
        raise McpTimeout from None
    except NotOpened:
        raise
    except Unreachable as problem:
        if problem.too_slow:
            raise McpTimeout from problem
        raise McpUnreachable(f"The MCP server does not answer as it should: {problem.reason}.") from problem


class _Conversation:
    def __init__(self, outside: Outside, server: Server, timeout_ms: int) -> None:
        self._outside = outside
        self._server = server
        self._patience = Patience(timeout_ms, timeout_ms, timeout_ms)
        self._session: str | None = None
        self._version: str | None = None
        self._number = 0

    async def tools(self) -> Sequence[FoundTool]:
        await self._begin()
        try:
            return await self._listed()
        finally:
            await self._end()

    async def _begin(self) -> None:
        hello = {"protocolVersion": _HANDSHAKE_VERSION, "capabilities": {}, "clientInfo": _ABOUT_US}
        told = await self._ask("initialize", hello)
        result = told.get("result")
        if not isinstance(result, dict):
            # It may know the versions without a handshake only.
            self._version = _STATELESS_VERSION
            return
        version = result.get("protocolVersion")
        if not isinstance(version, str) or not version.isascii() or not version.isprintable():
            raise Unreachable("it says no version of the protocol")
        self._version = version
        await self._tell("notifications/initialized")

    async def _listed(self) -> Sequence[FoundTool]:
        found: dict[str, FoundTool] = {}
        cursor: str | None = None
        for _ in range(PAGES_MOST):
            told = await self._ask("tools/list", {} if cursor is None else {"cursor": cursor})
            result = told.get("result")
            if not isinstance(result, dict) or not isinstance(result.get("tools"), list):
                raise Unreachable("it lists no tools")
            for tool in result["tools"]:
                if (one := _found(tool)) is not None:
                    found[one.name] = one
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str) or len(found) > TOOLS_MOST:
                break
        if len(found) > TOOLS_MOST:
            raise Unreachable(f"it has more than {TOOLS_MOST} tools")
        return list(found.values())

    async def _ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": self._enveloped(params)}
        answer = await self._post(method, message)
        try:
            if answer.status == UNAUTHORIZED:
                raise NotOpened(f"the status is {answer.status}")
            if answer.status != 200 and not _is_json(answer):
                raise Unreachable(f"the status is {answer.status}")
            told = await _answer_to(answer, self._number)
            if method == "initialize":
                session = answer.header("mcp-session-id")
                self._session = session if session and is_session_id(session) else None
            return told
        finally:
            await answer.release()

    async def _tell(self, method: str) -> None:
        answer = await self._post(method, {"jsonrpc": "2.0", "method": method})
        await answer.release()

    async def _end(self) -> None:
        if self._session is None:
            return
        try:
            answer = await self._outside.send(
                "DELETE", self._server.url, self._headers(None), b"", self._patience, private=self._server.private
            )
            await answer.release()
        except Unreachable:
            # Then it forgets the session by itself.
            return

    async def _post(self, method: str, message: Mapping[str, Any]) -> OutsideAnswer:
        body = json.dumps(message).encode()
        headers = self._headers(method)
        return await self._outside.send(
            "POST", self._server.url, headers, body, self._patience, private=self._server.private
        )

    def _headers(self, method: str | None) -> list[tuple[str, str]]:
        headers = [*_ACCEPTED, *self._server.opening]
        if self._version is not None:
            headers.append(("mcp-protocol-version", self._version))
        if self._version == _STATELESS_VERSION and method is not None:
            headers.append(("mcp-method", method))
        if self._session is not None:
            headers.append(("mcp-session-id", self._session))
        return headers

    def _enveloped(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._version != _STATELESS_VERSION:
            return params
        meta = {"protocolVersion": self._version, "clientInfo": _ABOUT_US, "clientCapabilities": {}}
        return {**params, "_meta": {_META + name: value for name, value in meta.items()}}


async def _answer_to(answer: OutsideAnswer, number: int) -> Mapping[str, Any]:
    if _is_json(answer):
        return _object(await answer.read(ANSWER_BYTES_MOST))
    reader, size = EventReader(), 0
    while chunk := await answer.next_chunk():
        size += len(chunk)
        if size > ANSWER_BYTES_MOST:
            raise Unreachable("its answer is too long")
        try:
            events = reader.feed(chunk)
        except EventTooLarge:
            raise Unreachable("its answer is too long") from None
        for data in events:
            if data and (told := _object(data)).get("id") == number and "method" not in told:
                return told
    raise Unreachable("its answer ends too early")


def _is_json(answer: OutsideAnswer) -> bool:
    return (answer.header("content-type") or "").lower().startswith("application/json")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Unreachable("it does not speak JSON-RPC")
    return told


def _found(tool: Any) -> FoundTool | None:
    """None for what cannot be named in policies, or that no database or model should be given."""
    if not isinstance(tool, dict) or not isinstance(tool.get("inputSchema"), dict):
        return None
    if not isinstance(tool.get("name"), str) or not is_tool_name(tool["name"]):
        return None
    try:
        one = pinned(tool)
        text = json.dumps(one.definition)
    except (ValueError, RecursionError):
        return None
    return one if len(text) <= DEFINITION_CHARS_MOST and "\\u0000" not in text else None
