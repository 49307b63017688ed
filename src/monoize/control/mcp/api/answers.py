"""What a server says in answer to one message, whether as JSON or as a stream of events."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

from monoize.base.errors import Refusal
from monoize.control.edge.outside import OutsideAnswer, Unreachable
from monoize.control.mcp.errors import McpTimeout, McpUnreachable, NoSuchMcpSession
from monoize.control.mcp.model.events import EVENT_BYTES_MOST, EventReader, EventTooLarge
from monoize.control.mcp.model.messages import Id

_OK: Final = 200
_NOT_FOUND: Final = 404


class Told(NamedTuple):
    """`message` is None for a sign of life."""

    message: Mapping[str, Any] | None
    is_answer: bool
    size: int


def refusal_of(problem: Unreachable) -> Refusal:
    if problem.too_slow:
        return McpTimeout()
    return McpUnreachable(f"The MCP server does not answer as it should: {problem.reason}.")


def check_status(answer: OutsideAnswer, *, has_session: bool) -> None:
    """An answer that is none is not passed on: it may speak of our credential."""
    if has_session and answer.status == _NOT_FOUND:
        raise NoSuchMcpSession
    if answer.status != _OK and not (400 <= answer.status < 500 and is_json(answer)):
        raise Unreachable(f"the status is {answer.status}")
    if not is_json(answer) and not _media_type(answer).startswith("text/event-stream"):
        raise Unreachable("it answers neither JSON nor events")


def is_json(answer: OutsideAnswer) -> bool:
    return _media_type(answer).startswith("application/json")


def _media_type(answer: OutsideAnswer) -> str:
    return (answer.header("content-type") or "").lower()


async def told(answer: OutsideAnswer, id: Id | None) -> AsyncIterator[Told]:
    """Until the answer to `id` has come; without one, what comes unasked. Answers to anything else are left out."""
    if is_json(answer):
        body = await answer.read(EVENT_BYTES_MOST)
        message = _message(body)
        if "method" in message or message.get("id") not in (id, None):
            raise Unreachable("it answers something else")
        yield Told({**message, "id": id}, True, len(body))
        return
    reader = EventReader()
    while True:
        chunk = await answer.next_chunk()
        for data in _fed(reader, chunk):
            if not data:
                yield Told(None, False, 0)
                continue
            message = _message(data)
            is_answer = "method" not in message
            if not is_answer or (id is not None and message.get("id") == id):
                yield Told(message, is_answer, len(data))
                if is_answer:
                    return
        if not chunk:
            break
    if id is not None:
        raise Unreachable("its answer ends too early")


async def answer_to(answer: OutsideAnswer, id: Id) -> tuple[Mapping[str, Any], int]:
    """The answer alone, and how long it is."""
    async for one in told(answer, id):
        if one.is_answer and one.message is not None:
            return one.message, one.size
    raise Unreachable("its answer ends too early")


def _fed(reader: EventReader, chunk: bytes) -> list[bytes]:
    try:
        return reader.feed(chunk) if chunk else reader.end()
    except EventTooLarge:
        raise Unreachable("one of its events is too long") from None


def _message(body: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Unreachable("it does not speak JSON-RPC")
    return message
