"""A request body as JSON that everybody reads alike, and edits that leave all other bytes as they are.

What has two readings is refused: a member that stands twice means one thing to us and may mean another to whoever
gets the bytes from us.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.errors import MalformedRequest
from monoize.gateway.protocol.urp import Json

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SPACED_NAME: Final = re.compile(rb'"[ \t\r\n]+:')
_encoder: Final = msgspec.json.Encoder()
_fast_decoder: Final = msgspec.json.Decoder()


def read_object(body: bytes) -> Json:
    found = _read_fast(body)
    if found is not None:
        return found
    try:
        found = _decoder.decode(body.decode())
    except (ValueError, RecursionError) as problem:
        raise MalformedRequest(
            f"The body is not one JSON document: {_reason(problem)}.", code="invalid_json"
        ) from None
    if not isinstance(found, dict):
        raise MalformedRequest("The body is not a JSON object.", code="invalid_json")
    return found


def edited(body: bytes, members: Mapping[str, Any]) -> bytes:
    """`body`, one JSON object that `read_object` has taken, with these members in place of what they were."""
    if not members:
        return body
    text = body.decode()
    places, end = _places(text)
    parts: list[str] = []
    done = 0
    replaced = sorted((places[name], value) for name, value in members.items() if name in places)
    for (begin, after), value in replaced:
        parts += text[done:begin], _text(value)
        done = after
    added = [f"{_text(name)}:{_text(value)}" for name, value in members.items() if name not in places]
    separator = "," if places and added else ""
    parts += text[done:end], separator, ",".join(added), text[end:]
    return "".join(parts).encode()


def without(body: bytes, name: str) -> bytes:
    """`body`, one JSON object that `read_object` has taken, without this member of it."""
    text = body.decode()
    places, _ = _places(text)
    begin, end = places[name]
    before = [after for _, after in places.values() if after <= begin]
    if before:
        return (text[: max(before)] + text[end:]).encode()
    end = _skip(text, end)
    return (text[: text.index("{") + 1] + text[end + (text[end] == ",") :]).encode()


def _read_fast(body: bytes) -> Json | None:
    """None: it has to be read with care, to find what is wrong with it or that nothing is.

    A member stands twice exactly if there are more names than members. In JSON a quote before a colon ends a name,
    unless it is escaped, and then it is within a text; where spaces or backslashes blur that, it is not counted.
    """
    has_escapes = b"\\" in body
    if (has_escapes and b'\\\\":' in body) or _SPACED_NAME.search(body):
        return None
    try:
        found = _fast_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    names = body.count(b'":') - (body.count(b'\\":') if has_escapes else 0)
    return found if isinstance(found, dict) and names == _members(found) else None


def _members(value: Json) -> int:
    members = 0
    waiting: list[Any] = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            members += len(value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return members


def _places(text: str) -> tuple[dict[str, tuple[int, int]], int]:
    """Where the value of each member stands, and after the last of them."""
    places: dict[str, tuple[int, int]] = {}
    at = _skip(text, _skip(text, 0) + 1)
    end = at
    while text[at] != "}":
        name, at = _decoder.raw_decode(text, at)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = _decoder.raw_decode(text, begin)
        places[name] = begin, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return places, end


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _text(value: Any) -> str:
    return _encoder.encode(value).decode()


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member stands twice in one object")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")


def _reason(problem: Exception) -> str:
    return "it is nested too deeply" if isinstance(problem, RecursionError) else str(problem).rstrip(".")


_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)
