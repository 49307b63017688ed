"""What there is to know of an answer that passes through as it is: usage, whether it is complete, what went wrong.

Every chunk of this protocol counts its tokens and names its model, so every chunk is read; nothing is made of it.
"""

from typing import Any, Final

import msgspec

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.gemini import parts_in, problems
from monoize.gateway.protocol.gemini.answer_in import UNSPECIFIED
from monoize.gateway.protocol.gemini.stream_in import NOT_SENT
from monoize.gateway.protocol.gemini.usage import merged, read_usage, searches, with_searches
from monoize.gateway.protocol.gemini.wire import json_text, spelled
from monoize.gateway.protocol.urp import Json

_INVALID: Final = urp.Failed(message="The provider sent invalid JSON.", code="upstream_invalid")
_SILENT: Final = urp.Failed(message="The answer says nothing, and not why.", code="upstream_invalid")


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A plain answer, or a stream as far as it was seen. `report` is the raw usage object."""

    usage: urp.Usage | None
    report: Json | None
    is_semantic: bool
    is_complete: bool
    error: urp.Failed | None
    model: str | None
    output_chars: int

    @property
    def service_tier(self) -> str | None:
        return self.usage.service_tier if self.usage else None


class Watcher:
    def __init__(self) -> None:
        self.report: Json | None = None
        self.is_semantic = False
        self.is_complete = False
        self.error: urp.Failed | None = None
        self.model: str | None = None
        self.output_chars = 0
        self._grounding: Any = None

    @property
    def usage(self) -> urp.Usage | None:
        usage = read_usage(self.report) if self.report else None
        return with_searches(usage, searches(self._grounding, self.model or ""))

    @property
    def service_tier(self) -> str | None:
        usage = self.usage
        return usage.service_tier if usage else None

    def see(self, event: str | None, data: bytes) -> None:
        """One event, or one element of an array. `event` is not used in this protocol."""
        if data.strip() in NOT_SENT:
            return
        try:
            value = msgspec.json.decode(data)
        except (ValueError, RecursionError):
            self.error = _INVALID
            return
        for chunk in value if isinstance(value, list) else [value]:
            if isinstance(chunk, dict):
                self._see(spelled(chunk))
            else:
                self.error = _INVALID

    def hears_words(self, event: str | None, data: bytes) -> bool:
        """Each of its events may be the last, and tells what was used."""
        return False

    def seen(self) -> Watched:
        return Watched(
            usage=self.usage,
            report=self.report,
            is_semantic=self.is_semantic,
            is_complete=self.is_complete,
            error=self.error,
            model=self.model,
            output_chars=self.output_chars,
        )

    def _see(self, chunk: Json) -> None:
        error = chunk.get("error")
        if error is not None:
            self.error = problems.failed(error if isinstance(error, dict) else {"message": error})
            return
        report = fields.told_object(chunk.get("usageMetadata"))
        if report is not None:
            self.report = merged(self.report, report)
        self.model = fields.told_text(chunk.get("modelVersion")) or self.model
        for candidate in fields.told_list(chunk.get("candidates")) or []:
            self._see_candidate(spelled(fields.told_object(candidate) or {}))
        feedback = spelled(fields.told_object(chunk.get("promptFeedback")) or {})
        reason = fields.told_text(feedback.get("blockReason"))
        if reason and reason not in UNSPECIFIED and not self.is_semantic:
            self.error = problems.blocked(reason, feedback.get("blockReasonMessage"))
            self.is_complete = True

    def _see_candidate(self, candidate: Json) -> None:
        self._grounding = candidate.get("groundingMetadata") or self._grounding
        content = spelled(fields.told_object(candidate.get("content")) or {})
        for part in fields.told_list(content.get("parts")) or []:
            self._see_part(spelled(fields.told_object(part) or {}))
        reason = candidate.get("finishReason")
        if reason and reason not in UNSPECIFIED:
            self.is_semantic = self.is_complete = True

    def _see_part(self, part: Json) -> None:
        kind = parts_in.data_of(part)
        if kind == "text":
            chars = len(fields.told_text(part["text"]) or "")
            self.output_chars += chars
            self.is_semantic |= chars > 0
        elif kind is not None:
            self.is_semantic = True
            if kind == "functionCall":
                self.output_chars += _chars(part[kind])


def watch_response(body: bytes) -> Watched:
    """A plain answer, or a whole array of chunks."""
    watcher = Watcher()
    watcher.see(None, body)
    if watcher.error is None:
        # What is whole need not say that it is.
        watcher.is_complete |= watcher.is_semantic
        watcher.error = None if watcher.is_complete else _SILENT
    return watcher.seen()


def _chars(call: Any) -> int:
    try:
        return len(json_text(call, ""))
    except BadRequest:
        return 0
