"""What a request says that nobody needs to answer it, and that telemetry keeps. Pure.

Which conversation it belongs to, how its tools are to be chosen, where its prompt is to be cached. None: not said.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from monoize.contract.events import ToolChoice
from monoize.gateway.facts import TOKENS_OF_FRAME, count_tokens
from monoize.gateway.protocol.urp import Json, Protocol

SESSION_CHARS_MOST: Final = 191
BREAKPOINTS_MOST: Final = 4
"""More than that no provider takes."""

_SESSION_HEADERS: Final = (b"x-session-id", b"session_id", b"x-claude-code-session-id")
_SESSION_MEMBERS: Final = ("conversation", "conversation_id", "session_id", "thread_id", "prompt_cache_key")
_SESSION_HEADERS_KNOWN: Final = frozenset(_SESSION_HEADERS)
_SESSION_MEMBERS_KNOWN: Final = frozenset(("metadata", *_SESSION_MEMBERS))
# How Claude Code names its user: by an account and a session.
_SESSION_OF_USER: Final = re.compile(r"user_.*_session_([0-9a-f-]{36})")
_SESSION_CHARS: Final = re.compile(rf"[\x21-\x7e]{{1,{SESSION_CHARS_MOST}}}")
# Anthropic's own tools, whose descriptions no request shows.
_BUILT_IN: Final[Mapping[str, int]] = {"bash": 245, "text_editor": 700, "computer": 735}
_CHOICES: Final[Mapping[str, ToolChoice]] = {"auto": "auto", "any": "any", "required": "any", "none": "none"}


def session_of(headers: Mapping[bytes, bytes], body: Json) -> str | None:
    """Only what somebody calls a conversation; nothing is made up for those that have no name."""
    if _SESSION_HEADERS_KNOWN.isdisjoint(headers) and _SESSION_MEMBERS_KNOWN.isdisjoint(body):
        return None
    return next((name for name in _sessions(headers, body) if _SESSION_CHARS.fullmatch(name)), None)


def _sessions(headers: Mapping[bytes, bytes], body: Json) -> Iterator[str]:
    for header in _SESSION_HEADERS:
        if header in headers:
            yield headers[header].decode("latin-1")
    metadata = body.get("metadata")
    about = metadata if isinstance(metadata, dict) else {}
    for place in (body, about):
        for member in _SESSION_MEMBERS:
            value = place.get(member)
            name = value.get("id") if isinstance(value, dict) else value
            if isinstance(name, str):
                yield name
    user = about.get("user_id")
    if isinstance(user, str) and (found := _SESSION_OF_USER.fullmatch(user[: 2 * SESSION_CHARS_MOST])):
        yield found[1]


def tool_choice_of(protocol: Protocol, body: Json) -> ToolChoice | None:
    """None where no tools were sent."""
    if not body.get("tools"):
        return None
    if protocol == "gemini":
        return _gemini_choice(body)
    choice = body.get("tool_choice")
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        return _CHOICES.get(choice, "tool")
    if not isinstance(choice, dict):
        return None
    # OpenAI: some of the tools, of which one may or must be taken.
    return _CHOICES.get(str(choice.get("mode") or choice.get("type")), "tool")


def tool_tokens_of(body: Json) -> int:
    """What its tools take of the prompt, counted from above, but for those that the provider describes itself."""
    tools = body.get("tools")
    if not isinstance(tools, list) or not tools:
        return 0
    own = [tool for tool in tools if not _is_built_in(tool)]
    built_in = sum(_BUILT_IN[_family(tool)] for tool in tools if _is_built_in(tool))
    return built_in + (count_tokens(own) - TOKENS_OF_FRAME if own else 0)


def _is_built_in(tool: Any) -> bool:
    return _family(tool) in _BUILT_IN


def _family(tool: Any) -> str:
    """Of a type such as `bash_20250124`."""
    return str(tool.get("type", "")).rpartition("_")[0] if isinstance(tool, dict) else ""


def _gemini_choice(body: Json) -> ToolChoice:
    config = _object(body, "toolConfig", "tool_config")
    settings = _object(config, "functionCallingConfig", "function_calling_config")
    return _CHOICES.get(str(settings.get("mode", "auto")).lower(), "auto")


def breakpoints_of(protocol: Protocol, body: Json, *, is_marked: bool) -> int | None:
    """In how many places its prompt is marked, as only Anthropic's protocol can; `is_marked`: in one at least."""
    if protocol != "messages":
        return None
    return min(_count(body, "cache_control"), BREAKPOINTS_MOST) if is_marked else 0


def _count(body: Any, name: str) -> int:
    found, waiting = 0, [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found += value.get(name) is not None
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _object(body: Json, *names: str) -> Json:
    found = next((body[name] for name in names if name in body), None)
    return found if isinstance(found, dict) else {}
