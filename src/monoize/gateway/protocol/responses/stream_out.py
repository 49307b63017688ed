"""An answer of any origin as the stream that a caller of this protocol reads.

One item is told after the other. What belongs to a later node waits until those before it have ended, so that each
item has the place that it has in the finished answer, which is made of the items as they were told.
"""

import msgspec

from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.responses.answer_items import Itemized, Said, Writing, speakable
from monoize.gateway.protocol.responses.answer_out import (
    BEGUN,
    Ending,
    Head,
    ending_of,
    ending_of_failure,
    head_of,
    written,
)
from monoize.gateway.protocol.responses.problems import error_members
from monoize.gateway.protocol.responses.stream_writers import (
    CallWriter,
    Frames,
    MessageWriter,
    NativeWriter,
    ThoughtWriter,
)
from monoize.gateway.protocol.urp import (
    Done,
    Failed,
    Json,
    Node,
    NodeDone,
    NodeStarted,
    Protocol,
    ProviderItem,
    Reasoning,
    ReasoningDelta,
    Refusal,
    Response,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
)

_OfNode = NodeStarted | TextDelta | ReasoningDelta | NodeDone


class StreamEncoder:
    """`origin` is the protocol of the provider, whose own ids and extras are shown to those who speak the same."""

    def __init__(self, naming: Naming, model: str | None, *, origin: Protocol | None = None) -> None:
        self._model = model
        self._writing = Writing(naming=naming, ours=origin == "responses")
        self._frames = Frames()
        self._head: Head | None = None
        self._is_over = False
        self._items: list[Json] = []
        # The node whose turn it is, and what came of later ones.
        self._turn = 0
        self._waiting: dict[int, list[_OfNode]] = {}
        self._node: Node | None = None
        self._message: MessageWriter | None = None
        self._writer: CallWriter | ThoughtWriter | NativeWriter | None = None

    def encode(self, event: StreamEvent) -> bytes:
        if self._is_over:
            return b""
        match event:
            case Started():
                self._begin(event)
            case Failed():
                self._fail(event)
            case Done(response=response):
                self._finish(response)
            case _:
                self._waiting.setdefault(event.index, []).append(event)
                self._tell_waiting()
        return self._frames.take()

    def _begin(self, started: Started) -> Head:
        if self._head is None:
            self._head = head_of(
                self._writing.naming,
                self._model or started.model,
                id=started.id,
                created_at=started.created_at,
                ours=self._writing.ours,
            )
            begun = written(self._head, BEGUN, [], extra={})
            self._frames.add("response.created", response=begun)
            self._frames.add("response.in_progress", response=begun)
        return self._head

    def _tell_waiting(self) -> None:
        while events := self._waiting.pop(self._turn, None):
            for event in events:
                self._tell(event)
            if not isinstance(events[-1], NodeDone):
                return

    def _tell(self, event: _OfNode) -> None:
        match event:
            case NodeStarted(node=node):
                self._begin(Started(id="", model=""))
                self._node = node
                self._start_node(node)
            case NodeDone(node=node):
                self._end_node(node)
                self._node, self._writer = None, None
                self._turn += 1
            case TextDelta(text=text) if text:
                self._add_text(text)
            case ReasoningDelta(text=text, summary_index=place) if text:
                self._think().add(text, place)

    def _start_node(self, node: Node) -> None:
        match node:
            case Text() | Refusal():
                self._speak(node)
            case ToolCall():
                self._writer = CallWriter(self._frames, self._next_index(), self._writing, node)
            case ProviderItem(origin="responses"):
                self._writer = NativeWriter(self._frames, self._next_index(), node)

    def _add_text(self, text: str) -> None:
        match self._node, self._writer:
            case (Text() | Refusal()) as node, _ if self._message:
                self._message.add(node, text)
            case ToolCall() as node, CallWriter() as writer:
                writer.add(node, text)

    def _end_node(self, node: Node) -> None:
        said = speakable(node, ours=self._writing.ours)
        match said, self._writer:
            case Text() | Refusal(), _:
                if isinstance(self._node, Text | Refusal) and self._message:
                    self._message.end(said)
                else:
                    self._speak(said).end(said)
            case ToolCall(), CallWriter() as writer:
                self._items.append(writer.end(said))
            case ProviderItem(), NativeWriter() as writer:
                self._items.append(writer.end(said))
            case Reasoning(), _:
                self._items.append(self._think().end(said))
            case None, ThoughtWriter() as writer:
                self._items.append(writer.end(Reasoning()))
            case None, _:
                pass
            case _:
                self._whole(said)

    def _speak(self, node: Said) -> MessageWriter:
        if self._message is None or not self._message.takes(node):
            self._message = MessageWriter(self._frames, self._next_index(), self._writing, node)
        self._message.begin(node)
        return self._message

    def _think(self) -> ThoughtWriter:
        """Reasoning is announced only when there is any."""
        if not isinstance(self._writer, ThoughtWriter):
            node = self._node if isinstance(self._node, Reasoning) else Reasoning()
            known = speakable(node, ours=self._writing.ours)
            if not isinstance(known, Reasoning):
                known = Reasoning(id=node.id)
            self._writer = ThoughtWriter(self._frames, self._next_index(), self._writing, known)
        return self._writer

    def _whole(self, node: Itemized) -> None:
        """What has no pieces is told at once."""
        output_index = self._next_index()
        item = self._writing.item(node, output_index)
        self._frames.add("response.output_item.added", output_index=output_index, item=item)
        self._frames.add("response.output_item.done", output_index=output_index, item=item)
        self._items.append(item)

    def _next_index(self) -> int:
        self._close_message()
        return len(self._items)

    def _close_message(self, *, status: str = "completed") -> None:
        if self._message:
            self._items.append(self._message.close(status=status))
            self._message = None

    def _finish(self, response: Response) -> None:
        head = self._begin(Started(id=response.id, model=response.model, created_at=response.created_at))
        for index, node in enumerate(response.output[self._turn :], self._turn):
            self._complete(index, node)
        ending = ending_of(response.finish)
        self._close_message(status="incomplete" if ending.status == "incomplete" else "completed")
        head = msgspec.structs.replace(head, model=self._model or response.model or head.model)
        extra = response.extra if self._writing.ours else {}
        self._end(written(head, ending, self._items, usage=response.usage, extra=extra), ending)

    def _complete(self, index: int, node: Node) -> None:
        """A node that has not ended when the answer does is what the answer says it is."""
        events = self._waiting.pop(index, [])
        if self._node is None and not any(isinstance(event, NodeStarted) for event in events):
            events.insert(0, NodeStarted(index=index, node=node))
        if not any(isinstance(event, NodeDone) for event in events):
            events.append(NodeDone(index=index, node=node))
        for event in events:
            self._tell(event)

    def _fail(self, failed: Failed) -> None:
        if self._head is None:
            self._is_over = True
            code = failed.code or "upstream_error"
            self._frames.add("error", **error_members(failed.status or 502, code, failed.message))
            return
        ending = ending_of_failure(failed)
        self._end(written(self._head, ending, self._items, usage=failed.usage, extra={}), ending)

    def _end(self, response: Json, ending: Ending) -> None:
        self._is_over = True
        kind = ending.status if ending.status in ("completed", "incomplete") else "failed"
        self._frames.add(f"response.{kind}", response=response)
