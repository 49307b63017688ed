"""The messages of a request, taken apart into nodes.

Whatever stands beside the content of a message stays with the first of its nodes, as `extra["message"]`; so does
the mere fact that a message began, where it could not be told from the one before. Bad words are a `BadRequest`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat import calls, media, thoughts
from monoize.gateway.protocol.urp import (
    Audio,
    FileId,
    Json,
    Node,
    ProviderItem,
    Reasoning,
    Refusal,
    ResultPart,
    Role,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)

MESSAGE: Final = "message"
"""In `extra` of the first node of a message: what else stood in it."""
_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})
_OF_ALL: Final = frozenset({"role", "content"})
_OF_ASSISTANT: Final = frozenset(
    {*_OF_ALL, "refusal", "audio", "tool_calls", calls.OLD, thoughts.DETAILS, *thoughts.FIELDS, "images"}
)
_OF_TOOL: Final = frozenset({*_OF_ALL, "tool_call_id", "name"})


class MessageReader:
    """`read` them in their order: results inherit from the calls before them."""

    def __init__(self) -> None:
        self._kinds: dict[str, ToolKind] = {}
        self._old_calls = 0
        self._old_unanswered: list[ToolCall] = []
        self._last_role = ""

    def read(self, message: object, at: str) -> list[Node]:
        if not isinstance(message, dict):
            fields.refuse(at, "an object")
        role = fields.given(fields.text(message, "role", at), fields.path(at, "role"))
        if role == "tool":
            return self._answering(self._result(message, at))
        if role == "function":
            return self._answering(self._old_result(message, at))
        if role == "assistant":
            nodes, extra = self._assistant(message, at), fields.rest(message, _OF_ASSISTANT)
        else:
            role = _ROLES.get(role, "user")
            nodes, extra = _content(message, role, at), fields.rest(message, _OF_ALL)
        is_untold = role == self._last_role
        if nodes:
            self._last_role = role
        return _marked(nodes, extra) if extra or is_untold else nodes

    def _answering(self, result: ToolResult) -> list[Node]:
        self._last_role = ""
        return [result]

    def _assistant(self, message: Json, at: str) -> list[Node]:
        nodes: list[Node] = [*thoughts.thoughts_of(message), *_spoken_before(message, at)]
        nodes += _content(message, "assistant", at)
        refusal = fields.text(message, "refusal", at)
        if refusal:
            nodes.append(Refusal(text=refusal))
        nodes += images_of(message)
        for place, call in enumerate(fields.list_(message, "tool_calls", at) or []):
            nodes.append(calls.read_call(call, fields.path(fields.path(at, "tool_calls"), place)))
        old = fields.object_(message, calls.OLD, at)
        if old is not None:
            call = calls.read_old_call(old, self._old_calls, fields.path(at, calls.OLD))
            self._old_calls += 1
            self._old_unanswered.append(call)
            nodes.append(call)
        self._kinds |= {node.call_id: node.kind for node in nodes if isinstance(node, ToolCall)}
        return nodes

    def _result(self, message: Json, at: str) -> ToolResult:
        call_id = fields.given(fields.text(message, "tool_call_id", at) or None, fields.path(at, "tool_call_id"))
        return ToolResult(
            call_id=call_id,
            content=_result_content(message, at),
            kind=self._kinds.get(call_id, "function"),
            name=fields.text(message, "name", at),
            extra=fields.rest(message, _OF_TOOL),
        )

    def _old_result(self, message: Json, at: str) -> ToolResult:
        """It answers the first call of that function that has no answer yet."""
        name = fields.given(fields.text(message, "name", at), fields.path(at, "name"))
        call = next((call for call in self._old_unanswered if call.name == name), None)
        if call is not None:
            self._old_unanswered.remove(call)
        return ToolResult(
            call_id=call.call_id if call else calls.old_id(self._old_calls),
            content=_result_content(message, at),
            name=name,
            extra={**fields.rest(message, _OF_TOOL), calls.OLD: True},
        )


def images_of(message: Json) -> list[Node]:
    """Images that a model made, where OpenRouter puts them."""
    images = fields.told_list(message.get("images")) or []
    return [media.image_of(image, "assistant", "") for image in images if _is_image(image)]


def _is_image(image: object) -> bool:
    match image:
        case {"image_url": {"url": str(), **others}}:
            return isinstance(others.get("detail"), str | None)
    return False


def _spoken_before(message: Json, at: str) -> list[Node]:
    """Speech of an earlier answer is named, not repeated."""
    audio = fields.object_(message, "audio", at)
    id = fields.text(audio, "id", fields.path(at, "audio")) if audio else None
    return [Audio(role="assistant", source=FileId(file_id=id, origin="chat"), id=id)] if id else []


def _content(message: Json, role: Role, at: str) -> list[Node]:
    content = message.get("content")
    if isinstance(content, str):
        # A model that only called tools said nothing; others may mean the emptiness that they send.
        return [Text(role=role, text=content)] if content or role != "assistant" else []
    return spoken_parts(message, at) if role == "assistant" else _read_parts(message, role, at)


def spoken_parts(message: Json, at: str = "") -> list[Node]:
    """What a model said in parts, its silence left out."""
    return [node for node in _read_parts(message, "assistant", at) if not _is_silence(node)]


def _read_parts(message: Json, role: Role, at: str) -> list[Node]:
    return [_from_elsewhere(part, role, where) or _part(part, role, where) for where, part in _parts(message, at)]


def _parts(message: Json, at: str) -> Iterator[tuple[str, Json]]:
    at, parts = fields.path(at, "content"), message.get("content")
    if parts is not None and not isinstance(parts, list):
        fields.refuse(at, "a string or a list")
    for place, part in enumerate(parts or []):
        if isinstance(part, str):
            yield fields.path(at, place), {"type": "text", "text": part}
        elif isinstance(part, dict):
            yield fields.path(at, place), part
        else:
            fields.refuse(fields.path(at, place), "an object")


def _part(part: Json, role: Role, at: str) -> Node:
    kind = fields.text(part, "type", at) or ("text" if "text" in part else "")
    if kind in _TEXTS:
        text = fields.given(fields.text(part, "text", at), fields.path(at, "text"))
        return Text(role=role, text=text, extra=fields.rest(part, ("type", "text")))
    match kind:
        case "image_url":
            return media.image_of(part, role, at)
        case "input_audio":
            return media.audio_of(part, role, at)
        case "file":
            return media.file_of(part, role, at)
        case "refusal" if role == "assistant":
            text = fields.given(fields.text(part, "refusal", at), fields.path(at, "refusal"))
            return Refusal(text=text, extra=fields.rest(part, ("type", "refusal")))
    return ProviderItem(origin="chat", role=role, item_type=kind, body=part)


def _from_elsewhere(part: Json, role: Role, at: str) -> Node | None:
    """Parts of others' making that clients and providers mix in."""
    match part:
        case {"type": "thinking", "thinking": list(inner)} if role == "assistant":
            said = "".join(fields.told_text(each.get("text")) or "" for each in inner if isinstance(each, dict))
            return Reasoning(content=said, extra={thoughts.CARRIER: "thinking"})
        case {"type": "tool_use", "id": str(id), "name": str(name)} if role == "assistant" and id and name:
            arguments = calls.told_arguments(part.get("input"))
            return ToolCall(call_id=id, name=name, arguments=arguments or "{}")
        case {"type": "tool_result", "tool_use_id": str(id)} if role == "user" and id:
            return ToolResult(call_id=id, content=_result_content(part, at), is_error=part.get("is_error") is True)
    return None


def _result_content(message: Json, at: str) -> Sequence[ResultPart]:
    content = message.get("content")
    if isinstance(content, str):
        return (Text(role="user", text=content),)
    nodes = (_part(part, "user", place) for place, part in _parts(message, at))
    return tuple(node for node in nodes if isinstance(node, ResultPart))


def _is_silence(node: Node) -> bool:
    return isinstance(node, Text) and not node.text and not node.extra


def _marked(nodes: list[Node], extra: Json) -> list[Node]:
    for place, node in enumerate(nodes):
        if not isinstance(node, ProviderItem):
            known: dict[str, Any] = {**node.extra, MESSAGE: extra}
            return [*nodes[:place], msgspec.structs.replace(node, extra=known), *nodes[place + 1 :]]
    return nodes
