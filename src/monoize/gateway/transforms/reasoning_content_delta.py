"""An answer whose thoughts are told to callers of chat in one more member, which older clients read."""

from collections.abc import Iterator
from typing import Final

import msgspec

from monoize.contract.transforms.reasoning import ReasoningContentDelta
from monoize.gateway.protocol.chat.thoughts import BESIDE
from monoize.gateway.protocol.urp import Node, Reasoning, StreamEvent
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Retelling

_MEMBER: Final = "reasoning_content"


class Retold(Retelling):
    def __init__(self, config: ReasoningContentDelta, about: About) -> None:
        super().__init__()
        self._is_chat = about.caller == "chat"

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        yield self._begin(self._marked(node))

    def done(self, node: Node) -> Iterator[StreamEvent]:
        yield self._end(self._marked(node))

    def _marked(self, node: Node) -> Node:
        if not isinstance(node, Reasoning) or not self._is_chat:
            return node
        return msgspec.structs.replace(node, extra={**node.extra, BESIDE: _MEMBER})
