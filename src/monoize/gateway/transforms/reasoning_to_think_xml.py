"""What was thought, as text between tags. What cannot be read stays what it is."""

from collections.abc import Iterator

from monoize.contract.transforms.reasoning import ReasoningToThinkXml
from monoize.gateway.protocol.urp import Node, Reasoning, ReasoningDelta, StreamEvent, Text
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Delta, Retelling, ToldThought


class Retold(Retelling):
    def __init__(self, config: ReasoningToThinkXml, about: About) -> None:
        super().__init__()
        self._tag = config.tag
        self._held: Node | None = None
        self._told_thought = ToldThought()

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        if isinstance(node, Reasoning):
            # Whether there is anything to read is seen later.
            self._held, self._told_thought = node, ToldThought()
        else:
            yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if isinstance(delta, ReasoningDelta):
            yield from self._told(self._told_thought.hear(delta))
        else:
            yield self._more(delta)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if isinstance(node, Reasoning):
            yield from self._told(self._told_thought.rest(node))
            yield from self._closed(node)
        else:
            yield self._end(node)

    def _told(self, text: str) -> Iterator[StreamEvent]:
        if not text:
            return
        if self._held is not None:
            self._held = None
            yield self._begin(Text(role="assistant", text=""))
            yield self._text(f"<{self._tag}>")
        yield self._text(text)

    def _closed(self, node: Reasoning) -> Iterator[StreamEvent]:
        if self._held is not None:
            yield self._begin(self._held)
            yield self._end(node)
            self._held = None
        else:
            yield self._text(f"</{self._tag}>")
            yield self._end(Text(role="assistant", text=f"<{self._tag}>{self._told_thought.whole()}</{self._tag}>"))
