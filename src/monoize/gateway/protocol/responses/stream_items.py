"""The items of a stream while they are being told: what has been heard of each, and the events that follow from it.

A message has a node for each part of its content, every other item has one node. What is told in full later on
replaces what was pieced together; only nothing never replaces something.
"""

from typing import Final

import msgspec

from monoize.gateway.protocol.fields import told_text
from monoize.gateway.protocol.responses.answer_in import answered
from monoize.gateway.protocol.responses.items_in import PICTURE
from monoize.gateway.protocol.responses.items_out import INPUT_OF
from monoize.gateway.protocol.urp import (
    Json,
    Node,
    NodeDone,
    NodeStarted,
    ProviderItem,
    Reasoning,
    ReasoningDelta,
    Refusal,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolKind,
)

CALLS: Final[dict[str, ToolKind]] = {"function_call": "function", "custom_tool_call": "custom"}


class Nodes:
    """All nodes of a stream, counted in the order in which they begin, and the events about them."""

    def __init__(self) -> None:
        self.done: list[Node | None] = []
        self.events: list[StreamEvent] = []

    def begin(self, node: Node) -> int:
        self.done.append(None)
        index = len(self.done) - 1
        self.events.append(NodeStarted(index=index, node=node))
        return index

    def end(self, index: int, node: Node) -> None:
        self.done[index] = node
        self.events.append(NodeDone(index=index, node=node))


