"""Nodes of an answer as the blocks that a caller of this protocol reads."""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol.messages import wire
from monoize.gateway.protocol.messages.blocks_in import REDACTED
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    FileId,
    Image,
    Json,
    Node,
    PlainText,
    ProviderItem,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Url,
)

BETWEEN_SUMMARIES: Final = "\n\n"

_ON_CALLS: Final = ("caller", "toolset_name")


def answer_block_out(node: Node, *, fallback_id: str) -> Json | None:
    """None for what a caller could not read. `fallback_id` is for a call that has none."""
    match node:
        case Reasoning():
            return thinking_out(node)
        case ToolCall():
            return {**call_out(node, fallback_id=fallback_id), "input": wire.input_of(node.arguments)}
        case ProviderItem():
            return node.body if node.origin == "messages" else None
        case ToolResult():
            return None
        case _:
            text = text_of(node)
            return {"type": "text", "text": text, **_citations(node)} if text else None


def text_of(node: Text | Refusal | Image | Audio | File) -> str:
    """There are no pictures in answers here: they are shown in Markdown."""
    match node:
        case Text() | Refusal():
            return node.text
        case Audio():
            return node.transcript or ""
        case File():
            return node.source.text if isinstance(node.source, PlainText) else ""
        case Image():
            source = node.source
            if isinstance(source, FileId):
                return ""
            url = source.url if isinstance(source, Url) else f"data:{source.media_type};base64,{source.data}"
            return f"![image]({url})"


def citations_of(node: Node) -> list[Json]:
    found = node.extra.get("citations") if isinstance(node, Text) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def readable_of(node: Reasoning) -> str:
    return node.content or BETWEEN_SUMMARIES.join(node.summary)


def signature_of(node: Reasoning) -> str:
    """A signature that somebody else gave is none here: nobody could check it."""
    return (node.encrypted or "") if node.origin == "messages" else ""


def is_redacted(extra: Mapping[str, Any]) -> bool:
    return extra.get("type") == REDACTED


def thinking_out(node: Reasoning) -> Json | None:
    readable, signature = readable_of(node), signature_of(node)
    if signature and is_redacted(node.extra):
        return {"type": REDACTED, "data": signature}
    return {"type": "thinking", "thinking": readable, "signature": signature} if readable or signature else None


def call_out(node: ToolCall, *, fallback_id: str) -> Json:
    """A call as it begins, its input still to come."""
    extra = {name: node.extra[name] for name in _ON_CALLS if node.extra.get(name) is not None}
    return {**extra, "type": "tool_use", "id": node.call_id or fallback_id, "name": node.name, "input": {}}


def _citations(node: Node) -> Json:
    citations = citations_of(node)
    return {"citations": citations} if citations else {}
