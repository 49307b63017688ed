"""A provider's answer as it streams: frames in, events out. One `StreamDecoder` for each answer.

A text, a refusal and a thought are open one after the other; calls stay open until the end, because some providers
write several of them at once. The proof of an end is a `finish_reason`: without one, a stream was cut off.
"""

from typing import Final

import msgspec

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat.answer_in import CHOICE
from monoize.gateway.protocol.chat.deltas import DeltaReader
from monoize.gateway.protocol.chat.problems import embedded_failure, failure_of
from monoize.gateway.protocol.chat.usage import merged, read_report, read_usage
from monoize.gateway.protocol.chat.wire import DONE_DATA, FAILURE, finish_of, json_object
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.fields import told_integer, told_list, told_object, told_text
from monoize.gateway.protocol.urp import Done, Failed, Json, Response, Started, StreamEvent, Usage

TRUNCATED: Final = "upstream_truncated"
INVALID: Final = "upstream_invalid"
FAILED: Final = "upstream_error"
_OF_CHUNK: Final = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "error", "obfuscation", "x_groq"}
)
_OF_CHOICE: Final = frozenset({"index", "delta", "message", "finish_reason", "usage", "error", "logprobs"})


class StreamDecoder:
    """`report` is the usage object so far, as the provider writes it."""

    def __init__(self) -> None:
        self.report: Json | None = None
        self._started: Started | None = None
        self._model = ""
        self._finish: str | None = None
        self._is_over = False
        self._reader = DeltaReader()
        self._extra: Json = {}
        self._of_choice: Json = {}
        self._logprobs: Json = {}

    def feed(self, event: str | None, data: bytes) -> list[StreamEvent]:
        if self._is_over or not data.strip():
            return []
        if data.strip() == DONE_DATA:
            return self.end()
        chunk = json_object(data)
        if chunk is None:
            return self._failed(Failed(message="The provider sends what is no JSON.", code=INVALID))
        self._note(chunk)
        failed = failure_of(chunk) if event == "error" else embedded_failure(chunk)
        if failed:
            return self._failed(failed)
        try:
            return [each for choice in _choices(chunk) for each in self._choice(chunk, choice)]
        except BadAnswer as problem:
            return self._failed(Failed(message=str(problem), code=INVALID))

    def end(self) -> list[StreamEvent]:
        """The bytes have ended, or the provider says so."""
        if self._is_over:
            return []
        if self._started is None or self._finish is None:
            return self._failed(Failed(message="The provider's answer was cut off.", code=TRUNCATED))
        try:
            events = self._reader.end()
        except BadAnswer as problem:
            return self._failed(Failed(message=str(problem), code=INVALID))
        self._is_over = True
        response = Response(
            id=self._started.id,
            model=self._model,
            output=self._reader.output,
            finish=finish_of(self._finish, has_calls=self._reader.has_calls),
            usage=self._usage(),
            created_at=self._started.created_at,
            extra=self._response_extra(),
        )
        return [*events, Done(response=response)]

    def _note(self, chunk: Json) -> None:
        """What a chunk tells of the whole answer."""
        report = read_report(chunk)
        if report:
            self.report = merged(self.report, report)
        self._model = told_text(chunk.get("model")) or self._model
        said = fields.rest(chunk, _OF_CHUNK)
        self._extra |= {name: value for name, value in said.items() if value is not None}

    def _choice(self, chunk: Json, choice: Json) -> list[StreamEvent]:
        failed = embedded_failure({"error": choice.get("error")})
        if failed is None and choice.get("finish_reason") == FAILURE:
            failed = Failed(message="The provider reports an error.", code=FAILED)
        if failed:
            return self._failed(failed)
        events: list[StreamEvent] = []
        if self._started is None:
            id, created_at = told_text(chunk.get("id")) or "", told_integer(chunk.get("created"))
            self._started = Started(id=id, model=self._model, created_at=created_at)
            events.append(self._started)
        self._finish = told_text(choice.get("finish_reason")) or self._finish
        self._note_choice(choice)
        events += self._reader.read(told_object(choice.get("delta")) or {})
        snapshot = told_object(choice.get("message"))
        return events + self._reader.complete(snapshot) if snapshot else events

    def _note_choice(self, choice: Json) -> None:
        said = fields.rest(choice, _OF_CHOICE)
        self._of_choice |= {name: value for name, value in said.items() if value is not None}
        for name, tokens in (told_object(choice.get("logprobs")) or {}).items():
            self._logprobs.setdefault(name, []).extend(told_list(tokens) or [])

    def _failed(self, failed: Failed) -> list[StreamEvent]:
        self._is_over = True
        return [msgspec.structs.replace(failed, code=failed.code or FAILED, usage=self._usage())]

    def _usage(self) -> Usage | None:
        usage = read_usage(self.report) if self.report else None
        tier = told_text(self._extra.get("service_tier"))
        return usage if usage is None else msgspec.structs.replace(usage, service_tier=tier)

    def _response_extra(self) -> Json:
        logprobs = {"logprobs": self._logprobs} if any(self._logprobs.values()) else {}
        of_choice = {**self._of_choice, **logprobs}
        return {**self._extra, CHOICE: of_choice} if of_choice else self._extra


def _choices(chunk: Json) -> list[Json]:
    """The only answer there is. Others nobody asked for."""
    choices = told_list(chunk.get("choices")) or []
    return [each for each in choices if isinstance(each, dict) and each.get("index") in (None, 0)]
