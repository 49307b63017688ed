"""What there is to know of an answer that passes through as it is: what it used, whether it ended, how it failed.

Most events are only looked at from outside. Of those that tell something, only the members that do are read.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.fields import told_list, told_object, told_text
from monoize.gateway.protocol.responses.answer_in import failure_in
from monoize.gateway.protocol.responses.problems import failure_of, read_error
from monoize.gateway.protocol.responses.usage import read_answer_usage, read_report
from monoize.gateway.protocol.responses.wire import NOT_JSON, json_object
from monoize.gateway.protocol.urp import Failed, Json, Usage

_NUMBER: Final = re.compile(rb'"sequence_number"\s*:\s*(\d{1,15})')
_STARTS: Final = frozenset({"response.created", "response.queued", "response.in_progress"})
_ENDS: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
_SILENT: Final = frozenset({"", "ping", "keepalive", "heartbeat"})
_SEARCH: Final = b"web_search_call"


class _Kind(msgspec.Struct):
    type: Any = None


class _Delta(msgspec.Struct):
    delta: Any = None


class _Head(msgspec.Struct):
    """An answer without what it says."""

    id: Any = None
    model: Any = None
    status: Any = None
    error: Any = None
    usage: Any = None
    service_tier: Any = None
    tool_usage: Any = None


class _Searched(_Head):
    output: Any = None


class _Event(msgspec.Struct):
    response: _Head | None = None


class _SearchedEvent(msgspec.Struct):
    response: _Searched | None = None


_kind: Final = msgspec.json.Decoder(_Kind)
_delta: Final = msgspec.json.Decoder(_Delta)
_event: Final = msgspec.json.Decoder(_Event)
_searched_event: Final = msgspec.json.Decoder(_SearchedEvent)


class Watched(msgspec.Struct, kw_only=True):
    usage: Usage | None = None
    report: Json | None = None
    """The usage object of the wire."""
    is_semantic: bool = False
    is_complete: bool = False
    error: Failed | None = None
    model: str | None = None
    service_tier: str | None = None
    output_chars: int = 0
    response_id: str | None = None
    """By which another request can go on from this answer."""


class Watcher(Watched, kw_only=True):
    """`see` is shown every event, in order."""

    sequence_number: int = 0
    """Of the next event, if it has to be ours."""
    _is_headed: bool = False

    def see(self, event: str | None, data: bytes) -> None:
        kind = event if event and event != "message" else _kind_of(data)
        if kind.endswith(".delta"):
            self.is_semantic = True
            self.output_chars += _length(data)
        elif kind in _STARTS:
            if not self._is_headed:
                self._head(data)
        elif kind in _ENDS:
            self._end(kind, data)
        elif kind == "error" or (not kind and b'"error"' in data):
            self.error = self.error or failure_of(json_object(data) or {}) or _UNTOLD
        elif kind not in _SILENT:
            self.is_semantic = True
        number = _NUMBER.search(data)
        self.sequence_number = int(number[1]) + 1 if number else self.sequence_number + 1

    def hears_words(self, event: str | None, data: bytes) -> bool:
        if event is None or not event.endswith(".delta"):
            return False
        self.see(event, data)
        return True

    def _head(self, data: bytes) -> None:
        response = _response_in(data)
        if response:
            self._is_headed = True
            self._learn(response)

    def _end(self, kind: str, data: bytes) -> None:
        response = _response_in(data)
        if response is None:
            return
        self.is_complete = True
        self._learn(response)
        is_failed = kind == "response.failed" and response.get("status") != "cancelled"
        self.error = self.error or failure_in({**response, "status": "failed"} if is_failed else response)
        self.is_semantic = self.is_semantic or self.error is None

    def _learn(self, response: Json) -> None:
        self.response_id = told_text(response.get("id")) or self.response_id
        self.model = told_text(response.get("model")) or self.model
        self.service_tier = told_text(response.get("service_tier")) or self.service_tier
        self.report = read_report(response) or self.report
        self.usage = read_answer_usage(response) or self.usage


def watch_response(body: bytes) -> Watched:
    """The same of a plain answer. One that is none at all is an error, whatever its status said."""
    answer = json_object(body)
    if answer is None:
        return Watched(error=_invalid(read_error(502, body).message))
    watched = Watched(
        usage=read_answer_usage(answer),
        report=read_report(answer),
        response_id=told_text(answer.get("id")),
        model=told_text(answer.get("model")),
        service_tier=told_text(answer.get("service_tier")),
        error=failure_in(answer),
    )
    output = told_list(answer.get("output"))
    if watched.error is None and output is None:
        watched.error = _invalid("The provider's answer has no output.")
    watched.is_complete = watched.error is None and answer.get("status") not in ("queued", "in_progress")
    watched.is_semantic = watched.is_complete
    watched.output_chars = sum(_said(item) for item in output or ())
    return watched


_UNTOLD: Final = Failed(message="The provider reports an error.")


def _invalid(message: str) -> Failed:
    return Failed(message=message, code="upstream_invalid")


def _kind_of(data: bytes) -> str:
    """Some give their events no name outside of the data."""
    try:
        return told_text(_kind.decode(data).type) or ""
    except NOT_JSON:
        return ""


def _length(data: bytes) -> int:
    try:
        piece = _delta.decode(data).delta
    except NOT_JSON:
        return 0
    return len(piece) if isinstance(piece, str) else 0


def _response_in(data: bytes) -> Json | None:
    """Where what it says is looked at only for searches that nobody has counted."""
    try:
        response: _Head | None = _event.decode(data).response
        if response and not response.tool_usage and _SEARCH in data:
            response = _searched_event.decode(data).response
    except NOT_JSON:
        return None
    return None if response is None else {name: getattr(response, name) for name in response.__struct_fields__}


def _said(item: Any) -> int:
    """Visible characters of one item."""
    found: Mapping[str, Any] = told_object(item) or {}
    own = [found.get("arguments"), found.get("input"), found.get("text")]
    parts = [*(told_list(found.get("content")) or ()), *(told_list(found.get("summary")) or ())]
    texts = [(told_object(part) or {}).get(name) for part in parts for name in ("text", "refusal")]
    return sum(len(text) for text in (*own, *texts) if isinstance(text, str))
