"""The events of one output item each, from its beginning to its end.

A writer announces its item when it is made, and tells its content as it comes. What a finished node has beyond what
was told follows before anything is closed, so that the pieces and the whole agree wherever they can.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.responses.answer_items import Said, Writing
from monoize.gateway.protocol.responses.items_out import INPUT_OF
from monoize.gateway.protocol.responses.wire import frame
from monoize.gateway.protocol.urp import Json, ProviderItem, Reasoning, Refusal, ToolCall, ToolKind

_STREAM_OF: Final[Mapping[ToolKind, str]] = {
    "function": "response.function_call_arguments",
    "custom": "response.custom_tool_call_input",
}
_THOUGHT: Final = "response.reasoning_text"
_SUMMARY: Final = "response.reasoning_summary_text"
_SUMMARY_PART: Final = "response.reasoning_summary_part"
_PARAGRAPH: Final = "\n\n"


class Frames:
    """What is to be sent, numbered from 0 without gaps."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._next = 0

    def add(self, kind: str, **members: Any) -> None:
        self._frames.append(frame(kind, self._next, members))
        self._next += 1

    def take(self) -> bytes:
        taken, self._frames = b"".join(self._frames), []
        return taken


class _Told:
    """A text, as far as it was told."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        self._pieces.append(piece)

    def text(self) -> str:
        return "".join(self._pieces)

    def lacks(self, full: str) -> str:
        """What is still to be told, unless something else was told before."""
        text = self.text()
        return full[len(text) :] if full.startswith(text) else ""


class _Writer:
    def __init__(self, frames: Frames, output_index: int, item: Json) -> None:
        self._frames = frames
        self._output_index = output_index
        self._begun = item
        frames.add("response.output_item.added", output_index=output_index, item=item)

    def _tell(self, kind: str, **members: Any) -> None:
        self._frames.add(kind, item_id=self._begun["id"], output_index=self._output_index, **members)

    def _done(self, item: Json) -> Json:
        """Its name stays what was announced."""
        item = {**item, **{name: self._begun[name] for name in ("id",) if name in self._begun}}
        self._frames.add("response.output_item.done", output_index=self._output_index, item=item)
        return item


class MessageWriter(_Writer):
    def __init__(self, frames: Frames, output_index: int, writing: Writing, first: Said) -> None:
        super().__init__(frames, output_index, {**writing.message(first, output_index), "status": "in_progress"})
        self._writing = writing
        self._first = first
        self._parts: list[Json] = []
        self._told = _Told()

    def takes(self, node: Said) -> bool:
        return self._writing.continues(node, self._begun, self._first)

    def begin(self, node: Said) -> None:
        self._told = _Told()
        empty = msgspec.structs.replace(node, text="", extra={})
        self._tell_part("response.content_part.added", part=self._writing.part(empty))

    def add(self, node: Said, piece: str) -> None:
        self._told.add(piece)
        if isinstance(node, Refusal):
            self._tell_part("response.refusal.delta", delta=piece)
        else:
            self._tell_part("response.output_text.delta", delta=piece, logprobs=[])

    def end(self, node: Said) -> None:
        if lacking := self._told.lacks(node.text):
            self.add(node, lacking)
        part = self._writing.part(node)
        if isinstance(node, Refusal):
            self._tell_part("response.refusal.done", refusal=node.text)
        else:
            for place, annotation in enumerate(part["annotations"]):
                kind = "response.output_text.annotation.added"
                self._tell_part(kind, annotation_index=place, annotation=annotation)
            logprobs = part.get("logprobs") or []
            self._tell_part("response.output_text.done", text=node.text, logprobs=logprobs)
        self._tell_part("response.content_part.done", part=part)
        self._parts.append(part)

    def close(self, *, status: str = "completed") -> Json:
        return self._done({**self._begun, "content": self._parts, "status": status})

    def _tell_part(self, kind: str, **members: Any) -> None:
        self._tell(kind, content_index=len(self._parts), **members)


class CallWriter(_Writer):
    def __init__(self, frames: Frames, output_index: int, writing: Writing, node: ToolCall) -> None:
        begun = writing.item(msgspec.structs.replace(node, arguments=""), output_index)
        in_progress = {"status": "in_progress"} if node.kind == "function" else {}
        super().__init__(frames, output_index, {**begun, **in_progress})
        self._writing = writing
        self._told = _Told()

    def add(self, node: ToolCall, piece: str) -> None:
        self._told.add(piece)
        self._tell(f"{_STREAM_OF[node.kind]}.delta", delta=piece)

    def end(self, node: ToolCall) -> Json:
        if lacking := self._told.lacks(node.arguments):
            self.add(node, lacking)
        full = {INPUT_OF[node.kind]: node.arguments, "name": node.name, "call_id": node.call_id}
        self._tell(f"{_STREAM_OF[node.kind]}.done", **full)
        return self._done(self._writing.item(node, self._output_index))


class ThoughtWriter(_Writer):
    """Parts of a summary follow each other; what was thought in full is one text beside them."""

    def __init__(self, frames: Frames, output_index: int, writing: Writing, node: Reasoning) -> None:
        begun = msgspec.structs.replace(node, content=None, summary=())
        super().__init__(frames, output_index, writing.item(begun, output_index))
        self._writing = writing
        self._content: _Told | None = None
        self._summary: list[_Told] = []
        self._is_part_open = False

    def add(self, piece: str, summary_index: int | None) -> None:
        if summary_index is None:
            self._think(piece)
        elif summary_index >= len(self._summary):
            self._next_part()
            self._summarize(piece)
        elif summary_index == len(self._summary) - 1 and self._is_part_open:
            self._summarize(piece)

    def end(self, node: Reasoning) -> Json:
        node = self._as_told(node)
        for place, text in enumerate(node.summary):
            if place >= len(self._summary):
                self._next_part()
            if place == len(self._summary) - 1 and self._is_part_open:
                if lacking := self._summary[place].lacks(text):
                    self._summarize(lacking)
                self._close_part(text)
        self._close_part()
        if node.content is not None or self._content is not None:
            self._end_content(node.content)
        return self._done(self._writing.item(node, self._output_index))

    def _as_told(self, node: Reasoning) -> Reasoning:
        """What was told as the one may turn out to be the other. It is not told again."""
        content = self._content.text() if self._content else ""
        if content and node.content is None and content == _PARAGRAPH.join(node.summary):
            return msgspec.structs.replace(node, content=content, summary=())
        summary = tuple(told.text() for told in self._summary)
        if summary and not node.summary and node.content == _PARAGRAPH.join(summary):
            return msgspec.structs.replace(node, content=None, summary=summary)
        return node

    def _think(self, piece: str) -> None:
        if self._content is None:
            self._content = _Told()
            self._tell("response.content_part.added", content_index=0, part=_thought(""))
        if piece:
            self._content.add(piece)
            self._tell(f"{_THOUGHT}.delta", content_index=0, delta=piece)

    def _end_content(self, content: str | None) -> None:
        told = self._content.text() if self._content else ""
        full = told if content is None else content
        self._think(self._content.lacks(full) if self._content else full)
        self._tell(f"{_THOUGHT}.done", content_index=0, text=full)
        self._tell("response.content_part.done", content_index=0, part=_thought(full))

    def _next_part(self) -> None:
        self._close_part()
        self._summary.append(_Told())
        self._is_part_open = True
        self._tell_summary(f"{_SUMMARY_PART}.added", part=_summary(""))

    def _summarize(self, piece: str) -> None:
        self._summary[-1].add(piece)
        self._tell_summary(f"{_SUMMARY}.delta", delta=piece)

    def _close_part(self, text: str | None = None) -> None:
        if self._is_part_open:
            self._is_part_open = False
            full = self._summary[-1].text() if text is None else text
            self._tell_summary(f"{_SUMMARY}.done", text=full)
            self._tell_summary(f"{_SUMMARY_PART}.done", part=_summary(full))

    def _tell_summary(self, kind: str, **members: Any) -> None:
        self._tell(kind, summary_index=len(self._summary) - 1, **members)


class NativeWriter(_Writer):
    """Of what is written as it was read."""

    def __init__(self, frames: Frames, output_index: int, node: ProviderItem) -> None:
        super().__init__(frames, output_index, node.body)

    def end(self, node: ProviderItem) -> Json:
        return self._done(node.body)


def _thought(text: str) -> Json:
    return {"type": "reasoning_text", "text": text}


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}
