"""Content blocks, as a caller or a provider wrote them, made into nodes. `BadRequest` says what is wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.fields import given, path
from monoize.gateway.protocol.messages import media, wire
from monoize.gateway.protocol.messages.extras import others
from monoize.gateway.protocol.urp import (
    File,
    Image,
    Json,
    Node,
    ProviderItem,
    Reasoning,
    ResultPart,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

REDACTED: Final = "redacted_thinking"

_TEXT: Final = frozenset({"type", "text", "phase"})
_THINKING: Final = frozenset({"type", "thinking", "signature"})
# The type stays: it is what tells such a node from one whose thinking was only left out.
_REDACTED: Final = frozenset({"data"})
_CALL: Final = frozenset({"type", "id", "name", "input"})
_RESULT: Final = frozenset({"type", "tool_use_id", "content", "is_error"})
_IN_RESULTS: Final = frozenset({"text", "image", "document"})


def content_in(content: object, role: Role, at: str) -> list[Node]:
    """A string, or a list of blocks."""
    if isinstance(content, str):
        return [Text(role=role, text=content)] if content else []
    if not isinstance(content, list):
        fields.refuse(at, "a string or a list of content blocks")
    return [node for place, block in enumerate(content) for node in block_in(block, role, path(at, place))]


def block_in(block: object, role: Role, at: str) -> Sequence[Node]:
    """What no other protocol knows either is kept as it is."""
    if not isinstance(block, dict):
        fields.refuse(at, "an object")
    kind = given(fields.text(block, "type", at), path(at, "type"))
    read = _READERS.get(kind)
    nodes = read(block, role, at) if read else None
    return (_as_it_is(block, kind, role),) if nodes is None else nodes


def arguments_in(block: Json, at: str) -> str:
    """The input of a call as text."""
    try:
        return wire.json_text(fields.object_(block, "input", at) or {})
    except wire.NOT_WRITABLE:
        raise BadRequest(f"{path(at, 'input')} is nested too deeply.", param=path(at, "input")) from None


def _as_it_is(block: Json, kind: str, role: Role) -> ProviderItem:
    return ProviderItem(origin="messages", role=role, item_type=kind, body=block)


def _text(block: Json, role: Role, at: str) -> Sequence[Node]:
    text = given(fields.text(block, "text", at), path(at, "text"))
    phase = fields.text(block, "phase", at)
    return (Text(role=role, text=text, phase=phase, extra=others(block, _TEXT)),) if text else ()


def _thinking(block: Json, role: Role, at: str) -> Sequence[Node]:
    """What is signed is what Anthropic lets us read of it; what is not, another model thought."""
    text, signature = fields.text(block, "thinking", at), fields.text(block, "signature", at)
    extra = others(block, _THINKING)
    if signature:
        summary = (text,) if text else ()
        return (Reasoning(summary=summary, encrypted=signature, origin="messages", extra=extra),)
    return (Reasoning(content=text, extra=extra),) if text else ()


def _redacted(block: Json, role: Role, at: str) -> Sequence[Node]:
    data = given(fields.text(block, "data", at), path(at, "data"))
    return (Reasoning(encrypted=data, origin="messages", extra=others(block, _REDACTED)),)


def _call(block: Json, role: Role, at: str) -> Sequence[Node]:
    return (
        ToolCall(
            call_id=given(fields.text(block, "id", at), path(at, "id")),
            name=given(fields.text(block, "name", at), path(at, "name")),
            arguments=arguments_in(block, at),
            extra=others(block, _CALL),
        ),
    )


def _result(block: Json, role: Role, at: str) -> Sequence[Node]:
    content: Any = block.get("content")
    return (
        ToolResult(
            call_id=given(fields.text(block, "tool_use_id", at), path(at, "tool_use_id")),
            content=() if content is None else _parts_in(content, path(at, "content")),
            is_error=bool(fields.flag(block, "is_error", at)),
            extra=others(block, _RESULT),
        ),
    )


def _parts_in(content: object, at: str) -> Sequence[ResultPart]:
    if isinstance(content, str):
        return (Text(role="user", text=content),) if content else ()
    if not isinstance(content, list):
        fields.refuse(at, "a string or a list of content blocks")
    parts: list[ResultPart] = []
    for place, block in enumerate(content):
        if isinstance(block, dict) and isinstance(kind := block.get("type"), str) and kind not in _IN_RESULTS:
            parts.append(_as_it_is(block, kind, "user"))
            continue
        nodes = block_in(block, "user", path(at, place))
        parts += [node for node in nodes if isinstance(node, Text | Image | File | ProviderItem)]
    return tuple(parts)


_Reader = Callable[[Json, Role, str], Sequence[Node] | None]
_READERS: Final[Mapping[str, _Reader]] = {
    "text": _text,
    "thinking": _thinking,
    REDACTED: _redacted,
    "tool_use": _call,
    "tool_result": _result,
    "image": media.images_in,
    "document": media.documents_in,
}
