"""Nodes as items of this protocol: what requests and answers write in the same way.

`ours` is whether the nodes were read from this protocol. Then what has no home in them, and their ids, go back as
they came; otherwise they mean nothing here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from monoize.gateway.protocol.responses import media
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Inline,
    Json,
    PlainText,
    ProviderItem,
    ResultPart,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)

INPUT_OF: Final[Mapping[ToolKind, str]] = {"function": "arguments", "custom": "input"}
"""What a call names that with which the tool is called."""
_FROM_ANYBODY: Final = ("prompt_cache_breakpoint",)
_CALL: Final[Mapping[ToolKind, str]] = {"function": "function_call", "custom": "custom_tool_call"}
PHASES: Final = frozenset({"commentary", "final_answer"})


def merged(typed: Json, extra: Mapping[str, Any], *, ours: bool) -> Json:
    """What has a home wins over what has none."""
    taken = extra if ours else {name: extra[name] for name in _FROM_ANYBODY if name in extra}
    return {**typed, **{name: value for name, value in taken.items() if name not in typed}}


def told(**members: object) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def call_item(node: ToolCall, *, ours: bool) -> Json:
    item = {
        "type": _CALL[node.kind],
        "call_id": node.call_id,
        "name": node.name,
        INPUT_OF[node.kind]: node.arguments,
    }
    extra = node.extra
    if node.kind == "custom":
        extra = {name: value for name, value in extra.items() if name != "status"}
    return merged(item, extra, ours=ours)


def result_item(node: ToolResult, *, ours: bool) -> Json:
    item: Json = {
        "type": f"{_CALL[node.kind]}_output",
        "call_id": node.call_id,
        "output": _output(node.content, ours=ours),
    }
    if ours and node.name:
        item["name"] = node.name
    return merged(item, node.extra, ours=ours)


def _output(content: Sequence[ResultPart], *, ours: bool) -> str | list[Json]:
    if not content:
        return ""
    if len(content) == 1 and isinstance(content[0], Text) and not merged({}, content[0].extra, ours=ours):
        return content[0].text
    parts = (
        part.body if isinstance(part, ProviderItem) else input_part(part, ours=ours)
        for part in content
        if not isinstance(part, ProviderItem) or (ours and part.origin == "responses")
    )
    return [part for part in parts if part]


def input_part(node: Text | Image | Audio | File, *, ours: bool) -> Json | None:
    """Part of what a caller or a tool says; None for what cannot be said here."""
    part: Json | None
    match node:
        case Text():
            part = {"type": "input_text", "text": node.text}
        case Image():
            where = media.written_image(node.source)
            part = where and {"type": "input_image", **where, "detail": node.detail or "auto"}
        case Audio():
            where = media.written_sound(node.source)
            part = where and {"type": "input_audio", **where}
        case File(source=PlainText(text=text)):
            part = {"type": "input_text", "text": text}
        case File():
            where = media.written_file(node.source)
            part = where and {"type": "input_file", **where, **told(filename=_filename(node, ours=ours))}
    return part and merged(part, node.extra, ours=ours)


def _filename(node: File, *, ours: bool) -> str | None:
    """Bytes without a name are refused."""
    if node.filename or ours or not isinstance(node.source, Inline):
        return node.filename
    return f"file.{media.ending_of(node.source.media_type)}"


def reasoning_item(*, summary: Iterable[str], content: str | None, encrypted: str | None) -> Json:
    item: Json = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in summary]}
    if content is not None:
        item["content"] = [{"type": "reasoning_text", "text": content}]
    if encrypted is not None:
        item["encrypted_content"] = encrypted
    return item
