"""What both directions of this protocol share: how its fields are spelled, and JSON as text."""

from typing import Any

import msgspec

from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import Json


def spelled(body: Json) -> Json:
    """The fields of one object by their documented names. The service also reads them with underscores."""
    if not any("_" in name for name in body):
        return body
    documented = {name: value for name, value in body.items() if "_" not in name}
    return {_camel(name): value for name, value in body.items() if "_" in name} | documented


def _camel(name: str) -> str:
    first, *others = name.strip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def json_text(value: Any, at: str) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        raise BadRequest(f"{at} is nested too deeply.", param=at) from None


def json_object(text: str) -> Json | None:
    """None for what is no JSON object."""
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_same_json(text: str, value: Json) -> bool:
    """Whether writing the value gives this very text again."""
    try:
        return msgspec.json.encode(value).decode() == text
    except RecursionError:
        return False
