"""One block of a stream that we write, from the events of one node: `BlockWriter`."""

from typing import Any, Final

from monoize.gateway.protocol.messages.blocks_out import (
    BETWEEN_SUMMARIES,
    answer_block_out,
    call_out,
    citations_of,
    is_redacted,
    readable_of,
    signature_of,
    text_of,
)
from monoize.gateway.protocol.messages.wire import json_text, object_text
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Json,
    Node,
    Reasoning,
    ReasoningDelta,
    Refusal,
    Text,
    TextDelta,
    ToolCall,
)

_OBJECT: Final = "{"


class BlockWriter:
    def __init__(self, node: Node, index: int, fallback_id: str) -> None:
        self._node = node
        self._index = index
        self._fallback_id = fallback_id
        self._written: list[str] = []
        self._waits = False
        self._is_summary: bool | None = None
        self._summary_index = 0
        self.is_open = False
        self.is_call = False

    def begun(self) -> list[Json]:
        """Only a call has something to show already."""
        is_function = isinstance(self._node, ToolCall) and self._node.kind == "function"
        return self._open_call(self._node) if is_function else []

    def grown(self, event: TextDelta | ReasoningDelta) -> list[Json]:
        if isinstance(event, ReasoningDelta):
            return self._thought(event)
        if isinstance(self._node, ToolCall):
            return self._argued(event.text)
        if isinstance(self._node, Text | Refusal):
            return self._said(event.text)
        return []

    def done(self, node: Node) -> list[Json]:
        """All of it, and the end. What was written already cannot be taken back."""
        match node:
            case Text() | Refusal() | Image() | Audio() | File():
                frames = self._said(self._missing(text_of(node)))
                if self.is_open:
                    cited = citations_of(node)
                    frames += [self._delta("citations_delta", citation=citation) for citation in cited]
            case ToolCall():
                frames = self._called(node)
            case Reasoning() if not is_redacted(node.extra):
                frames = self._reasoned(node)
            case _:
                frames = self._whole(node)
        return [*frames, *self.stopped()]

    def stopped(self) -> list[Json]:
        return [{"type": "content_block_stop", "index": self._index}] if self.is_open else []

    def _said(self, text: str) -> list[Json]:
        if not text:
            return []
        self._written.append(text)
        return [*self._open({"type": "text", "text": ""}), self._delta("text_delta", text=text)]

    def _thought(self, event: ReasoningDelta) -> list[Json]:
        """Of a thought and its summary, that is shown which comes first."""
        is_summary = event.summary_index is not None
        if self._is_summary is None:
            self._is_summary = is_summary
        if self._is_summary != is_summary or not event.text:
            return []
        text = event.text
        if event.summary_index is not None and event.summary_index != self._summary_index:
            text = (BETWEEN_SUMMARIES if self._written else "") + text
            self._summary_index = event.summary_index
        return self._think(text)

    def _think(self, text: str) -> list[Json]:
        if not text:
            return []
        self._written.append(text)
        return [*self._open_thinking(), self._delta("thinking_delta", thinking=text)]

    def _reasoned(self, node: Reasoning) -> list[Json]:
        summary = BETWEEN_SUMMARIES.join(node.summary)
        readable = summary if self._is_summary and summary else readable_of(node)
        frames = self._think(self._missing(readable))
        signature = signature_of(node)
        if self.is_open or signature:
            # Callers wait for it, even where there is none.
            frames += [*self._open_thinking(), self._delta("signature_delta", signature=signature)]
        return frames

    def _argued(self, text: str) -> list[Json]:
        """Callers read this while it comes and can do with nothing but an object; anything else waits."""
        if not self.is_open or self._waits:
            return []
        if not self._written:
            text = text.lstrip()
            self._waits = bool(text) and not text.startswith(_OBJECT)
        if not text or self._waits:
            return []
        self._written.append(text)
        return [self._delta("input_json_delta", partial_json=text)]

    def _called(self, node: ToolCall) -> list[Json]:
        frames = [] if self.is_open else self._open_call(node)
        text = self._missing(node.arguments.lstrip()) if self._written else object_text(node.arguments)
        return [*frames, self._delta("input_json_delta", partial_json=text)] if text else frames

    def _whole(self, node: Node) -> list[Json]:
        block = answer_block_out(node, fallback_id=self._fallback_id)
        if block is None:
            return []
        if not isinstance(block.get("input"), dict):
            return self._open(block)
        text = json_text(block["input"])
        return [*self._open({**block, "input": {}}), self._delta("input_json_delta", partial_json=text)]

    def _open_call(self, node: Node) -> list[Json]:
        assert isinstance(node, ToolCall)
        self.is_call = True
        return self._open(call_out(node, fallback_id=self._fallback_id))

    def _open_thinking(self) -> list[Json]:
        return self._open({"type": "thinking", "thinking": "", "signature": ""})

    def _open(self, block: Json) -> list[Json]:
        if self.is_open:
            return []
        self.is_open = True
        return [{"type": "content_block_start", "index": self._index, "content_block": block}]

    def _delta(self, kind: str, **content: Any) -> Json:
        return {"type": "content_block_delta", "index": self._index, "delta": {"type": kind, **content}}

    def _missing(self, whole: str) -> str:
        written = "".join(self._written)
        return whole[len(written) :] if whole.startswith(written) else ""
