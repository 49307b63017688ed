"""/mcp/{service}: MCP over streamable HTTP, passed on to a server that somebody has configured.

What goes by is read: tools are listed by us, as they were accepted and as far as the caller may see them; a call is
judged before it is sent and written down when it has ended; what nobody has looked at is not passed on. The server
never learns who calls, nor the caller what opens the server. A session belongs to whoever began it: its name is
sealed for them and this server, so that nothing is kept here and nobody else can use it.
"""

import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from monoize.base.errors import Refusal
from monoize.control.edge.caller import identify
from monoize.control.edge.event_stream import EventStream, Say
from monoize.control.edge.house import House, house_of
from monoize.control.edge.outside import OutsideAnswer, Patience, Unreachable
from monoize.control.edge.problem import MethodNotAllowed, problem
from monoize.control.governance.model.approvals import requester_of
from monoize.control.governance.services import governance_of
from monoize.control.mcp import errors
from monoize.control.mcp.actions import calls
from monoize.control.mcp.actions.calls import Asked
from monoize.control.mcp.actions.visits import Visit, arrive, looked_at
from monoize.control.mcp.api.answers import answer_to, check_status, is_json, refusal_of, told
from monoize.control.mcp.api.endings import Ending
from monoize.control.mcp.drivers.server import UNAUTHORIZED, is_session_id
from monoize.control.mcp.model import messages
from monoize.control.mcp.model.calls import Status, status_of
from monoize.control.mcp.model.decisions import is_shown, timeout_ms
from monoize.control.mcp.model.events import KEEP_ALIVE, event_of
from monoize.control.mcp.model.messages import STATELESS_FROM, Message, Unreadable
from monoize.control.mcp.model.services import hash_of_all, is_tool_name
from monoize.control.mcp.services import Mcp, mcp_of
from monoize.infra.sealed import SealBroken

SESSION: Final = "mcp-session-id"
VERSION: Final = "mcp-protocol-version"
AGENT: Final = "monoize-agent"
"""By which a program says for which agent record it speaks."""

STREAM_MS: Final = 3_600_000
_EVENTS: Final = "text/event-stream"
_JSON: Final = "application/json"
_HEADER_CHARS_MOST: Final = 1_024
_PASSED_ON: Final = (VERSION, "mcp-method", "mcp-name")
_PARAMETERS: Final = "mcp-param-"
_PARAMETERS_MOST: Final = 32


