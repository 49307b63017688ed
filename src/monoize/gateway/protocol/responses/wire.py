"""JSON as bytes, and the frames of a stream. Numbers keep their value, whole ones at any size."""

from typing import Any, Final

import msgspec

from monoize.gateway.protocol.urp import Json

NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def json_object(data: bytes) -> Json | None:
    """None for what is no JSON object."""
    try:
        found = msgspec.json.decode(data)
    except NOT_JSON:
        return None
    return found if isinstance(found, dict) else None


def frame(kind: str, sequence_number: int, members: dict[str, Any]) -> bytes:
    """An event, which is named twice: before its data and in them."""
    data = msgspec.json.encode({"type": kind, "sequence_number": sequence_number, **members})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
