"""An answer as the messages of a socket: each event of its stream is one, and so is an error. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from monoize.base.errors import Refusal
from monoize.gateway.dialects import RESPONSES
from monoize.gateway.protocol.fields import told_object, told_text
from monoize.gateway.protocol.responses.wire import NOT_JSON, json_object
from monoize.gateway.protocol.urp import Json
from monoize.gateway.sse import Frame, FrameReader
from monoize.gateway.websocket.conversation import Answer

_DONE: Final = b"[DONE]"
_COMPLETED: Final = "response.completed"
_ITEM_DONE: Final = "response.output_item.done"
_BAD_GATEWAY: Final = 502
_STATUS_OF_KIND: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "insufficient_quota": 402,
    "permission_error": 403,
    "rate_limit_exceeded": 429,
}
_encoder: Final = msgspec.json.Encoder()


class _Kind(msgspec.Struct):
    type: Any = None


class _Completed(msgspec.Struct):
    response: Answer


class _ItemDone(msgspec.Struct):
    item: msgspec.Raw


_kind: Final = msgspec.json.Decoder(_Kind)
_completed: Final = msgspec.json.Decoder(_Completed)
_item_done: Final = msgspec.json.Decoder(_ItemDone)


class Events:
    """Reads the stream of one answer. `answer` is there once it is complete and not more than `most` bytes."""

    def __init__(self, most: int) -> None:
        self.answer: Answer | None = None
        self._frames = FrameReader()
        self._items: list[msgspec.Raw] = []
        self._left = most

    def feed(self, chunk: bytes) -> list[str]:
        return list(self._told(self._frames.feed(chunk)))

    def end(self) -> list[str]:
        return list(self._told(self._frames.end()))

    def _told(self, frames: Iterable[Frame]) -> Iterator[str]:
        for frame in frames:
            if frame.data is None or frame.data == _DONE:
                continue
            kind = frame.event if frame.event and frame.event != "message" else _kind_of(frame.data)
            if kind == "error":
                yield _with_status(frame.data)
                continue
            try:
                self._learn(kind, frame.data)
            except NOT_JSON:
                # Then nothing can go on from this answer, which its reader may understand all the same.
                self.answer = None
            yield _text(frame.data)

    def _learn(self, kind: str | None, data: bytes) -> None:
        if kind == _ITEM_DONE:
            self._left -= len(data)
            if self._left >= 0:
                self._items.append(_item_done.decode(data).item.copy())
        elif kind == _COMPLETED and self._left >= 0:
            found = _completed.decode(data).response
            # Some leave out at the end what they have told before.
            self.answer = found if found.output else Answer(found.id, self._items)


def error(status: int, body: bytes, headers: Mapping[str, str]) -> str:
    """An answer that is an error. Codex knows by `status` that it is one, and by `headers` when to come back."""
    found = (json_object(body) or {}).get("error")
    if not isinstance(found, dict):
        failed = RESPONSES.read_error(status, body)
        found = RESPONSES.error_body(status, failed.code or "upstream_error", failed.message)["error"]
    return _error(status, found, headers)


def refused(refusal: Refusal, request_id: str) -> str:
    return _error(refusal.status, error_of(refusal, request_id), {"x-request-id": request_id})


def error_of(refusal: Refusal, request_id: str) -> Json:
    code = getattr(refusal, "said_code", None) or refusal.code
    about = {"param": getattr(refusal, "param", None), "request_id": request_id, "hint": refusal.cure}
    told: Json = RESPONSES.error_body(refusal.status, code, refusal.message, **about)["error"]
    return told


def _error(status: int, error: Json, headers: Mapping[str, str]) -> str:
    return _encoder.encode({"type": "error", "status": status, "error": error, "headers": headers}).decode()


def _with_status(data: bytes) -> str:
    """In a stream it has none, since its end says the same; here nothing would end."""
    found = json_object(data)
    if found is None:
        return _text(data)
    kind = told_text((told_object(found.get("error")) or {}).get("type"))
    return _encoder.encode({"status": _STATUS_OF_KIND.get(kind or "", _BAD_GATEWAY), **found}).decode()


def _kind_of(data: bytes) -> str | None:
    try:
        return told_text(_kind.decode(data).type)
    except NOT_JSON:
        return None


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
