"""A stream of a provider, read event by event into the events of the common language.

Where an item stands in the output tells which one is meant; its id only where that is missing, as some providers
give another one in each event.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.fields import told_integer, told_list, told_object, told_text
from monoize.gateway.protocol.responses.answer_in import failure_in, response_of
from monoize.gateway.protocol.responses.problems import failure_of
from monoize.gateway.protocol.responses.stream_items import Call, Item, Message, Nodes, Thought, Words, item_of
from monoize.gateway.protocol.responses.usage import read_answer_usage, read_report
from monoize.gateway.protocol.responses.wire import json_object
from monoize.gateway.protocol.urp import Done, Failed, Json, Started, StreamEvent


class StreamDecoder:
    def __init__(self) -> None:
        self.report: Json | None = None
        """The usage object of the wire, once it was told."""
        self._nodes = Nodes()
        self._items: list[Item] = []
        # The latest item of each place in the output.
        self._places: dict[int, Item] = {}
        self._is_started = False
        self._is_over = False

    def feed(self, event: str | None, data: bytes) -> list[StreamEvent]:
        if self._is_over or data.strip() in (b"", b"[DONE]"):
            return []
        body = json_object(data)
        try:
            if body is None:
                raise BadAnswer("The provider's stream has an event that is not a JSON object.")
            self._hear(told_text(body.get("type")) or event or "", body)
        except BadAnswer as problem:
            self._fail(Failed(message=str(problem), code="upstream_invalid"))
        return self._taken()

    def end(self) -> list[StreamEvent]:
        if not self._is_over:
            self._fail(
                Failed(message="The provider's stream ended before its answer did.", code="upstream_truncated")
            )
        return self._taken()

    def _taken(self) -> list[StreamEvent]:
        taken, self._nodes.events = self._nodes.events, []
        return taken

    def _hear(self, kind: str, body: Json) -> None:
        hearing = _HEARD.get(kind)
        if hearing:
            hearing(self, body)
        elif kind == "error" or body.get("error"):
            self._fail(failure_of(body) or Failed(message="The provider reports an error."))

    def _fail(self, failed: Failed) -> None:
        self._start({})
        self._is_over = True
        self._nodes.events.append(failed)

    def _start(self, response: Json) -> None:
        if not self._is_started:
            self._is_started = True
            begun = response_of(response, ())
            self._nodes.events.append(Started(id=begun.id, model=begun.model, created_at=begun.created_at))

    def _open(self, snapshot: Json, place: int | None) -> Item:
        self._start({})
        item = item_of(self._nodes, snapshot)
        self._items.append(item)
        if place is not None:
            self._places[place] = item
        return item

    def _found(self, body: Json, kind: str) -> Item:
        """The item that an event is about. One that was never added begins now."""
        place, id = _place(body, "output_index"), told_text(body.get("item_id"))
        here = None if place is None else self._places.get(place)
        if here and here.kind == kind:
            return here
        named = (item for item in self._items if id and item.id == id and item.kind == kind)
        return next(named, None) or self._open({"type": kind, "id": id}, place)

    def _words(self, body: Json, *, is_refusal: bool = False) -> Words:
        message = self._found(body, "message")
        assert isinstance(message, Message)
        return message.part(_place(body, "content_index") or 0, is_refusal=is_refusal)

    def _input(self, body: Json, kind: str) -> Words:
        call = self._found(body, kind)
        assert isinstance(call, Call)
        return call.words

    def _thought(self, body: Json) -> Thought:
        thought = self._found(body, "reasoning")
        assert isinstance(thought, Thought)
        return thought

    def _created(self, body: Json) -> None:
        self._start(told_object(body.get("response")) or {})

    def _item_added(self, body: Json) -> None:
        snapshot = told_object(body.get("item"))
        if snapshot is not None:
            self._open(snapshot, _place(body, "output_index"))

    def _item_done(self, body: Json) -> None:
        snapshot = told_object(body.get("item"))
        if snapshot is None:
            return
        place = _place(body, "output_index")
        here = None if place is None else self._places.get(place)
        if here is None or not _is_alike(here, snapshot):
            here = _named(self._items, snapshot) or self._open(snapshot, place)
        if not here.is_done:
            here.done(snapshot)

    def _part_added(self, body: Json) -> None:
        kind = (told_object(body.get("part")) or {}).get("type")
        if kind in ("output_text", "refusal"):
            self._words(body, is_refusal=kind == "refusal")

    def _part_done(self, body: Json) -> None:
        part = told_object(body.get("part")) or {}
        if part.get("type") == "reasoning_text":
            self._thought_done(body, told_text(part.get("text")))
            return
        message = self._found(body, "message")
        assert isinstance(message, Message)
        message.part_done(_place(body, "content_index") or 0, part)

    def _text_delta(self, body: Json) -> None:
        self._words(body).add(_piece(body))

    def _text_done(self, body: Json) -> None:
        self._words(body).settle(told_text(body.get("text")))

    def _refusal_delta(self, body: Json) -> None:
        self._words(body, is_refusal=True).add(_piece(body))

    def _refusal_done(self, body: Json) -> None:
        self._words(body, is_refusal=True).settle(told_text(body.get("refusal")))

    def _arguments_delta(self, body: Json) -> None:
        self._input(body, "function_call").add(_piece(body))

    def _arguments_done(self, body: Json) -> None:
        self._input(body, "function_call").settle(told_text(body.get("arguments")))

    def _input_delta(self, body: Json) -> None:
        self._input(body, "custom_tool_call").add(_piece(body))

    def _input_done(self, body: Json) -> None:
        self._input(body, "custom_tool_call").settle(told_text(body.get("input")))

    def _thought_delta(self, body: Json) -> None:
        self._thought(body).add(_place(body, "content_index") or 0, _piece(body), to_summary=False)

    def _thought_done(self, body: Json, full: str | None = None) -> None:
        told = full or told_text(body.get("text"))
        self._thought(body).settle(_place(body, "content_index") or 0, told, to_summary=False)

    def _summary_delta(self, body: Json) -> None:
        self._thought(body).add(_place(body, "summary_index") or 0, _piece(body), to_summary=True)

    def _summary_done(self, body: Json) -> None:
        told = told_text(body.get("text")) or told_text((told_object(body.get("part")) or {}).get("text"))
        self._thought(body).settle(_place(body, "summary_index") or 0, told, to_summary=True)

    def _ended(self, body: Json) -> None:
        response = told_object(body.get("response"))
        if response is None:
            raise BadAnswer("The provider's stream ends without a response.")
        self._start(response)
        self.report = read_report(response) or self.report
        failed = failure_in(response)
        if failed:
            usage = read_answer_usage(response)
            self._fail(Failed(message=failed.message, code=failed.code, kind=failed.kind, usage=usage))
            return
        self._settle([item for item in told_list(response.get("output")) or () if isinstance(item, dict)])
        output = [node for node in self._nodes.done if node is not None]
        self._is_over = True
        self._nodes.events.append(Done(response=response_of(response, output)))

    def _failed(self, body: Json) -> None:
        response = told_object(body.get("response")) or {}
        if response.get("status") != "cancelled":
            response = {**response, "status": "failed"}
        self._ended({"response": response})

    def _incomplete(self, body: Json) -> None:
        response = told_object(body.get("response"))
        self._ended({"response": response and {"status": "incomplete", **response}})

    def _settle(self, snapshots: list[Json]) -> None:
        """What the end says of items that were not told in full, or not at all. Those that were are left alone."""
        left = list(self._items)
        unnamed: list[tuple[int, Json]] = []
        for place, snapshot in enumerate(snapshots):
            here = _named(left, snapshot)
            if here is None:
                unnamed.append((place, snapshot))
            else:
                left.remove(here)
                _finish(here, snapshot)
        for place, snapshot in unnamed:
            alike = [item for item in left if _is_alike(item, snapshot)]
            here = next((item for item in alike if item is self._places.get(place)), None)
            here = here or next(iter(alike), None)
            if here is None:
                here = self._open(snapshot, None)
            else:
                left.remove(here)
            _finish(here, snapshot)
        for item in left:
            if not item.is_done:
                item.close()


def _finish(item: Item, snapshot: Json) -> None:
    if not item.is_done:
        item.done(snapshot)


def _named(items: Iterable[Item], snapshot: Json) -> Item | None:
    id, call_id = told_text(snapshot.get("id")), told_text(snapshot.get("call_id"))
    alike = (item for item in items if item.kind == snapshot.get("type"))
    return next((item for item in alike if (id and item.id == id) or (call_id and item.call_id == call_id)), None)


def _is_alike(item: Item, snapshot: Json) -> bool:
    """Calls that have other names of their own are others, wherever they stand."""
    call_id = told_text(snapshot.get("call_id"))
    is_another = bool(call_id and item.call_id and item.call_id != call_id)
    return item.kind == (told_text(snapshot.get("type")) or "message") and not is_another


def _place(body: Json, name: str) -> int | None:
    place = told_integer(body.get(name))
    return place if place is not None and place >= 0 else None


def _piece(body: Json) -> str:
    return told_text(body.get("delta")) or ""


_HEARD: Final[Mapping[str, Callable[[StreamDecoder, Json], None]]] = {
    "response.created": StreamDecoder._created,
    "response.queued": StreamDecoder._created,
    "response.in_progress": StreamDecoder._created,
    "response.output_item.added": StreamDecoder._item_added,
    "response.output_item.done": StreamDecoder._item_done,
    "response.content_part.added": StreamDecoder._part_added,
    "response.content_part.done": StreamDecoder._part_done,
    "response.output_text.delta": StreamDecoder._text_delta,
    "response.output_text.done": StreamDecoder._text_done,
    "response.refusal.delta": StreamDecoder._refusal_delta,
    "response.refusal.done": StreamDecoder._refusal_done,
    "response.function_call_arguments.delta": StreamDecoder._arguments_delta,
    "response.function_call_arguments.done": StreamDecoder._arguments_done,
    "response.custom_tool_call_input.delta": StreamDecoder._input_delta,
    "response.custom_tool_call_input.done": StreamDecoder._input_done,
    "response.reasoning_text.delta": StreamDecoder._thought_delta,
    "response.reasoning_text.done": StreamDecoder._thought_done,
    "response.reasoning_summary_text.delta": StreamDecoder._summary_delta,
    "response.reasoning_summary_text.done": StreamDecoder._summary_done,
    "response.reasoning_summary_part.done": StreamDecoder._summary_done,
    "response.completed": StreamDecoder._ended,
    "response.done": StreamDecoder._ended,
    "response.cancelled": StreamDecoder._ended,
    "response.incomplete": StreamDecoder._incomplete,
    "response.failed": StreamDecoder._failed,
}
