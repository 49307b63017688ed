"""The parts of an answer, as they come, made into nodes and the events that tell of them.

Every part is an increment: words go on where the last part of their kind ended, anything else is whole. A node has
one signature at most; one that comes alone, in a part without words, belongs to the words before it.
"""

import re
from typing import Final

import msgspec

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini import parts_in
from monoize.gateway.protocol.urp import Json

_ID_MOST: Final = 40
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")

_Words = urp.Text | urp.Reasoning


class Assembly:
    def __init__(self) -> None:
        self.output: list[urp.Node] = []
        self.answer_id = ""
        """What the answer is called, as far as that is known."""
        self._open: _Words | None = None
        self._pieces: list[str] = []
        self._call_ids: set[str] = set()
        self._count = 0

    @property
    def has_calls(self) -> bool:
        return bool(self._call_ids)

    def add(self, part: Json, at: str) -> list[urp.StreamEvent]:
        node = parts_in.node_of(part, "assistant", at, self._call_id)
        match node:
            case None:
                return []
            case urp.Text() | urp.Reasoning():
                return self._say(node)
            case _:
                return [*self.close(), *self._whole(node)]

    def close(self) -> list[urp.StreamEvent]:
        """The words that are open have ended."""
        if self._open is None:
            return []
        node, self._open = self._open, None
        text, self._pieces = "".join(self._pieces), []
        whole = (
            msgspec.structs.replace(node, text=text)
            if isinstance(node, urp.Text)
            else msgspec.structs.replace(node, content=text or None)
        )
        return [self._done(whole)]

    def _say(self, node: _Words) -> list[urp.StreamEvent]:
        text = node.text if isinstance(node, urp.Text) else node.content
        signature = _signature(node)
        if self._open is not None and not (signature and _signature(self._open)):
            if not text:
                self._open = _signed(self._open, signature)
                return []
            if type(self._open) is type(node):
                self._open = _joined(self._open, node)
                return [self._delta(text)]
        events = self.close()
        if not text:
            return [*events, *self._whole(node)]
        if isinstance(node, urp.Text):
            self._open = msgspec.structs.replace(node, text="")
            begun: urp.Node = urp.Text(role="assistant", text="")
        else:
            self._open = msgspec.structs.replace(node, content=None)
            begun = urp.Reasoning()
        started = urp.NodeStarted(index=len(self.output), node=begun)
        return [*events, started, self._delta(text)]

    def _delta(self, text: str) -> urp.StreamEvent:
        self._pieces.append(text)
        delta = urp.TextDelta if isinstance(self._open, urp.Text) else urp.ReasoningDelta
        return delta(index=len(self.output), text=text)

    def _whole(self, node: urp.Node) -> list[urp.StreamEvent]:
        index = len(self.output)
        if not isinstance(node, urp.ToolCall):
            return [urp.NodeStarted(index=index, node=node), self._done(node)]
        begun = msgspec.structs.replace(node, arguments="")
        return [
            urp.NodeStarted(index=index, node=begun),
            urp.TextDelta(index=index, text=node.arguments),
            self._done(node),
        ]

    def _done(self, node: urp.Node) -> urp.StreamEvent:
        self.output.append(node)
        return urp.NodeDone(index=len(self.output) - 1, node=node)

    def _call_id(self, given: str | None, name: str) -> str:
        """The id that was given if it is the only one of its kind; else one that no other answer has either."""
        place, self._count = self._count, self._count + 1
        answer = _UNSAFE.sub("", self.answer_id)[:_ID_MOST]
        call_id = given or (f"call_{answer}_{place}" if answer else f"call_{place}")
        while call_id in self._call_ids:
            call_id += f"_{place}"
        self._call_ids.add(call_id)
        return call_id


def _signature(node: _Words) -> str | None:
    return node.encrypted if isinstance(node, urp.Reasoning) else node.extra.get("thoughtSignature")


def _signed(node: _Words, signature: str | None) -> _Words:
    if isinstance(node, urp.Reasoning):
        return msgspec.structs.replace(node, encrypted=signature, origin="gemini")
    return msgspec.structs.replace(node, extra={**node.extra, "thoughtSignature": signature})


def _joined(node: _Words, newer: _Words) -> _Words:
    signature = _signature(newer)
    node = msgspec.structs.replace(node, extra={**node.extra, **newer.extra})
    return _signed(node, signature) if signature else node
