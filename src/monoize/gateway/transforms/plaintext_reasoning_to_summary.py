"""An answer in which what was thought in full is its summary, in place of the one that it may have had."""

from collections.abc import Iterator

import msgspec

from monoize.contract.transforms.reasoning import PlaintextReasoningToSummary
from monoize.gateway.protocol.urp import Node, Reasoning, ReasoningDelta, StreamEvent
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Delta, Retelling, ToldThought


class Retold(Retelling):
    def __init__(self, config: PlaintextReasoningToSummary, about: About) -> None:
        super().__init__()
        self._told = ToldThought()

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        self._told = ToldThought()
        yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if not isinstance(delta, ReasoningDelta):
            yield self._more(delta)
        elif text := self._told.hear(delta):
            yield self._more(delta) if self._told.is_summary else self._thought(text, 0)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if isinstance(node, Reasoning) and node.content:
            node = msgspec.structs.replace(node, content=None, summary=(node.content,))
        yield self._end(node)
