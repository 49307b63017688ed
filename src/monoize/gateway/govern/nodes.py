"""What stands in the nodes of a conversation, changed through a sieve. What has not changed is the same object."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from monoize.contract.policies.pii import Stage
from monoize.gateway.govern.json_text import changed_values
from monoize.gateway.govern.sieve import Sieve
from monoize.gateway.protocol.urp import (
    NO_EXTRA,
    Audio,
    File,
    FileSource,
    Inline,
    Node,
    PlainText,
    ProviderItem,
    Reasoning,
    Refusal,
    ResultPart,
    Text,
    ToolCall,
    ToolResult,
)

_TEXT_TYPES: Final = ("text/", "application/json", "application/xml", "application/yaml")

Struct = TypeVar("Struct", bound=msgspec.Struct)


def asked_node(node: Node, sieve: Sieve) -> Node:
    """Of a request. A thought that its maker has sealed goes back to it as it came, or it would not take it."""
    if isinstance(node, Reasoning) and node.encrypted is not None:
        return node
    return changed_node(node, sieve, "input")


def changed_node(node: Node, sieve: Sieve, stage: Stage) -> Node:
    """`stage` is that of plain text; calls of tools and what came of them have their own."""
    match node:
        case Text() | Refusal():
            text, extra = sieve.text(node.text, stage), changed_extra(node.extra, sieve, stage)
            return _with(node, text=text, extra=extra)
        case Reasoning():
            return _thought(node, sieve, stage)
        case ToolCall():
            return _with(node, arguments=sieve.arguments(node.arguments))
        case ToolResult():
            parts = [_part(part, sieve) for part in node.content]
            return _with(node, content=_same(parts, node.content))
        case File():
            return _file(node, sieve, stage)
        case Audio() if node.transcript is not None:
            return _with(node, transcript=sieve.text(node.transcript, stage))
        case ProviderItem():
            return _with(node, body=changed_values(node.body, sieve.change(stage)))
    return node


def _part(part: ResultPart, sieve: Sieve) -> Any:
    if isinstance(part, Text):
        # What tools answer is JSON more often than not.
        return _with(part, text=sieve.arguments(part.text, "tool_result"))
    return changed_node(part, sieve, "tool_result")


def _thought(thought: Reasoning, sieve: Sieve, stage: Stage) -> Reasoning:
    """A seal is good for what was sealed: where that is changed, it goes."""
    content = thought.content if thought.content is None else sieve.text(thought.content, stage)
    summary = [sieve.text(part, stage) for part in thought.summary]
    extra = changed_extra(thought.extra, sieve, stage)
    told = _with(thought, content=content, summary=_same(summary, thought.summary), extra=extra)
    return told if told is thought else unsealed(told)


def unsealed(thought: Reasoning) -> Reasoning:
    return msgspec.structs.replace(thought, encrypted=None, origin=None)


def _file(file: File, sieve: Sieve, stage: Stage) -> File:
    name = file.filename if file.filename is None else sieve.text(file.filename, stage)
    return _with(file, filename=name, source=_source(file.source, sieve, stage))


def _source(source: FileSource, sieve: Sieve, stage: Stage) -> FileSource:
    if isinstance(source, PlainText):
        return _with(source, text=sieve.text(source.text, stage))
    if isinstance(source, Inline) and source.media_type.startswith(_TEXT_TYPES):
        try:
            text = base64.b64decode(source.data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return source
        told = sieve.text(text, stage)
        return source if told == text else _with(source, data=base64.b64encode(told.encode()).decode())
    return source


def changed_extra(extra: Mapping[str, Any], sieve: Sieve, stage: Stage) -> Mapping[str, Any]:
    return extra if extra is NO_EXTRA else changed_values(extra, sieve.change(stage))


def _same(told: list[Any], before: Sequence[Any]) -> Sequence[Any]:
    return before if all(new is old or new == old for new, old in zip(told, before, strict=True)) else tuple(told)


def _with(struct: Struct, **fields: Any) -> Struct:
    """The same one, unless something is another."""
    if all(value is getattr(struct, name) or value == getattr(struct, name) for name, value in fields.items()):
        return struct
    return msgspec.structs.replace(struct, **fields)