class Passing:
    """An ASGI application: an answer goes on while it comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = await identify(request)
        name, agent = request.path_params["service"], request.headers.get(AGENT) or None
        visit = await arrive(house_of(request), mcp_of(request).openings, call, name, agent)
        passage = _Passage(request, visit)
        match request.method:
            case "POST":
                answer = await passage.post()
            case "GET" if passage.has_session:
                answer = await passage.listen()
            case "DELETE" if passage.has_session:
                answer = await passage.leave()
            case _:
                # Without a session there is nothing to listen to, and nothing to end.
                answer = problem(MethodNotAllowed(), call.request_id, headers={"allow": "POST"})
        await answer(scope, receive, send)


class _Passage:
    """One request on its way."""

    def __init__(self, request: Request, visit: Visit) -> None:
        self._request = request
        self._visit = visit
        self._house: House = house_of(request)
        self._mcp: Mcp = mcp_of(request)
        self._session = self._opened(request.headers.get(SESSION))
        self._version = request.headers.get(VERSION)

    @property
    def has_session(self) -> bool:
        return self._session is not None

    async def post(self) -> Response:
        try:
            message = messages.read(await self._request.body())
            messages.check_headers(message, *map(self._request.headers.get, ("mcp-method", "mcp-name")))
            return await self._answered(message)
        except Unreadable as unreadable:
            return _reply(messages.error(unreadable.id, unreadable.code, unreadable.message), 400)

    async def listen(self) -> Response:
        """What the server says unasked."""
        with self._mcp.audience.one_more(self._visit.call.principal):
            # Whoever has no place is refused before the server is asked.
            pass
        answer = await self._send("GET", b"", _EVENTS, Patience(self._timeout_ms, STREAM_MS, STREAM_MS))
        if answer.status != 200:
            await answer.release()
            if answer.status == 405:
                return problem(MethodNotAllowed(), self._visit.call.request_id, headers={"allow": "POST, DELETE"})
            check_status(answer, has_session=True)
            raise errors.McpUnreachable

        async def tell(say: Say) -> None:
            await self._unasked(answer, say)

        return EventStream(tell, self._mcp.audience, self._visit.call.principal)

    async def leave(self) -> Response:
        answer = await self._send("DELETE", b"", _JSON, self._patience)
        await answer.release()
        if answer.status not in (200, 202, 204, 404, 405):
            raise errors.McpUnreachable
        return Response(status_code=answer.status)

    async def _answered(self, message: Message) -> Response:
        match message.kind, message.method:
            case "request", messages.TOOLS_LIST:
                return await self._listed(message)
            case "request", messages.TOOLS_CALL:
                return await self._called(message)
            case "request", method if method in messages.PASSED_ON:
                return await self._passed_on(message)
            case "request", _:
                status = 404 if self._is_stateless else 200
                said = "Only tools are offered through Monoize."
                return _reply(messages.error(message.id, messages.METHOD_NOT_FOUND, said), status)
            case "notification", method if method not in messages.TOLD_ON:
                return Response(status_code=202)
        return await self._told_on(message)

    async def _listed(self, message: Message) -> Response:
        visit = await looked_at(self._house, self._mcp.discovery, self._visit)
        pinned = hash_of_all(visit.tools)
        shown = [
            tool.definition
            for tool in visit.tools
            if tool.definition is not None and is_shown(visit.service, visit.caller.policy, tool, pinned=pinned)
        ]
        return _reply(messages.tools_listed(message.id, self._version, shown))

    async def _passed_on(self, message: Message) -> Response:
        assert message.id is not None
        answer = await self._send("POST", message.encoded(), f"{_JSON}, {_EVENTS}", self._patience)
        try:
            check_status(answer, has_session=self.has_session)
            said, _ = await answer_to(answer, message.id)
        except Unreachable as unreachable:
            raise refusal_of(unreachable) from unreachable
        finally:
            await answer.release()
        if message.method not in messages.HELLOS:
            return _reply(said, answer.status)
        session = answer.header(SESSION)
        headers = {SESSION: self._sealed(session)} if session and is_session_id(session) else None
        return _reply(messages.introduced(said), answer.status, headers)

    async def _told_on(self, message: Message) -> Response:
        """A notification, or what the client answers the server."""
        answer = await self._send("POST", message.encoded(), f"{_JSON}, {_EVENTS}", self._patience)
        await answer.release()
        if answer.status == 404 and self.has_session:
            raise errors.NoSuchMcpSession
        return Response(status_code=202)

    async def _called(self, message: Message) -> Response:
        called = messages.tool_called(message)
        try:
            if not is_tool_name(called.tool):
                raise errors.McpToolNotAllowed
            visit = await looked_at(self._house, self._mcp.discovery, self._visit)
            asked = Asked(visit.call, visit.caller, visit.service, visit.tools, called.tool, called.arguments)
            begun = await calls.begin(self._house, governance_of(self._request).quotas, self._mcp.till, asked)
        except Refusal as refusal:
            return self._refused(message, refusal)
        ending = Ending(self._house, self._mcp, visit.call, begun)
        return await self._executed(message.with_arguments(begun.arguments), ending)

    async def _executed(self, message: Message, ending: Ending) -> Response:
        assert message.id is not None
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(ending.leave, 0)
            try:
                answer = await self._send("POST", message.encoded(), f"{_JSON}, {_EVENTS}", self._patience)
                stack.push_async_callback(answer.release)
                check_status(answer, has_session=self.has_session)
                if not is_json(answer):
                    stack.pop_all()
                    return StreamingResponse(self._streamed(message, answer, ending), media_type=_EVENTS)
                said, size = await answer_to(answer, message.id)
            except Unreachable as unreachable:
                return await self._failed(message, ending, refusal_of(unreachable))
            except (errors.McpUnreachable, errors.McpTimeout) as refusal:
                return await self._failed(message, ending, refusal)
            except errors.NoSuchMcpSession:
                await ending.tell("unreachable", 0)
                raise
            await ending.tell(status_of(said), size)
            return _reply(said, answer.status)
        raise AssertionError("nothing is held back here")

    async def _streamed(self, message: Message, answer: OutsideAnswer, ending: Ending) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for one in told(answer, message.id):
                size += one.size
                if one.message is None:
                    yield KEEP_ALIVE
                    continue
                if one.is_answer:
                    await ending.tell(status_of(one.message), size)
                yield _event(one.message)
        except Unreachable as unreachable:
            refusal = refusal_of(unreachable)
            await ending.tell(_status(refusal), size)
            yield _event(messages.tool_refused(message.id, self._version, refusal))
        finally:
            ending.leave(size)
            await answer.release()

    async def _unasked(self, answer: OutsideAnswer, say: Say) -> None:
        try:
            async for one in told(answer, None):
                await say(KEEP_ALIVE if one.message is None else _event(one.message))
        except Unreachable:
            # Whoever listens comes again.
            return
        finally:
            await answer.release()

    async def _failed(self, message: Message, ending: Ending, refusal: Refusal) -> Response:
        await ending.tell(_status(refusal), 0)
        return self._refused(message, refusal)

    def _refused(self, message: Message, refusal: Refusal) -> Response:
        return _reply(messages.tool_refused(message.id, self._version, refusal))

    async def _send(self, method: str, body: bytes, accept: str, patience: Patience) -> OutsideAnswer:
        """Once more with another token, where the one that was shown is refused: then nothing has been done."""
        answer = await self._sent(method, body, accept, patience)
        if answer.status != UNAUTHORIZED:
            return answer
        server = await self._mcp.openings.anew(self._visit.service, self._visit.server)
        if server is None:
            return answer
        await answer.release()
        self._visit = dataclasses.replace(self._visit, server=server)
        return await self._sent(method, body, accept, patience)

    async def _sent(self, method: str, body: bytes, accept: str, patience: Patience) -> OutsideAnswer:
        server = self._visit.server
        headers = [("accept", accept), *self._headers(), *server.opening]
        if method == "POST":
            headers.append(("content-type", _JSON))
        try:
            return await self._mcp.outside.send(method, server.url, headers, body, patience, private=server.private)
        except Unreachable as unreachable:
            raise refusal_of(unreachable) from unreachable

    def _headers(self) -> list[tuple[str, str]]:
        given = self._request.headers
        named = [(name, given[name]) for name in _PASSED_ON if name in given]
        parameters = [(name, value) for name, value in given.items() if name.startswith(_PARAMETERS)]
        if self._session is not None:
            named.append((SESSION, self._session))
        chosen = [*named, *parameters[:_PARAMETERS_MOST]]
        return [(name, value) for name, value in chosen if len(value) <= _HEADER_CHARS_MOST]

    @property
    def _is_stateless(self) -> bool:
        return self._version is not None and self._version >= STATELESS_FROM

    @property
    def _timeout_ms(self) -> int:
        return timeout_ms(self._visit.service, self._visit.caller.policy)

    @property
    def _patience(self) -> Patience:
        return Patience(self._timeout_ms, self._timeout_ms, self._timeout_ms)

    def _opened(self, sealed: str | None) -> str | None:
        try:
            return None if sealed is None else self._house.seal.open(sealed, *self._place)
        except SealBroken:
            raise errors.NoSuchMcpSession from None

    def _sealed(self, session: str) -> str:
        return self._house.seal.seal(session, *self._place)

    @property
    def _place(self) -> tuple[str, ...]:
        """Whose session it is: of this caller, for this agent, with this server."""
        visit = self._visit
        return ("mcp session", requester_of(visit.call.principal), visit.caller.agent_id or "", visit.server.url)


def _status(refusal: Refusal) -> Status:
    return "timeout" if isinstance(refusal, errors.McpTimeout) else "unreachable"


def _encoded(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _reply(message: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_encoded(message), status, headers, media_type=_JSON)


def _event(message: Mapping[str, Any]) -> bytes:
    return event_of(_encoded(message))
