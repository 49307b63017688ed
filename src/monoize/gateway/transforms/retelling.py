"""An answer told again, otherwise: what transforms of answers are made of, whether they stream or are whole.

A whole answer is told as the stream that it would be, so that a transform is one thing. Nodes come to it one after
the other, each complete before the next begins, and leave it in the same way; the finished answer has in it what
was told.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from monoize.base import errors
from monoize.gateway.protocol.urp import (
    Done,
    Failed,
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

Delta = TextDelta | ReasoningDelta
_OfNode = NodeStarted | TextDelta | ReasoningDelta | NodeDone

PARAGRAPH: Final = "\n\n"


class Retelling:
    """By itself it tells all as it is. Those who override a method tell it with `_begin`, `_more`, `_end`."""

    def __init__(self) -> None:
        self._output: list[Node] = []

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        match event:
            case NodeStarted(node=node):
                return list(self.begun(node))
            case TextDelta() | ReasoningDelta():
                return list(self.grown(event))
            case NodeDone(node=node):
                return list(self.done(node))
            case Done(response=response):
                return [Done(response=self.response(response))]
            case _:
                return [event]

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        yield self._more(delta)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        yield self._end(node)

    def response(self, response: Response) -> Response:
        return msgspec.structs.replace(response, output=tuple(self._output))

    def _begin(self, node: Node) -> StreamEvent:
        return NodeStarted(index=len(self._output), node=node)

    def _more(self, delta: Delta) -> StreamEvent:
        return msgspec.structs.replace(delta, index=len(self._output))

    def _text(self, text: str) -> StreamEvent:
        return TextDelta(index=len(self._output), text=text)

    def _thought(self, text: str, summary_index: int | None = None) -> StreamEvent:
        return ReasoningDelta(index=len(self._output), text=text, summary_index=summary_index)

    def _end(self, node: Node) -> StreamEvent:
        self._output.append(node)
        return NodeDone(index=len(self._output) - 1, node=node)


class Teller(Protocol):
    """What hears an answer event by event, and tells it."""

    def feed(self, event: StreamEvent) -> list[StreamEvent]: ...


class InTurn:
    """What is said of a node waits until those before it are complete."""

    def __init__(self) -> None:
        self._current = 0
        self._waiting: dict[int, list[_OfNode]] = {}

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        if isinstance(event, Started | Done | Failed):
            return [event]
        if event.index > self._current:
            self._waiting.setdefault(event.index, []).append(event)
            return []
        told: list[StreamEvent] = [event]
        if isinstance(event, NodeDone):
            self._current += 1
            while waiting := self._waiting.pop(self._current, None):
                told += waiting
                self._current += isinstance(waiting[-1], NodeDone)
        return told


class Chain:
    """An answer as it is heard, through all of them in their order. One of them may refuse that it goes on: then
    that is told as its end.
    """

    def __init__(self, retellings: Sequence[Teller]) -> None:
        self._all: Sequence[Teller] = (InTurn(), *retellings)
        self.refusal: errors.Refusal | None = None

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        if self.refusal is not None:
            return []
        told: list[StreamEvent] = []
        try:
            told.extend(self._through(event, 0))
        except errors.Refusal as refusal:
            self.refusal = refusal
            told.append(failure_of(refusal))
        return told

    def _through(self, event: StreamEvent, place: int) -> Iterator[StreamEvent]:
        """One event after the other, so that what came before a refusal is told."""
        if place == len(self._all):
            yield event
            return
        for told in self._all[place].feed(event):
            yield from self._through(told, place + 1)


def failure_of(refusal: errors.Refusal) -> Failed:
    return Failed(message=refusal.message, code=refusal.code, status=refusal.status)


def told_again(response: Response, retellings: Sequence[Teller]) -> Response:
    """A whole answer. Raises the refusal where one of them refuses it."""
    chain = Chain(retellings)
    for event in events_of(response):
        for told in chain.feed(event):
            if isinstance(told, Done):
                return told.response
        if chain.refusal is not None:
            raise chain.refusal
    raise AssertionError("an answer that is done stays done")


def events_of(response: Response) -> Iterable[StreamEvent]:
    """A whole answer as a stream of whole nodes."""
    created_at, usage = response.created_at, response.usage
    yield Started(id=response.id, model=response.model, created_at=created_at, usage=usage)
    for index, node in enumerate(response.output):
        yield NodeStarted(index=index, node=emptied(node))
        yield NodeDone(index=index, node=node)
    yield Done(response=response)


def calls_in(events: Iterable[StreamEvent]) -> list[str]:
    """The tools that are called, by their names."""
    done = (event.node for event in events if isinstance(event, NodeDone))
    return [node.name for node in done if isinstance(node, ToolCall)]


def emptied(node: Node) -> Node:
    """The node as it begins."""
    match node:
        case Text() | Refusal():
            return msgspec.structs.replace(node, text="")
        case ToolCall():
            return msgspec.structs.replace(node, arguments="")
        case Reasoning():
            return msgspec.structs.replace(node, content=None, summary=(), encrypted=None)
        case _:
            return node


def readable(thought: Reasoning) -> str:
    return thought.content or PARAGRAPH.join(thought.summary)


class ToldThought:
    """The text of a thought while it comes: its content or its summary, whichever is told first."""

    def __init__(self) -> None:
        self.is_summary: bool | None = None
        self._place: int | None = None
        self._told: list[str] = []

    @property
    def has_begun(self) -> bool:
        return bool(self._told)

    def hear(self, delta: ReasoningDelta) -> str:
        """What is to be told of it now."""
        is_summary = delta.summary_index is not None
        if self.is_summary is None:
            self.is_summary = is_summary
        if self.is_summary != is_summary or not delta.text:
            return ""
        is_next = self.has_begun and delta.summary_index != self._place
        self._place = delta.summary_index
        text = PARAGRAPH + delta.text if is_next else delta.text
        self._told.append(text)
        return text

    def rest(self, thought: Reasoning) -> str:
        """What is still to be told of it when it is complete, unless something else was told before."""
        told = "".join(self._told)
        whole = PARAGRAPH.join(thought.summary) if self.is_summary else readable(thought)
        self._told = [told, lacking(whole, told)]
        return self._told[1]

    def whole(self) -> str:
        return "".join(self._told)


def lacking(whole: str, told: str) -> str:
    return whole[len(told) :] if whole.startswith(told) else ""
