"""An answer without what was thought."""

from collections.abc import Iterator

from monoize.contract.transforms.reasoning import StripReasoning
from monoize.gateway.protocol.urp import Node, Reasoning, ReasoningDelta, StreamEvent
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Delta, Retelling


class Retold(Retelling):
    def __init__(self, config: StripReasoning, about: About) -> None:
        super().__init__()

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        if not isinstance(node, Reasoning):
            yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if not isinstance(delta, ReasoningDelta):
            yield self._more(delta)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if not isinstance(node, Reasoning):
            yield self._end(node)
