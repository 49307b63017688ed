"""What all parts of this protocol write and read: JSON text, SSE frames, and call arguments, which are both."""

from typing import Any, Final

import msgspec

from monoize.gateway.protocol.urp import Json

NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NOT_WRITABLE: Final = (TypeError, ValueError, RecursionError, msgspec.MsgspecError)
RAW_ARGUMENTS: Final = "_raw"


def decoded(data: bytes | str) -> Any:
    """Raises one of `NOT_JSON`."""
    return msgspec.json.decode(data)


def json_text(value: Any) -> str:
    """Raises one of `NOT_WRITABLE` for what was nested too deeply, or is no Unicode."""
    return msgspec.json.encode(value).decode()


def frame(body: Json) -> bytes:
    """Its `type` is the name of the event."""
    return b"event: %b\ndata: %b\n\n" % (body["type"].encode(), msgspec.json.encode(body))


def input_of(arguments: str) -> Json:
    """What a model wrote for a call. It should be an object; what is not is kept under a name of its own."""
    found = _object(arguments) if arguments.strip() else {}
    return {RAW_ARGUMENTS: arguments} if found is None else found


def object_text(arguments: str) -> str:
    """The same as text, in which an object stays as it was written."""
    if not arguments.strip():
        return "{}"
    return json_text({RAW_ARGUMENTS: arguments}) if _object(arguments) is None else arguments


def _object(text: str) -> Json | None:
    try:
        found = decoded(text)
    except NOT_JSON:
        return None
    return found if isinstance(found, dict) else None
