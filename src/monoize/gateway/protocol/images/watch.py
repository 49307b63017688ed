"""What passes between two who speak of images: how many there are and what they used. They are not decoded."""

from typing import Any, Final

import msgspec

from monoize.gateway.protocol.chat.problems import embedded_failure
from monoize.gateway.protocol.chat.wire import NOT_JSON, json_object
from monoize.gateway.protocol.fields import told_object, told_text
from monoize.gateway.protocol.watched import Watched, invalid

_NULL: Final = b"null"


class _Picture(msgspec.Struct):
    b64_json: msgspec.Raw = msgspec.Raw()
    url: msgspec.Raw = msgspec.Raw()


class _Answer(msgspec.Struct):
    data: list[_Picture]
    usage: Any = None
    quality: Any = None
    size: Any = None


_answer: Final = msgspec.json.Decoder(_Answer)


def watch_response(body: bytes) -> Watched:
    """Its report says what images are priced by: how many, of which kind, and the tokens."""
    try:
        answer = _answer.decode(body)
    except NOT_JSON:
        return _failure(body)
    count = sum(_is_told(picture.b64_json) or _is_told(picture.url) for picture in answer.data)
    if not count:
        return _failure(body)
    report = {
        "images": count,
        "quality": told_text(answer.quality),
        "size": told_text(answer.size),
        "usage": told_object(answer.usage),
    }
    return Watched(report=report, is_semantic=True, is_complete=True)


def _is_told(value: msgspec.Raw) -> bool:
    return memoryview(value).nbytes > len(_NULL)


def _failure(body: bytes) -> Watched:
    failure = embedded_failure(json_object(body) or {})
    return Watched(error=failure) if failure else invalid("The provider's answer has no image.")
