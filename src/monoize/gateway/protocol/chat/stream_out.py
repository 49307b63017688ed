"""An answer as it streams to a caller: events in, frames out. One `StreamEncoder` for each answer.

Texts, refusals and thoughts are one text each for a caller, whatever number of nodes they are, so that nodes of a
kind come one after the other. Calls are counted, and grow side by side.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from monoize.gateway.protocol.chat import calls, media
from monoize.gateway.protocol.chat.answer_in import ANNOTATIONS, CHOICE
from monoize.gateway.protocol.chat.answer_out import SERVICE_TIERS, is_own, written_audio
from monoize.gateway.protocol.chat.lanes import Piece, SpeechLane, ThoughtLane
from monoize.gateway.protocol.chat.messages_in import MESSAGE
from monoize.gateway.protocol.chat.problems import error_event
from monoize.gateway.protocol.chat.usage import write_usage
from monoize.gateway.protocol.chat.wire import DONE_FRAME, frame, native_of
from monoize.gateway.protocol.fields import told_list, told_object
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import (
    Audio,
    Done,
    Failed,
    Image,
    Json,
    Node,
    NodeDone,
    NodeStarted,
    Reasoning,
    ReasoningDelta,
    Refusal,
    Response,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
)

_UPSTREAM: Final = "upstream_error"
_BAD_GATEWAY: Final = 502


class StreamEncoder:
    """`include_usage` is what the caller asked for; `old_calls` is for those who know functions, and no tools."""

    def __init__(
        self, naming: Naming, model: str | None, *, include_usage: bool = False, old_calls: bool = False
    ) -> None:
        self._naming = naming
        self._model = model
        self._include_usage = include_usage
        self._old_calls = old_calls
        self._has_begun = False
        self._is_over = False
        self._kinds: dict[int, Node] = {}
        self._done: set[int] = set()
        self._said = SpeechLane("content")
        self._refused = SpeechLane("refusal")
        self._thought = ThoughtLane()
        self._calls: dict[int, _Call] = {}

    def encode(self, event: StreamEvent) -> bytes:
        if self._is_over:
            return b""
        match event:
            case Started(model=model):
                return self._begin(model)
            case NodeStarted(index=index, node=node):
                return self._written(self._start(index, node))
            case TextDelta(index=index, text=text):
                return self._written(self._piece(index, Piece(text)))
            case ReasoningDelta(index=index, text=text, summary_index=summary_index):
                return self._written(self._piece(index, Piece(text, summary_index)))
            case NodeDone(index=index, node=node):
                return self._written(self._end_node(index, node))
            case Done(response=response):
                return self._end(response)
            case Failed() as failed:
                self._is_over = True
                return error_event(failed.status or _BAD_GATEWAY, failed.code or _UPSTREAM, failed.message)

    def _begin(self, model: str) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        self._model = self._model or model
        return self._chunk({"role": "assistant", "content": ""})

    def _start(self, index: int, node: Node) -> Iterable[Json]:
        self._kinds.setdefault(index, node)
        match node:
            case Text():
                self._said.begin(index, node)
            case Refusal():
                self._refused.begin(index, node)
            case Reasoning():
                self._thought.begin(index, node)
            case ToolCall():
                self._calls[index] = call = _Call(node, len(self._calls), is_old=self._old_calls)
                yield from call.header()

    def _piece(self, index: int, piece: Piece) -> Iterable[Json]:
        match self._kinds.get(index):
            case Text():
                return self._said.piece(index, piece)
            case Refusal():
                return self._refused.piece(index, piece)
            case Reasoning():
                return self._thought.piece(index, piece)
            case ToolCall():
                return self._calls[index].piece(piece.text)
        return ()

    def _end_node(self, index: int, node: Node) -> Iterator[Json]:
        if index in self._done:
            return
        self._done.add(index)
        if index not in self._kinds:
            yield from self._start(index, node)
        match self._kinds[index], node:
            case Text(), Text():
                yield from self._said.done(index, node)
            case Refusal(), Refusal():
                yield from self._refused.done(index, node)
            case Reasoning(), Reasoning():
                yield from self._thought.done(index, node)
            case ToolCall(), ToolCall():
                yield from self._calls[index].rest(node)
            case _, Image() | Audio():
                yield from self._media(index, node)

    def _media(self, index: int, node: Image | Audio) -> Iterator[Json]:
        if isinstance(node, Image):
            image = media.image_part(node)
            if image:
                yield {"images": [image]}
        else:
            audio = written_audio(node, f"audio_{self._naming.node_id(index)}", self._naming.created_at)
            if audio:
                yield {"audio": audio}

    def _end(self, response: Response) -> bytes:
        written = self._begin(response.model)
        for index, node in enumerate(response.output):
            written += self._written(self._end_node(index, node))
        for lane in (self._thought, self._said, self._refused):
            written += self._written(lane.end())
        self._is_over = True
        extra = (
            {name: value for name, value in response.extra.items() if name != MESSAGE} if is_own(response) else {}
        )
        of_choice = dict(told_object(extra.pop(CHOICE, None)) or {})
        logprobs = of_choice.pop("logprobs", None)
        if logprobs:
            written += self._chunk({}, choice={"logprobs": logprobs})
        annotations = _annotations(response) if is_own(response) else []
        if annotations:
            written += self._chunk({ANNOTATIONS: annotations})
        if response.usage and response.usage.service_tier in SERVICE_TIERS:
            extra["service_tier"] = response.usage.service_tier
        reason = native_of(response.finish, has_calls=bool(self._calls), old=self._old_calls or self._is_old())
        written += self._chunk({}, choice={**of_choice, "finish_reason": reason}, beside=extra)
        if self._include_usage and response.usage:
            written += frame({**self._head(), "choices": [], "usage": write_usage(response.usage)})
        return written + DONE_FRAME

    def _is_old(self) -> bool:
        return any(call.is_old for call in self._calls.values())

    def _written(self, deltas: Iterable[Json]) -> bytes:
        return b"".join([self._chunk(delta) for delta in deltas])

    def _chunk(self, delta: Json, *, choice: Json | None = None, beside: Json | None = None) -> bytes:
        usage = {"usage": None} if self._include_usage else {}
        written = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **(choice or {})}
        return frame({**(beside or {}), **self._head(), "choices": [written], **usage})

    def _head(self) -> Json:
        return {
            "id": self._naming.response_id,
            "object": "chat.completion.chunk",
            "created": self._naming.created_at,
            "model": self._model or "",
        }


class _Call:
    """Of those who know functions only the first is told."""

    def __init__(self, begun: ToolCall, place: int, *, is_old: bool) -> None:
        self.is_old = is_old or calls.OLD in begun.extra
        self._begun = begun
        self._place = place
        self._pieces: list[str] = []
        self._is_signed = False

    def header(self) -> Iterator[Json]:
        begun = self._begun
        if self.is_old:
            yield from self._old({"name": begun.name, "arguments": ""})
            return
        signed = calls.signed_content(begun)
        self._is_signed = bool(signed)
        yield self._delta(
            {"name": begun.name, self._member: ""}, {**signed, "id": begun.call_id, "type": begun.kind}
        )

    def piece(self, text: str) -> Iterator[Json]:
        if not text:
            return
        self._pieces.append(text)
        if self.is_old:
            yield from self._old({"arguments": text})
        else:
            yield self._delta({self._member: text})

    def rest(self, call: ToolCall) -> Iterator[Json]:
        whole, told = calls.arguments_of(call), "".join(self._pieces)
        if whole.startswith(told):
            yield from self.piece(whole[len(told) :])
        signed = {} if self._is_signed or self.is_old else calls.signed_content(call)
        if signed:
            yield {"tool_calls": [{"index": self._place, **signed}]}

    @property
    def _member(self) -> str:
        return "input" if self._begun.kind == "custom" else "arguments"

    def _delta(self, function: Json, beside: Json | None = None) -> Json:
        return {"tool_calls": [{"index": self._place, **(beside or {}), self._begun.kind: function}]}

    def _old(self, function: Json) -> Iterator[Json]:
        if self._place == 0:
            yield {calls.OLD: function}


def _annotations(response: Response) -> list[object]:
    found = (node.extra.get(ANNOTATIONS) for node in response.output if isinstance(node, Text))
    return [annotation for annotations in found for annotation in told_list(annotations) or []]
