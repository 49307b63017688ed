"""The deltas of a message made into nodes that begin, grow and are done: `DeltaReader`, of one answer."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from monoize.gateway.protocol.chat import calls, thoughts
from monoize.gateway.protocol.chat.answer_in import ANNOTATIONS
from monoize.gateway.protocol.chat.growing import GrowingCall, GrowingText, GrowingThought
from monoize.gateway.protocol.chat.messages_in import images_of, spoken_parts
from monoize.gateway.protocol.errors import BadAnswer, BadRequest
from monoize.gateway.protocol.fields import rest, told_integer, told_list, told_object, told_text
from monoize.gateway.protocol.urp import (
    Audio,
    Inline,
    Json,
    Node,
    NodeDone,
    NodeStarted,
    Reasoning,
    ReasoningDelta,
    Refusal,
    StreamEvent,
    Text,
    TextDelta,
)

# The only form in which sound streams.
_SOUND: Final = "audio/pcm"


class DeltaReader:
    def __init__(self) -> None:
        self._nodes: list[Node | None] = []
        self._open: GrowingText | GrowingThought | None = None
        self._calls: list[GrowingCall] = []
        self._by_index: dict[int, GrowingCall] = {}
        self._by_id: dict[str, GrowingCall] = {}
        self._old: GrowingCall | None = None
        self._sound: Json = {}
        self._sound_pieces: list[str] = []
        self._transcript: list[str] = []
        # What was said so far, to which a whole message may add.
        self._said: dict[type[Text] | type[Refusal], list[str]] = {Text: [], Refusal: []}
        # Whether thoughts can be read in entries, or else in a member of their own; many providers send both.
        self._reads_entries: bool | None = None
        self._events: list[StreamEvent] = []

    @property
    def output(self) -> Sequence[Node]:
        return tuple(node for node in self._nodes if node is not None)

    @property
    def has_calls(self) -> bool:
        return any(call.index is not None for call in self._calls)

    def read(self, delta: Json) -> list[StreamEvent]:
        self._think(delta)
        sound = told_object(delta.get("audio"))
        if sound:
            self._hear(sound)
        content = delta.get("content")
        if isinstance(content, list):
            self._take_parts(content)
        else:
            self._say(Text, told_text(content) or "")
        self._say(Refusal, told_text(delta.get("refusal")) or "")
        if isinstance(self._open, GrowingText):
            self._open.annotations += told_list(delta.get(ANNOTATIONS)) or []
        for image in images_of(delta):
            self._take(image)
        for fragment in told_list(delta.get("tool_calls")) or []:
            if isinstance(fragment, dict):
                self._grow(self._call_of(fragment), fragment)
        old = told_object(delta.get(calls.OLD))
        if old:
            self._grow(self._old_call(), old)
        return self._told()

    def complete(self, message: Json) -> list[StreamEvent]:
        """A whole message after its pieces: only what they left out is new."""
        if self._reads_entries is None:
            self._think(message)
        for kind, name in ((Text, "content"), (Refusal, "refusal")):
            whole, said = told_text(message.get(name)) or "", "".join(self._said[kind])
            self._said[kind] = [said]
            if whole.startswith(said):
                self._say(kind, whole[len(said) :])
        for place, whole_call in enumerate(told_list(message.get("tool_calls")) or []):
            if not isinstance(whole_call, dict):
                continue
            known = self._calls[place] if place < len(self._calls) else None
            fragment = _rest_of(whole_call, known) if known else whole_call
            self._grow(known or self._new_call(None), fragment)
        return self._told()

    def end(self) -> list[StreamEvent]:
        self._close()
        if self._sound:
            self._take(self._whole_sound())
        for call in self._calls:
            if call.index is not None:
                self._done(call.index, call.node())
            elif not call.is_empty:
                raise BadAnswer("The provider calls a tool without saying which.")
        return self._told()

    def _told(self) -> list[StreamEvent]:
        events, self._events = self._events, []
        return events

    def _begin(self, node: Node) -> int:
        index = len(self._nodes)
        self._nodes.append(None)
        self._events.append(NodeStarted(index=index, node=node))
        return index

    def _done(self, index: int, node: Node) -> None:
        self._nodes[index] = node
        self._events.append(NodeDone(index=index, node=node))

    def _take(self, node: Node) -> None:
        """One that comes whole."""
        self._close()
        self._done(self._begin(node), node)

    def _close(self) -> None:
        if self._open:
            self._done(self._open.index, self._open.node())
            self._open = None

    def _say(self, kind: type[Text] | type[Refusal], text: str) -> None:
        if not text:
            return
        current = self._open
        if not isinstance(current, GrowingText) or current.kind is not kind:
            self._close()
            empty: Node = Text(role="assistant", text="") if kind is Text else Refusal(text="")
            self._open = current = GrowingText(self._begin(empty), kind)
        current.add(text)
        self._said[kind].append(text)
        self._events.append(TextDelta(index=current.index, text=text))

    def _take_parts(self, content: list[object]) -> None:
        try:
            nodes = spoken_parts({"content": content})
        except BadRequest as problem:
            raise BadAnswer(problem.message) from None
        for node in nodes:
            match node:
                case Text(text=text, extra=extra) if not extra:
                    self._say(Text, text)
                case Reasoning(content=str(text), extra=extra):
                    self._think_aloud(extra[thoughts.CARRIER], text)
                case _:
                    self._take(node)

    def _think(self, message: Json) -> None:
        entries = [each for each in told_list(message.get(thoughts.DETAILS)) or [] if isinstance(each, dict)]
        if self._reads_entries is None and any(_is_readable(entry) for entry in entries):
            self._reads_entries = True
        said = ((name, told_text(message.get(name))) for name in thoughts.FIELDS)
        carrier, text = next(((name, text) for name, text in said if text), ("", ""))
        if text and not self._reads_entries:
            self._reads_entries = False
            self._think_aloud(carrier, text)
        for entry in entries:
            if self._reads_entries is not False or not _is_readable(entry):
                self._think_entry(entry)

    def _think_aloud(self, carrier: str, text: str) -> None:
        if not text:
            return
        current = self._open
        if not isinstance(current, GrowingThought) or current.carrier != carrier:
            self._close()
            begun = Reasoning(extra={thoughts.CARRIER: carrier})
            self._open = current = GrowingThought(self._begin(begun), carrier)
        current.add(text)
        self._events.append(ReasoningDelta(index=current.index, text=text))

    def _think_entry(self, entry: Json) -> None:
        current = self._open
        if not isinstance(current, GrowingThought) or not current.accepts(entry):
            self._close()
            shape = {name: entry.get(name) for name in ("type", "format", "index")}
            begun = Reasoning(id=told_text(entry.get("id")), extra={thoughts.DETAILS: [shape]})
            self._open = current = GrowingThought(self._begin(begun), None)
        text = current.add_entry(entry)
        if text:
            summary_index = 0 if entry.get("type") == thoughts.SUMMARY else None
            self._events.append(ReasoningDelta(index=current.index, text=text, summary_index=summary_index))

    def _hear(self, audio: Json) -> None:
        self._sound_pieces.append(told_text(audio.get("data")) or "")
        self._transcript.append(told_text(audio.get("transcript")) or "")
        self._sound |= {name: value for name, value in audio.items() if value is not None}

    def _whole_sound(self) -> Audio:
        return Audio(
            role="assistant",
            source=Inline(media_type=_SOUND, data=_joined(self._sound_pieces)),
            transcript="".join(self._transcript) or None,
            id=told_text(self._sound.get("id")),
            extra=rest(self._sound, ("id", "data", "transcript")),
        )

    def _call_of(self, fragment: Json) -> GrowingCall:
        """The call that this is a piece of. Not everybody counts them, and some count them all as the first."""
        id, function = told_text(fragment.get("id")), told_object(fragment.get("function")) or {}
        names = bool(told_text(function.get("name"))) or isinstance(fragment.get("custom"), dict)
        index = told_integer(fragment.get("index"))
        if index is None:
            known = self._by_id.get(id) if id else None
            if known is None and not (id or names) and self._calls:
                known = self._calls[-1]
        else:
            known = self._by_index.get(index)
        is_another = known is not None and names and bool(id and known.call_id) and id != known.call_id
        return self._new_call(index) if known is None or is_another else known

    def _new_call(self, index: int | None) -> GrowingCall:
        call = GrowingCall(len(self._calls))
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _old_call(self) -> GrowingCall:
        if self._old is None:
            self._old = GrowingCall(0, is_old=True)
            self._calls.append(self._old)
        return self._old

    def _grow(self, call: GrowingCall, fragment: Json) -> None:
        piece = call.add(fragment)
        if call.call_id:
            self._by_id.setdefault(call.call_id, call)
        if call.index is None and call.name:
            self._close()
            begun, waiting = len(self._nodes), call.arguments
            self._begin(call.begin(begun))
            piece = waiting
        if call.index is not None and piece:
            self._events.append(TextDelta(index=call.index, text=piece))


def _is_readable(entry: Json) -> bool:
    kind = entry.get("type")
    return kind in (thoughts.TEXT, thoughts.SUMMARY) and bool(told_text(entry.get(thoughts.CONTENT[kind])))


def _rest_of(whole: Json, known: GrowingCall) -> Json:
    """What a whole call adds to its pieces."""
    fragment = dict(whole)
    for holder, name in (("function", "arguments"), ("custom", "input")):
        inner = told_object(whole.get(holder))
        if inner is not None:
            fragment[holder] = {**inner, name: known.missing(calls.told_arguments(inner.get(name)))}
    return fragment


def _joined(pieces: Sequence[str]) -> str:
    """Each piece is base64 of its own, or they are one when put together."""
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece, validate=True) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)
