"""A block of a stream while it grows. What it becomes is read as the same block in a plain answer would be."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.messages.answer_in import answer_block
from monoize.gateway.protocol.messages.blocks_in import REDACTED
from monoize.gateway.protocol.messages.wire import input_of
from monoize.gateway.protocol.urp import (
    Json,
    Node,
    NodeDone,
    NodeStarted,
    ProviderItem,
    Reasoning,
    ReasoningDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
)

NextIndex = Callable[[], int]
_TYPE: Final = "type"


class Slot(Protocol):
    def grown(self, delta: Json) -> list[StreamEvent]: ...

    def closed(self) -> tuple[list[StreamEvent], NodeDone | None]:
        """With what it has become; None if it came to nothing and had not begun."""


def opened(block: Any, next_index: NextIndex) -> tuple[Slot, list[StreamEvent]]:
    if not isinstance(block, dict) or not isinstance(kind := block.get(_TYPE), str):
        raise BadAnswer("a block has no type")
    if kind == "text":
        text_slot = _TextSlot(block, next_index)
        return text_slot, text_slot.said(_text(block, "text"))
    if kind in ("thinking", REDACTED):
        thinking_slot = _ThinkingSlot(block, next_index())
        return thinking_slot, [thinking_slot.begun(), *thinking_slot.thought(_text(block, "thinking"))]
    if kind == "tool_use":
        call_slot = _CallSlot(block, next_index())
        return call_slot, [call_slot.begun()]
    item_slot = _ItemSlot(block, next_index())
    return item_slot, [item_slot.begun()]


def opened_by(delta: Json, next_index: NextIndex) -> tuple[Slot, list[StreamEvent]]:
    """Some leave out where a text begins."""
    match delta.get(_TYPE):
        case "text_delta":
            return opened({_TYPE: "text", "text": ""}, next_index)
        case "thinking_delta":
            return opened({_TYPE: "thinking", "thinking": ""}, next_index)
        case _:
            raise BadAnswer("there is more of a block that has not begun")


class _TextSlot:
    """It begins with its first letter: an empty one is none."""

    def __init__(self, block: Json, next_index: NextIndex) -> None:
        self._block = block
        self._next_index = next_index
        self._index: int | None = None
        self._parts: list[str] = []
        found = block.get("citations")
        self._citations: list[Any] = list(found) if isinstance(found, list) else []

    def grown(self, delta: Json) -> list[StreamEvent]:
        match delta.get(_TYPE):
            case "text_delta":
                return self.said(_text(delta, "text"))
            case "citations_delta":
                self._citations.append(delta.get("citation"))
                return []
            case kind:
                return _misplaced(kind)

    def said(self, text: str) -> list[StreamEvent]:
        if not text:
            return []
        events: list[StreamEvent] = []
        if self._index is None:
            self._index = self._next_index()
            events.append(NodeStarted(index=self._index, node=Text(role="assistant", text="")))
        self._parts.append(text)
        return [*events, TextDelta(index=self._index, text=text)]

    def closed(self) -> tuple[list[StreamEvent], NodeDone | None]:
        if self._index is None:
            return [], None
        block = {**self._block, "text": "".join(self._parts)}
        if self._citations:
            block["citations"] = self._citations
        return _done(self._index, block)


class _ThinkingSlot:
    def __init__(self, block: Json, index: int) -> None:
        self._block = block
        self._index = index
        self._parts: list[str] = []
        self._signatures = [_text(block, "signature")]

    def begun(self) -> NodeStarted:
        is_redacted = self._block[_TYPE] == REDACTED
        node = Reasoning(extra={_TYPE: REDACTED}) if is_redacted else Reasoning()
        return NodeStarted(index=self._index, node=node)

    def grown(self, delta: Json) -> list[StreamEvent]:
        match delta.get(_TYPE):
            case "thinking_delta":
                return self.thought(_text(delta, "thinking"))
            case "signature_delta":
                self._signatures.append(_text(delta, "signature"))
                return []
            case kind:
                return _misplaced(kind)

    def thought(self, text: str) -> list[StreamEvent]:
        if not text:
            return []
        self._parts.append(text)
        return [ReasoningDelta(index=self._index, text=text, summary_index=0)]

    def closed(self) -> tuple[list[StreamEvent], NodeDone]:
        if self._block[_TYPE] == REDACTED:
            return _done(self._index, self._block)
        grown = {"thinking": "".join(self._parts), "signature": "".join(self._signatures)}
        return _done(self._index, {**self._block, **grown}, otherwise=Reasoning())


class _CallSlot:
    def __init__(self, block: Json, index: int) -> None:
        self._block = block
        self._index = index
        self._parts: list[str] = []
        (call,) = answer_block(block, "content_block")
        assert isinstance(call, ToolCall)
        self._call = call

    def begun(self) -> NodeStarted:
        call = self._call
        node = ToolCall(call_id=call.call_id, name=call.name, arguments="", extra=call.extra)
        return NodeStarted(index=self._index, node=node)

    def grown(self, delta: Json) -> list[StreamEvent]:
        if delta.get(_TYPE) != "input_json_delta":
            return _misplaced(delta.get(_TYPE))
        text = _text(delta, "partial_json")
        self._parts.append(text)
        return [TextDelta(index=self._index, text=text)] if text else []

    def closed(self) -> tuple[list[StreamEvent], NodeDone]:
        """Arguments stay as the model wrote them; where it wrote none, the block had them from the beginning."""
        written, call = "".join(self._parts), self._call
        events: list[StreamEvent] = []
        if not written:
            written = call.arguments
            events.append(TextDelta(index=self._index, text=written))
        node = ToolCall(call_id=call.call_id, name=call.name, arguments=written, extra=call.extra)
        done = NodeDone(index=self._index, node=node)
        return [*events, done], done


class _ItemSlot:
    """A block that only this protocol knows. What is added to it is kept with what it is added to."""

    def __init__(self, block: Json, index: int) -> None:
        self._block = dict(block)
        self._index = index
        self._texts: dict[str, list[str]] = {}

    def begun(self) -> NodeStarted:
        return NodeStarted(index=self._index, node=self._node(self._block))

    def grown(self, delta: Json) -> list[StreamEvent]:
        for name, value in delta.items():
            if name == _TYPE:
                continue
            if isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
            elif value is not None:
                self._block[name] = value
        return []

    def closed(self) -> tuple[list[StreamEvent], NodeDone]:
        body = dict(self._block)
        for name, parts in self._texts.items():
            if name == "partial_json":
                body["input"] = input_of("".join(parts)) if any(parts) else body.get("input", {})
            else:
                before = body.get(name)
                body[name] = (before if isinstance(before, str) else "") + "".join(parts)
        done = NodeDone(index=self._index, node=self._node(body))
        return [done], done

    def _node(self, body: Json) -> ProviderItem:
        return ProviderItem(origin="messages", role="assistant", item_type=body[_TYPE], body=body)


def _done(index: int, block: Json, otherwise: Node | None = None) -> tuple[list[StreamEvent], NodeDone]:
    node = next(iter(answer_block(block, "content_block")), otherwise)
    assert node is not None
    done = NodeDone(index=index, node=node)
    return [done], done


def _text(block: Json, name: str) -> str:
    value = block.get(name)
    if value is not None and not isinstance(value, str):
        raise BadAnswer(f"{name} is no text")
    return value or ""


def _misplaced(kind: object) -> list[StreamEvent]:
    """Something new is let go by; something we know is not where it belongs."""
    if kind in ("text_delta", "thinking_delta", "input_json_delta"):
        raise BadAnswer(f"a {kind} is in a block of another kind")
    return []
