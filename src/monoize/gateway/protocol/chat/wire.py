"""JSON as bytes, the frames of a stream, and the words for why an answer ended."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.urp import Finish, FinishReason, Json

NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NOT_WRITABLE: Final = (TypeError, ValueError, RecursionError, msgspec.MsgspecError)
DONE_DATA: Final = b"[DONE]"
DONE_FRAME: Final = b"data: [DONE]\n\n"

_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # Mistral's, and what comes through from models that end in other words.
    "model_length": "length",
    "max_tokens": "length",
    "eos": "stop",
    "end_turn": "stop",
    "tool_use": "tool_calls",
}
FAILURE: Final = "error"
"""OpenRouter's reason for an answer that failed."""


def decoded(data: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return msgspec.json.decode(data)
    except NOT_JSON:
        return None


def json_object(data: bytes) -> Json | None:
    found = decoded(data)
    return found if isinstance(found, dict) else None


def frame(payload: Json) -> bytes:
    return b"data: " + msgspec.json.encode(payload) + b"\n\n"


def finish_of(native: str | None, *, has_calls: bool) -> Finish:
    """Some say `stop` though tools were called."""
    reason = _REASONS.get(native, "other") if native else "stop"
    if has_calls and reason == "stop":
        reason = "tool_calls"
    return Finish(reason=reason, native=native, origin="chat")


def native_of(finish: Finish, *, has_calls: bool, old: bool) -> str:
    """What came in this protocol's own words goes out in them. Clients know no word for `other`."""
    if has_calls and finish.reason in ("stop", "tool_calls"):
        return "function_call" if old or finish.native == "function_call" else "tool_calls"
    if finish.origin == "chat" and finish.native:
        return finish.native
    if finish.reason == "other" or (finish.reason == "tool_calls" and not has_calls):
        return "stop"
    return finish.reason
