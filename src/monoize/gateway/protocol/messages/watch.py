"""What passes between two who speak this protocol, read on its way by: its bytes go on as they are.

Each frame of a stream is read for what it alone can tell, and no further.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.messages import wire
from monoize.gateway.protocol.messages.problems import error_in
from monoize.gateway.protocol.messages.stream_in import INVALID
from monoize.gateway.protocol.messages.usage import merged, read_report, read_usage
from monoize.gateway.protocol.urp import Failed, Json, Usage

_DONE: Final = b"[DONE]"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """`report` is the usage object of the wire. `is_semantic` is whether there was anything of an answer."""

    usage: Usage | None = None
    report: Json | None = None
    is_semantic: bool = False
    is_complete: bool = False
    error: Failed | None = None
    model: str | None = None
    service_tier: str | None = None
    output_chars: int = 0


class _Delta(msgspec.Struct):
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class _DeltaFrame(msgspec.Struct):
    delta: _Delta


class _Kind(msgspec.Struct):
    type: str = ""


class Watcher:
    def __init__(self) -> None:
        self.report: Json | None = None
        self.is_semantic = False
        """Something of the answer was seen. That one has been begun, and pings, do not count."""
        self.is_complete = False
        self.error: Failed | None = None
        self.model: str | None = None
        self.output_chars = 0

    @property
    def usage(self) -> Usage | None:
        return read_usage(self.report or {})

    @property
    def service_tier(self) -> str | None:
        return fields.told_text((self.report or {}).get("service_tier"))

    def see(self, event: str | None, data: bytes) -> None:
        if event is None or event not in _SEEN:
            event = self._kind(data)
        if see := _SEEN.get(event):
            try:
                see(self, data)
            except wire.NOT_JSON:
                # Whoever receives it will find out as well; it proves nothing.
                return

    def hears_words(self, event: str | None, data: bytes) -> bool:
        if event != "content_block_delta":
            return False
        self.see(event, data)
        return True

    def _kind(self, data: bytes) -> str:
        """Some give their events no name."""
        if data.strip() == _DONE:
            self.is_complete = True
            return ""
        try:
            return msgspec.json.decode(data, type=_Kind).type or ("error" if b'"error"' in data else "")
        except wire.NOT_JSON:
            return ""

    def _start(self, data: bytes) -> None:
        message = fields.told_object(_object(data).get("message")) or {}
        self.model = fields.told_text(message.get("model")) or self.model
        self.report = merged(self.report, message.get("usage"))

    def _block(self, data: bytes) -> None:
        self.is_semantic = True

    def _more(self, data: bytes) -> None:
        self.is_semantic = True
        delta = msgspec.json.decode(data, type=_DeltaFrame).delta
        self.output_chars += len(delta.text) + len(delta.thinking) + len(delta.partial_json)

    def _last(self, data: bytes) -> None:
        frame = _object(data)
        self.report = merged(self.report, frame.get("usage"))
        if (fields.told_object(frame.get("delta")) or {}).get("stop_reason") is not None:
            self.is_semantic = self.is_complete = True

    def _stop(self, data: bytes) -> None:
        self.is_semantic = self.is_complete = True

    def _error(self, data: bytes) -> None:
        try:
            found = _object(data)
        except wire.NOT_JSON:
            found = {}
        self.error = self.error or error_in(found)


_SEEN: Final[Mapping[str, Callable[[Watcher, bytes], None]]] = {
    "message_start": Watcher._start,
    "content_block_start": Watcher._block,
    "content_block_delta": Watcher._more,
    "message_delta": Watcher._last,
    "message_stop": Watcher._stop,
    "error": Watcher._error,
}


def watch_response(body: bytes) -> Watched:
    """The same facts of a plain answer."""
    try:
        found = wire.decoded(body)
    except wire.NOT_JSON:
        return Watched(error=Failed(message="The provider's answer is no JSON.", code=INVALID))
    answer = fields.told_object(found) or {}
    report = read_report(answer)
    content = fields.told_list(answer.get("content"))
    error = None
    if answer.get("type") == "error" or answer.get("error"):
        error = error_in(answer)
    elif content is None:
        error = Failed(message="The provider's answer has no content.", code=INVALID)
    return Watched(
        usage=read_usage(report or {}),
        report=report,
        is_semantic=error is None,
        is_complete=error is None,
        error=error,
        model=fields.told_text(answer.get("model")),
        service_tier=fields.told_text((report or {}).get("service_tier")),
        output_chars=_chars_of(content or ()),
    )


def _chars_of(content: Iterable[Any]) -> int:
    blocks = [block for block in content if isinstance(block, dict)]
    texts = (block.get(name) for block in blocks for name in ("text", "thinking"))
    inputs = (block["input"] for block in blocks if block.get("input"))
    return sum(len(text) for text in texts if isinstance(text, str)) + sum(map(_input_chars, inputs))


def _input_chars(value: Any) -> int:
    try:
        return len(wire.json_text(value))
    except wire.NOT_WRITABLE:
        return 0


def _object(data: bytes) -> Json:
    return fields.told_object(wire.decoded(data)) or {}
