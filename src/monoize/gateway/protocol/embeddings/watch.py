"""What passes between two who speak of embeddings. The vectors themselves are not read."""

from typing import Any, Final

import msgspec

from monoize.gateway.protocol.chat.problems import embedded_failure
from monoize.gateway.protocol.chat.wire import NOT_JSON, json_object
from monoize.gateway.protocol.fields import told_integer, told_object, told_text
from monoize.gateway.protocol.urp import Json
from monoize.gateway.protocol.watched import Watched, invalid

_COUNTS: Final = ("prompt_tokens", "input_tokens", "total_tokens")


class _Vector(msgspec.Struct):
    # Not to be left out: what has none is no vector.
    embedding: msgspec.Raw


class _Answer(msgspec.Struct):
    data: list[_Vector]
    model: Any = None
    usage: Any = None


_answer: Final = msgspec.json.Decoder(_Answer)


def watch_response(body: bytes) -> Watched:
    try:
        answer = _answer.decode(body)
    except NOT_JSON:
        return _failure(body)
    if not answer.data:
        return _failure(body)
    report = _report(told_object(answer.usage) or {})
    return Watched(report=report, is_semantic=True, is_complete=True, model=told_text(answer.model))


def _report(usage: Json) -> Json | None:
    """By the name that OpenAI has for it; some only tell the total, which here is the same."""
    counts = (told_integer(usage.get(name)) for name in _COUNTS)
    count = next((count for count in counts if count is not None), None)
    return None if count is None else {"prompt_tokens": count}


def _failure(body: bytes) -> Watched:
    failure = embedded_failure(json_object(body) or {})
    return Watched(error=failure) if failure else invalid("The provider's answer has no embeddings.")
