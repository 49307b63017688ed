"""Items of this protocol, as they stand in requests and in answers alike, made into nodes.

A message is taken apart: each part of its content is a node, and remembers the item it came from by its id. What
has no node of its own is carried as it is. Wrong types are a `BadRequest` that names the place; whoever reads an
answer turns that into the provider's fault.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.responses import media
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Inline,
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

PICTURE: Final = "image_generation_call"
_ROLES: Final = get_args(Role)
_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
_REASONING: Final = frozenset({"type", "id", "summary", "content", "encrypted_content", "status", "text"})


def nodes_of_items(items: list[Any], at: str) -> list[Node]:
    return [node for place, item in enumerate(items) for node in nodes_of(item, fields.path(at, place))]


def nodes_of(item: object, at: str, role: Role = "user") -> list[Node]:
    """`role` is whose message it is when it does not say so."""
    if isinstance(item, str):
        return [Text(role=role, text=item)]
    if not isinstance(item, dict):
        fields.refuse(at, "an object")
    kind = fields.text(item, "type", at) or _guessed(item, at)
    if kind == "message":
        return _message(item, at, role)
    return [node for node in [_READERS.get(kind, _native)(item, at)] if node]


def _guessed(item: Json, at: str) -> str:
    if "content" in item or "role" in item:
        return "message"
    if "id" in item:
        return "item_reference"
    raise BadRequest(f"{at}.type is missing.", param=f"{at}.type")


def _message(item: Json, at: str, role: Role) -> list[Node]:
    role = _role(item, at) or role
    shared: Json = {"id": _id(item, at), "phase": fields.text(item, "phase", at)}
    content = item.get("content")
    at = fields.path(at, "content")
    if isinstance(content, str):
        return [Text(role=role, text=content, **shared)]
    if content is None:
        return []
    if not isinstance(content, list):
        fields.refuse(at, "a string or a list")
    return [part_of(part, fields.path(at, place), role, **shared) for place, part in enumerate(content)]


def part_of(part: object, at: str, role: Role, *, id: str | None, phase: str | None) -> Node:
    if isinstance(part, str):
        return Text(role=role, text=part, id=id, phase=phase)
    if not isinstance(part, dict):
        fields.refuse(at, "an object")
    known = _known_part(part, at, role, id, phase)
    if known:
        return known
    envelope = {"type": "message", "id": id, "role": role, "phase": phase, "content": [part]}
    body = {name: value for name, value in envelope.items() if value is not None}
    return ProviderItem(origin="responses", role=role, item_type="message", body=body, id=id)


def _known_part(
    part: Json, at: str, role: Role, id: str | None, phase: str | None
) -> Text | Refusal | Image | Audio | File | None:
    match fields.text(part, "type", at):
        case kind if kind in _TEXTS:
            text = fields.text(part, "text", at)
            if kind != "output_text":
                fields.given(text, fields.path(at, "text"))
            return Text(role=role, text=text or "", id=id, phase=phase, extra=_of_text(part))
        case "refusal":
            text = fields.text(part, "refusal", at) or ""
            return Refusal(text=text, id=id, extra=fields.rest(part, ("type", "refusal")))
        case "input_image":
            extra = fields.rest(part, ("type", "image_url", "file_id", "detail"))
            detail = fields.text(part, "detail", at)
            return Image(
                role=role,
                source=media.image_source(part, at),
                # It is what holds when nothing is said.
                detail=None if detail == "auto" else detail,
                id=id,
                extra=extra,
            )
        case "input_audio":
            extra = fields.rest(part, ("type", "input_audio"))
            return Audio(role=role, source=media.sound_of(part, at), id=id, extra=extra)
        case "input_file":
            extra = fields.rest(part, ("type", "file_data", "file_url", "file_id", "filename"))
            filename = fields.text(part, "filename", at)
            return File(role=role, source=media.file_source(part, at), filename=filename, id=id, extra=extra)
    return None


def _of_text(part: Json) -> Json:
    """Lists that are always there and nearly always empty say nothing, nor does what is none of them."""
    extra = fields.rest(part, ("type", "text"))
    return {
        name: value
        for name, value in extra.items()
        if name not in ("annotations", "logprobs") or (isinstance(value, list) and value)
    }


def _reasoning(item: Json, at: str) -> Node | None:
    summary = tuple(_texts(item, "summary", at))
    content = "".join(_texts(item, "content", at)) or fields.text(item, "text", at) or None
    encrypted, id = fields.text(item, "encrypted_content", at) or None, _id(item, at)
    if not (summary or content or encrypted or id):
        return None
    return Reasoning(
        content=content,
        summary=summary,
        encrypted=encrypted,
        origin="responses" if encrypted else None,
        id=id,
        # `status` is refused when it comes back.
        extra=fields.rest(item, _REASONING),
    )


def _texts(item: Json, name: str, at: str) -> list[str]:
    found, at = fields.list_(item, name, at) or [], fields.path(at, name)
    texts = []
    for place, part in enumerate(found):
        if not isinstance(part, dict):
            fields.refuse(fields.path(at, place), "an object")
        texts.append(fields.text(part, "text", fields.path(at, place)) or "")
    return texts


def _function_call(item: Json, at: str) -> Node:
    return _call(item, at, "function", "arguments")


def _custom_call(item: Json, at: str) -> Node:
    return _call(item, at, "custom", "input")


def _call(item: Json, at: str, kind: ToolKind, arguments: str) -> Node:
    return ToolCall(
        call_id=_needed(item, "call_id", at),
        name=_needed(item, "name", at),
        arguments=fields.text(item, arguments, at) or "",
        kind=kind,
        id=_id(item, at),
        extra=_of_ended(item, ("type", "call_id", "name", arguments, "id")),
    )


def _function_result(item: Json, at: str) -> Node:
    # A result without the call that it belongs to is one of a tool that the provider runs.
    return _result(item, at, "function") if item.get("call_id") is not None else _native(item, at)


def _custom_result(item: Json, at: str) -> Node:
    return _result(item, at, "custom")


def _result(item: Json, at: str, kind: ToolKind) -> Node:
    return ToolResult(
        call_id=_needed(item, "call_id", at),
        content=_result_content(item.get("output"), fields.path(at, "output")),
        kind=kind,
        name=fields.text(item, "name", at),
        id=_id(item, at),
        extra=_of_ended(item, ("type", "call_id", "output", "name", "id")),
    )


def _of_ended(item: Json, known: tuple[str, ...]) -> Json:
    """That it was completed goes without saying."""
    return fields.rest(item, (*known, "status") if item.get("status") == "completed" else known)


def _result_content(output: object, at: str) -> tuple[ResultPart, ...]:
    if output is None or isinstance(output, str):
        return (Text(role="user", text=output),) if output else ()
    if not isinstance(output, list):
        fields.refuse(at, "a string or a list")
    return tuple(_result_part(part, fields.path(at, place)) for place, part in enumerate(output))


def _result_part(part: object, at: str) -> ResultPart:
    if not isinstance(part, dict):
        fields.refuse(at, "an object")
    known = _known_part(part, at, "user", None, None)
    if isinstance(known, Text | Image | File):
        return known
    kind = fields.text(part, "type", at) or ""
    return ProviderItem(origin="responses", role="user", item_type=kind, body=part)


def _picture(item: Json, at: str) -> Node:
    """One that was generated is an image to everybody, and remembers the item it was to those who made it."""
    result = item.get("result")
    if not isinstance(result, str) or not result:
        return _native(item, at)
    source = media.source_of(result)
    if not isinstance(source, Inline):
        kind = media.picture_type(fields.text(item, "output_format", at))
        source = Inline(media_type=kind, data=result)
    return Image(role="assistant", source=source, id=_id(item, at), extra=fields.rest(item, ("id", "result")))


def _native(item: Json, at: str) -> Node:
    kind = fields.text(item, "type", at) or "item_reference"
    from_outside = kind.endswith(("_output", "_response"))
    role = _role(item, at, strict=False) or ("user" if from_outside else "assistant")
    return ProviderItem(origin="responses", role=role, item_type=kind, body=item, id=_id(item, at))


def _role(item: Json, at: str, *, strict: bool = True) -> Role | None:
    said = fields.text(item, "role", at) if strict else fields.told_text(item.get("role"))
    role: Role | None = next((role for role in _ROLES if role == said), None)
    if strict and said is not None and role is None:
        fields.refuse(fields.path(at, "role"), f"one of {', '.join(_ROLES)}")
    return role


def _id(item: Json, at: str) -> str | None:
    return fields.text(item, "id", at) or None


def _needed(item: Json, name: str, at: str) -> str:
    return fields.given(fields.text(item, name, at) or None, fields.path(at, name))


_READERS: Final[Mapping[str, Callable[[Json, str], Node | None]]] = {
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "function_call_output": _function_result,
    "custom_tool_call_output": _custom_result,
    PICTURE: _picture,
}
