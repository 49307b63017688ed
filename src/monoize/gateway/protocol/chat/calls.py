"""Calls of tools as this protocol writes them, whole; their results are messages.

A `function_call` of the time before tools has no id. It gets one that counts, and remembers what it was.
"""

from typing import Final

import msgspec

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat.wire import NOT_WRITABLE
from monoize.gateway.protocol.urp import Json, ToolCall

OLD: Final = "function_call"
"""In `extra` of a call and of a result: that it was written in the old way."""
_SIGNED: Final = "extra_content"
KNOWN: Final = frozenset({"id", "type", "function", "custom", "index", OLD})


def old_id(place: int) -> str:
    return f"call_function_{place}"


def made_id(place: int) -> str:
    """For a call that came without one."""
    return f"call_{place}"


def read_call(call: object, at: str) -> ToolCall:
    if not isinstance(call, dict):
        fields.refuse(at, "an object")
    call_id = fields.given(fields.text(call, "id", at) or None, fields.path(at, "id"))
    extra = fields.rest(call, KNOWN)
    if fields.text(call, "type", at) == "custom":
        at = fields.path(at, "custom")
        custom = fields.given(fields.told_object(call.get("custom")), at)
        return ToolCall(
            call_id=call_id,
            name=_name(custom, at),
            arguments=_arguments(custom, "input", at),
            kind="custom",
            extra=extra,
        )
    signature, extra = signature_of(extra)
    at = fields.path(at, "function")
    function = fields.given(fields.told_object(call.get("function")), at)
    return ToolCall(
        call_id=call_id,
        name=_name(function, at),
        arguments=_arguments(function, "arguments", at),
        encrypted=signature,
        origin="gemini" if signature else None,
        extra=extra,
    )


def read_old_call(call: Json, place: int, at: str) -> ToolCall:
    arguments = _arguments(call, "arguments", at)
    return ToolCall(call_id=old_id(place), name=_name(call, at), arguments=arguments, extra={OLD: True})


def write_call(call: ToolCall, *, own: bool) -> Json:
    """`own` is a call that stood on this wire before, and gets back what nobody else understands."""
    extra = fields.rest(call.extra, KNOWN) if own else {}
    if call.kind == "custom":
        custom = {"name": call.name, "input": call.arguments}
        return {**extra, "id": call.call_id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": arguments_of(call)}
    signed = signed_content(call) if own else {}
    return {**signed, **extra, "id": call.call_id, "type": "function", "function": function}


def arguments_of(call: ToolCall) -> str:
    """Some models call without arguments by saying nothing, which is no JSON."""
    return call.arguments or ("{}" if call.kind == "function" else "")


def signed_content(call: ToolCall) -> Json:
    """Where Google's own endpoint of this protocol puts the signature of a thought."""
    if call.encrypted is None or call.origin != "gemini":
        return {}
    return {_SIGNED: {"google": {"thought_signature": call.encrypted}}}


def signature_of(extra: Json) -> tuple[str | None, Json]:
    """The signature that stands there, and what else does."""
    match extra.get(_SIGNED):
        case {"google": {"thought_signature": str(signature), **others_of_google}, **others} if signature:
            is_alone = not (others_of_google or others)
            return signature, fields.rest(extra, (_SIGNED,)) if is_alone else extra
    return None, extra


def told_arguments(value: object) -> str:
    """Text, or an object from those who do not know better; nothing for what is neither, or nested too deeply."""
    if isinstance(value, dict):
        try:
            return msgspec.json.encode(value).decode()
        except NOT_WRITABLE:
            return ""
    return value if isinstance(value, str) else ""


def _arguments(function: Json, name: str, at: str) -> str:
    if isinstance(function.get(name), dict):
        return told_arguments(function[name])
    return fields.text(function, name, at) or ""


def _name(function: Json, at: str) -> str:
    return fields.given(fields.text(function, "name", at) or None, fields.path(at, "name"))
