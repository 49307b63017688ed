"""Whether a conversation is words that people and models wrote, as its body shows without being understood.

Then nothing in it was fetched: there is no result of a tool, no file and no address. In doubt it is not. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol.urp import Conversation, Json

_TURNS_AT: Final[Mapping[Conversation, str]] = {
    "chat": "messages",
    "responses": "input",
    "messages": "messages",
    "gemini": "contents",
}
_ELSEWHERE: Final = ("systemInstruction", "system_instruction", "previous_response_id", "conversation", "prompt")
_OF_TURN: Final = frozenset({"type", "role", "content", "parts", "name", "id", "status"})
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "model"})
_OF_TEXT: Final = frozenset({"type", "text", "cache_control", "annotations"})
_TEXTS: Final = (None, "text", "input_text", "output_text")


def is_plain(protocol: Conversation, body: Json) -> bool:
    if any(name in body for name in _ELSEWHERE):
        return False
    turns = body.get(_TURNS_AT[protocol])
    return isinstance(turns, str) or (isinstance(turns, list) and all(map(_is_plain_turn, turns)))


def _is_plain_turn(turn: Any) -> bool:
    if not isinstance(turn, dict) or not turn.keys() <= _OF_TURN or turn.get("type", "message") != "message":
        return False
    content = turn.get("content", turn.get("parts"))
    return turn.get("role") in _ROLES and (
        isinstance(content, str) or (isinstance(content, list) and all(map(_is_plain_part, content)))
    )


def _is_plain_part(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and part.keys() <= _OF_TEXT
        and part.get("type") in _TEXTS
        and isinstance(part.get("text"), str)
    )
