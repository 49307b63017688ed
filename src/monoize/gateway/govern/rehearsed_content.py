"""What a capture says, before the gates that read: tools, hosts and injection. Pure.

Personal data is not looked for: of governed requests captures are without it. Loaded when somebody first asks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.base.errors import Refusal
from monoize.contract.captures import Capture
from monoize.contract.gates.decision import Decision
from monoize.contract.governed import Governed
from monoize.gateway.dialects import CHAT, GEMINI, MESSAGES, RESPONSES, Dialect
from monoize.gateway.govern import security
from monoize.gateway.govern.denied import Denied
from monoize.gateway.govern.offered_tools import with_allowed_tools
from monoize.gateway.govern.sieve import Sieve
from monoize.gateway.govern.told_calls import ToldCalls
from monoize.gateway.govern.tools import let_all_pass
from monoize.gateway.protocol.urp import Request, ToolCall

_captures: Final = msgspec.json.Decoder(Capture)
_DIALECTS: Final[Mapping[str, Dialect]] = {each.name: each for each in (CHAT, RESPONSES, MESSAGES, GEMINI)}


def decisions_on(captured: bytes, governed: Governed) -> Sequence[Decision]:
    """ValueError with what is missing where this cannot be said."""
    try:
        capture = _captures.decode(captured)
    except (msgspec.DecodeError, ValueError):
        raise ValueError("capture_unreadable") from None
    if capture.left_out is not None:
        raise ValueError("capture_incomplete")
    dialect = _DIALECTS.get(capture.protocol)
    if dialect is None:
        raise ValueError("not_a_conversation")
    try:
        request = dialect.decode_request({"model": "", **msgspec.json.decode(capture.asked.body or "")})
    except (Refusal, ValueError, TypeError, KeyError):
        raise ValueError("capture_unreadable") from None
    return [*_of_request(request, governed), *_of_calls(capture, dialect, governed)]


def _of_request(request: Request, governed: Governed) -> Iterator[Decision]:
    try:
        _, hidden = with_allowed_tools(request, governed.policy)
        yield from hidden
        yield from security.decisions_on(request, governed.policy)
    except Denied as denied:
        yield from denied.decisions


def _of_calls(capture: Capture, dialect: Dialect, governed: Governed) -> Sequence[Decision]:
    """Of the calls that its answer told; those that were withheld then are texts in it."""
    if let_all_pass(governed.policy):
        return ()
    decisions: list[Decision] = []
    sieve = Sieve(governed.policy, governed.personal_data_key)
    # How often tools are called within a minute is not told by one capture.
    told = ToldCalls(governed.policy, sieve, decisions.append, (), now_s=capture.at_ms // 1000)
    for call in _calls(capture, dialect):
        for _ in told.done(call):
            pass
    return decisions


def _calls(capture: Capture, dialect: Dialect) -> Sequence[ToolCall]:
    """Of a stream the answer that it told is kept in the common language."""
    try:
        answer: Any = msgspec.json.decode(capture.told.body or "")
        if any(name == "content-type" and _is_stream(value) for name, value in capture.told.headers):
            calls = [node for node in answer["output"] if {"name", "arguments"} <= node.keys()]
            return msgspec.convert(calls, list[ToolCall])
        return [node for node in dialect.decode_response(answer).output if isinstance(node, ToolCall)]
    except (Refusal, ValueError, TypeError, KeyError, AttributeError):
        return ()


def _is_stream(content_type: str) -> bool:
    return content_type.startswith("text/event-stream")
