"""An answer in which the summary of a thought is the thought, where the thought itself is not told."""

from collections.abc import Iterator

import msgspec

from monoize.contract.transforms.reasoning import ReasoningSummaryToRawCot
from monoize.gateway.protocol.urp import Node, Reasoning, ReasoningDelta, StreamEvent
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Delta, Retelling, ToldThought, readable


class Retold(Retelling):
    def __init__(self, config: ReasoningSummaryToRawCot, about: About) -> None:
        super().__init__()
        self._told = ToldThought()

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        self._told = ToldThought()
        yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if not isinstance(delta, ReasoningDelta):
            yield self._more(delta)
        elif text := self._told.hear(delta):
            yield self._thought(text)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if isinstance(node, Reasoning) and node.summary and not node.content:
            node = msgspec.structs.replace(node, content=readable(node), summary=())
        yield self._end(node)
