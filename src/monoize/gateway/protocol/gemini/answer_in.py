"""What the provider answered, all of it at once or chunk by chunk: `Answer` is both."""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.errors import BadAnswer, BadRequest
from monoize.gateway.protocol.gemini import parts_in, problems
from monoize.gateway.protocol.gemini.assembly import Assembly
from monoize.gateway.protocol.gemini.usage import merged, read_usage, searches, with_searches
from monoize.gateway.protocol.gemini.wire import spelled
from monoize.gateway.protocol.urp import Json

UNSPECIFIED: Final = ("FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED")
_REASONS: Final[Mapping[str, urp.FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
}
_KNOWN: Final = ("candidates", "usageMetadata", "modelVersion", "responseId")
_CANDIDATE_KNOWN: Final = ("content", "finishReason", "index")
CANDIDATE: Final = "candidate"
"""Under this name a response keeps what its candidate had and we have no home for."""


def decode_response(body: Json) -> urp.Response:
    answer = Answer()
    answer.read(body)
    if answer.failed is not None:
        raise BadAnswer(answer.failed.message)
    answer.close()
    response = answer.response
    if not response.output and answer.finish_reason is None:
        raise BadAnswer("The answer says nothing, and not why.")
    return response


class Answer:
    """Chunks are read one after the other; a plain answer is one chunk. Raises BadAnswer for what is no chunk."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.report: Json | None = None
        """The raw usage object, as merged so far."""
        self.failed: urp.Failed | None = None
        self.finish_reason: str | None = None
        self._assembly = Assembly()
        self._extra: Json = {}
        self._candidate_extra: Json = {}

    @property
    def usage(self) -> urp.Usage | None:
        usage = read_usage(self.report) if self.report else None
        return with_searches(usage, searches(self._candidate_extra.get("groundingMetadata"), self.model))

    @property
    def response(self) -> urp.Response:
        """What there is of it; complete once it was closed."""
        kept = {CANDIDATE: self._candidate_extra} if self._candidate_extra else {}
        return urp.Response(
            id=self.id,
            model=self.model,
            output=tuple(self._assembly.output),
            finish=self._finish(),
            usage=self.usage,
            extra={**self._extra, **kept},
        )

    def read(self, chunk: Any) -> list[urp.StreamEvent]:
        """The events of its nodes. Afterwards `failed` says whether the answer ended with it."""
        if not isinstance(chunk, dict):
            raise BadAnswer("The answer is not an object.")
        chunk = spelled(chunk)
        error = chunk.get("error")
        if error is not None:
            self.failed = problems.failed(error if isinstance(error, dict) else {"message": error})
            return []
        self._read_facts(chunk)
        candidate = _first(chunk.get("candidates"))
        if candidate is None:
            self._read_feedback(chunk.get("promptFeedback"))
            return []
        try:
            return self._read_candidate(candidate)
        except BadRequest as problem:
            raise BadAnswer(problem.message) from None

    def close(self) -> list[urp.StreamEvent]:
        return self._assembly.close()

    def _read_facts(self, chunk: Json) -> None:
        self.id = fields.told_text(chunk.get("responseId")) or self.id
        self.model = fields.told_text(chunk.get("modelVersion")) or self.model
        self._assembly.answer_id = self.id
        report = fields.told_object(chunk.get("usageMetadata"))
        if report is not None:
            self.report = merged(self.report, report)
        self._extra |= fields.rest(chunk, _KNOWN)

    def _read_feedback(self, feedback: Any) -> None:
        told = spelled(fields.told_object(feedback) or {})
        reason = fields.told_text(told.get("blockReason"))
        if reason and reason not in UNSPECIFIED:
            self.failed = problems.blocked(reason, told.get("blockReasonMessage"))

    def _read_candidate(self, candidate: Json) -> list[urp.StreamEvent]:
        at = "candidates[0]"
        content = fields.object_(candidate, "content", at)
        reason = fields.text(candidate, "finishReason", at)
        self._candidate_extra |= fields.rest(candidate, _CANDIDATE_KNOWN)
        events: list[urp.StreamEvent] = []
        for part, where in parts_in.parts_of(content or {}, f"{at}.content"):
            events += self._assembly.add(part, where)
        if reason and reason not in UNSPECIFIED:
            self.finish_reason = reason
        return events

    def _finish(self) -> urp.Finish:
        native = self.finish_reason
        reason = _REASONS.get(native or "STOP", "other")
        if reason == "stop" and self._assembly.has_calls:
            reason = "tool_calls"
        return urp.Finish(reason=reason, native=native, origin="gemini")


def _first(candidates: Any) -> Json | None:
    """The candidate that is answered with: more than one is never asked for."""
    if candidates is None:
        return None
    if not isinstance(candidates, list):
        raise BadAnswer("The candidates are not a list.")
    for candidate in candidates:
        if not isinstance(candidate, dict):
            raise BadAnswer("A candidate is not an object.")
        candidate = spelled(candidate)
        if not candidate.get("index"):
            return candidate
    return None
