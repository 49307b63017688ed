"""Values of a JSON document changed one by one: it stays JSON, and all else in it as it was written."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

Change = Callable[[str | None, str], str]
"""From the name of the member that a value is of, and the value, to what shall stand there."""

# Of text that is JSON: a text, or a number so long that it may mean something.
_VALUE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|-?[0-9]{7,}+(?![0-9.eE])')
_NAMED: Final = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_decoder: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder()

_OPAQUE_WRITTEN: Final = """
    id type role model status call_id tool_use_id file_id container_id url media_type mime_type mimeType
    signature data encrypted encrypted_content encrypted_index encrypted_stdout thought_signature thoughtSignature
    cache_control b64_json
"""
OPAQUE: Final = frozenset(_OPAQUE_WRITTEN.split())
"""Members that say nothing to a reader, and mean something to a machine."""


def is_json(text: str) -> bool:
    try:
        _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def changed_json(text: str, change: Change) -> str:
    """Of text that is JSON. Names of members are changed as values are."""
    parts: list[str] = []
    end, name = 0, None
    for found in _VALUE.finditer(text):
        written = found[0]
        value = _decoder.decode(written) if written[0] == '"' else written
        told = change(name, value)
        if told != value:
            parts += (text[end : found.start()], _encoder.encode(told).decode())
            end = found.end()
        name = value if _NAMED.match(text, found.end()) else None
    return "".join((*parts, text[end:])) if parts else text


def changed_values(value: Any, change: Change, name: str | None = None) -> Any:
    """Of a document that was read already. What has not changed is the same object."""
    if isinstance(value, str):
        return change(name, value)
    if isinstance(value, Mapping):
        told = {key: each if key in OPAQUE else changed_values(each, change, key) for key, each in value.items()}
        return value if all(told[key] is value[key] for key in value) else told
    if isinstance(value, list | tuple):
        items = [changed_values(each, change, name) for each in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value
