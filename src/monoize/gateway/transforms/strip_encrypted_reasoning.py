"""An answer in which thoughts have only what can be read. Calls keep the signatures that have to come back."""

from collections.abc import Iterator
from typing import Final

import msgspec

from monoize.contract.transforms.reasoning import StripEncryptedReasoning
from monoize.gateway.protocol.chat.thoughts import DETAILS
from monoize.gateway.protocol.urp import Node, Reasoning, StreamEvent
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Retelling

_MARKS: Final = (DETAILS, "type")
"""In `extra` of a thought: that something encrypted belongs to it."""


class Retold(Retelling):
    def __init__(self, config: StripEncryptedReasoning, about: About) -> None:
        super().__init__()

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        yield self._begin(_open(node))

    def done(self, node: Node) -> Iterator[StreamEvent]:
        yield self._end(_open(node))


def _open(node: Node) -> Node:
    if not isinstance(node, Reasoning):
        return node
    extra = {name: value for name, value in node.extra.items() if name not in _MARKS}
    return msgspec.structs.replace(node, encrypted=None, origin=None, extra=extra)