class Words:
    """A node whose text comes in pieces, perhaps before it is known whose they are."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._index: int | None = None
        self._pieces: list[str] = []
        self._full: str | None = None
        self.is_done = False

    @property
    def is_begun(self) -> bool:
        return self._index is not None

    @property
    def text(self) -> str:
        return self._full or "".join(self._pieces)

    def begin(self, node: Node) -> None:
        self._index = self._nodes.begin(node)
        self._say("".join(self._pieces))

    def add(self, piece: str) -> None:
        if not self.is_done:
            self._pieces.append(piece)
            self._say(piece)

    def settle(self, full: str | None) -> None:
        self._full = full or self._full

    def end(self, node: Node, text: str) -> None:
        """What the pieces lack at their end is one more piece."""
        if self._index is None:
            self.begin(node)
        assert self._index is not None
        said = "".join(self._pieces)
        if text.startswith(said):
            self._say(text[len(said) :])
        self.is_done = True
        self._nodes.end(self._index, node)

    def _say(self, piece: str) -> None:
        if piece and self._index is not None:
            self._nodes.events.append(TextDelta(index=self._index, text=piece))


class Item:
    """`snapshot` is the item as it was last told."""

    def __init__(self, nodes: Nodes, snapshot: Json) -> None:
        self.nodes = nodes
        self.snapshot = snapshot
        self.kind = told_text(snapshot.get("type")) or "message"
        self.id = told_text(snapshot.get("id"))
        self.call_id = told_text(snapshot.get("call_id"))
        self.is_done = False

    def done(self, item: Json) -> None:
        """`item` is told in full."""
        self.is_done = True
        self.snapshot = {**self.snapshot, **{name: value for name, value in item.items() if value is not None}}
        self.finish()

    def close(self) -> None:
        """No more will be told of it."""
        self.is_done = True
        self.finish()

    def finish(self) -> None:
        raise NotImplementedError


class Message(Item):
    def __init__(self, nodes: Nodes, snapshot: Json) -> None:
        super().__init__(nodes, snapshot)
        self._parts: dict[int, Words] = {}
        self._refusals: set[int] = set()
        # What comes after that is of no message, and is not heard.
        self._is_finished = False

    def part(self, place: int, *, is_refusal: bool) -> Words:
        if place not in self._parts:
            self._parts[place] = Words(self.nodes)
            self._refusals.update([place] * is_refusal)
            if self._is_finished:
                self._parts[place].is_done = True
            else:
                self._parts[place].begin(self._of(place, ""))
        return self._parts[place]

    def part_done(self, place: int, part: Json) -> None:
        [node] = answered({**self._envelope(), "content": [part]}, "part")
        self._end(place, node)

    def finish(self) -> None:
        for place, node in enumerate(answered({**self._envelope(), **self.snapshot}, "item")):
            self._end(place, node)
        for place, words in self._parts.items():
            if not words.is_done:
                words.end(self._of(place, words.text), words.text)
        self._is_finished = True

    def _end(self, place: int, node: Node) -> None:
        if not isinstance(node, Text | Refusal):
            if place not in self._parts and not self._is_finished:
                self._parts[place] = Words(self.nodes)
                self._parts[place].end(node, "")
            return
        words = self.part(place, is_refusal=isinstance(node, Refusal))
        if words.is_done:
            return
        text = node.text or words.text
        if isinstance(node, Refusal) == (place in self._refusals):
            words.end(msgspec.structs.replace(node, text=text), text)

    def _of(self, place: int, text: str) -> Text | Refusal:
        if place in self._refusals:
            return Refusal(text=text, id=self.id)
        return Text(role="assistant", text=text, id=self.id, phase=told_text(self.snapshot.get("phase")))

    def _envelope(self) -> Json:
        return {"type": "message", "role": "assistant", "id": self.id, "phase": self.snapshot.get("phase")}


class Call(Item):
    def __init__(self, nodes: Nodes, snapshot: Json) -> None:
        super().__init__(nodes, snapshot)
        self._tool_kind = CALLS[self.kind]
        self.words = Words(nodes)
        name = told_text(snapshot.get("name"))
        if self.call_id and name:
            self.words.begin(
                ToolCall(call_id=self.call_id, name=name, arguments="", kind=self._tool_kind, id=self.id)
            )

    def finish(self) -> None:
        name = INPUT_OF[self._tool_kind]
        full = self.snapshot.get(name) or self.words.text
        [node] = answered({**self.snapshot, name: full}, "item")
        assert isinstance(node, ToolCall)
        self.words.end(node, node.arguments)


class _Parts:
    """Texts by their places on the wire, counted in the order in which they began."""

    def __init__(self) -> None:
        self._counted: dict[int, int] = {}
        self._texts: list[list[str]] = []

    def count(self, place: int) -> int:
        counted = self._counted.setdefault(place, len(self._texts))
        if counted == len(self._texts):
            self._texts.append([])
        return counted

    def add(self, place: int, piece: str) -> int:
        counted = self.count(place)
        self._texts[counted].append(piece)
        return counted

    def settle(self, place: int, full: str) -> None:
        self._texts[self.count(place)] = [full]

    def texts(self) -> tuple[str, ...]:
        return tuple("".join(pieces) for pieces in self._texts)


class Thought(Item):
    def __init__(self, nodes: Nodes, snapshot: Json) -> None:
        super().__init__(nodes, snapshot)
        self._index = nodes.begin(Reasoning(id=self.id))
        self._content = _Parts()
        self._summary = _Parts()

    def add(self, place: int, piece: str, *, to_summary: bool) -> None:
        if self.is_done or not piece:
            return
        counted = self._of(to_summary).add(place, piece)
        told = ReasoningDelta(index=self._index, text=piece, summary_index=counted if to_summary else None)
        self.nodes.events.append(told)

    def settle(self, place: int, full: str | None, *, to_summary: bool) -> None:
        if full:
            self._of(to_summary).settle(place, full)

    def finish(self) -> None:
        told = answered(self.snapshot, "item")
        node = told[0] if told and isinstance(told[0], Reasoning) else Reasoning(id=self.id)
        content = node.content or "".join(self._content.texts()) or None
        summary = node.summary if any(node.summary) else self._summary.texts() or node.summary
        self.nodes.end(self._index, msgspec.structs.replace(node, content=content, summary=summary))

    def _of(self, to_summary: bool) -> _Parts:
        return self._summary if to_summary else self._content


class Whole(Item):
    """What has no pieces that we know of."""

    def __init__(self, nodes: Nodes, snapshot: Json) -> None:
        super().__init__(nodes, snapshot)
        self._index: int | None = None
        if self.kind != PICTURE:
            [begun] = answered(snapshot, "item")
            self._index = nodes.begin(begun) if isinstance(begun, ProviderItem) else None

    def finish(self) -> None:
        [node] = answered(self.snapshot, "item")
        if self._index is None:
            self._index = self.nodes.begin(node)
        elif not isinstance(node, ProviderItem):
            # It began as something that only this protocol knows, and so it stays.
            node = ProviderItem(
                origin="responses", role="assistant", item_type=self.kind, body=self.snapshot, id=self.id
            )
        self.nodes.end(self._index, node)


def item_of(nodes: Nodes, snapshot: Json) -> Item:
    kind = told_text(snapshot.get("type")) or "message"
    if kind == "message":
        return Message(nodes, snapshot)
    if kind == "reasoning":
        return Thought(nodes, snapshot)
    return Call(nodes, snapshot) if kind in CALLS else Whole(nodes, snapshot)
