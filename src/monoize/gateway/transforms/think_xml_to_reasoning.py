"""What an answer begins with between tags, as what was thought. Tags further on are words like any others: an
answer may be about them.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from monoize.contract.transforms.reasoning import ThinkXmlToReasoning
from monoize.gateway.protocol.urp import Node, Reasoning, StreamEvent, Text, TextDelta
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Delta, Retelling, lacking

_Found = tuple[Literal["thought", "thought over", "answer"], str]


class Retold(Retelling):
    def __init__(self, config: ThinkXmlToReasoning, about: About) -> None:
        super().__init__()
        self._tag = config.tag
        # Only of the text that an answer begins with.
        self._reader: _Reader | None = None
        self._has_answered = False
        self._begun = Text(role="assistant", text="")
        self._heard: list[str] = []
        self._thought_told: list[str] = []
        self._text_told: list[str] = []

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        if isinstance(node, Text) and not self._has_answered:
            self._reader, self._begun = _Reader(self._tag), node
            self._heard, self._text_told = [], []
        else:
            yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if self._reader and isinstance(delta, TextDelta):
            self._heard.append(delta.text)
            yield from self._told(self._reader.read(delta.text))
        else:
            yield self._more(delta)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if self._reader is None or not isinstance(node, Text):
            yield self._end(node)
            return
        yield from self._told(self._reader.read(lacking(node.text, "".join(self._heard))))
        yield from self._told(self._reader.end())
        if self._text_told or not self._reader.has_thought:
            if not self._text_told:
                yield self._begin(self._begun)
            yield self._end(msgspec.structs.replace(node, text="".join(self._text_told)))
            self._has_answered = True
        self._reader = None

    def _told(self, found: Iterator[_Found]) -> Iterator[StreamEvent]:
        for kind, text in found:
            match kind:
                case "thought":
                    if not self._thought_told:
                        yield self._begin(Reasoning())
                    self._thought_told.append(text)
                    yield self._thought(text)
                case "thought over":
                    if self._thought_told:
                        yield self._end(Reasoning(content="".join(self._thought_told)))
                        self._thought_told = []
                case "answer":
                    if not self._text_told:
                        yield self._begin(self._begun)
                    self._text_told.append(text)
                    yield self._text(text)


class _Reader:
    """Takes a text apart while it comes. What may turn out to be part of a tag is held back."""

    def __init__(self, tag: str) -> None:
        self._opening, self._closing = f"<{tag}>", f"</{tag}>"
        self._at: Literal["beginning", "thought", "answer"] = "beginning"
        self._held = ""
        self._is_blank = True
        self.has_thought = False

    def read(self, text: str) -> Iterator[_Found]:
        self._held += text
        while self._held:
            before = self._at, self._held
            match self._at:
                case "beginning":
                    self._look_for_a_tag()
                case "thought":
                    yield from self._think()
                case "answer":
                    yield "answer", self._held
                    self._held = ""
            if before == (self._at, self._held):
                return

    def end(self) -> Iterator[_Found]:
        """An answer may be cut off while it is thought about."""
        held, self._held = self._held, ""
        if self._at == "thought":
            yield from self._thought(held)
            yield "thought over", ""
        elif held and not (self.has_thought and held.isspace()):
            yield "answer", held

    def _look_for_a_tag(self) -> None:
        start = self._held.lstrip()
        if start.startswith(self._opening):
            self._at, self._is_blank, self.has_thought = "thought", True, True
            self._held = start[len(self._opening) :]
        elif not self._opening.startswith(start):
            self._at = "answer"
            self._held = start if self.has_thought else self._held

    def _think(self) -> Iterator[_Found]:
        thought, closing, rest = self._held.partition(self._closing)
        if closing:
            self._held = rest
            yield from self._thought(thought)
            yield "thought over", ""
            self._at = "beginning"
        else:
            self._held = _begun_at_the_end(thought, self._closing)
            yield from self._thought(thought.removesuffix(self._held))

    def _thought(self, text: str) -> Iterator[_Found]:
        """From its first letter on."""
        text = text.lstrip() if self._is_blank else text
        if text:
            self._is_blank = False
            yield "thought", text


def _begun_at_the_end(text: str, tag: str) -> str:
    """As much of the tag as the text ends with."""
    lengths = range(min(len(tag) - 1, len(text)), 0, -1)
    return next((tag[:length] for length in lengths if text.endswith(tag[:length])), "")
