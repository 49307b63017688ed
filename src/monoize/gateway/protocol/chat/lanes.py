"""What a caller gets as one text, made of nodes of which any number may be open: deltas of one after the other."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from monoize.gateway.protocol.chat import thoughts
from monoize.gateway.protocol.chat.answer_out import carrier_of, members_of
from monoize.gateway.protocol.urp import Json, Reasoning, Refusal, Text

Told = TypeVar("Told", Text | Refusal, Reasoning)


class Piece(NamedTuple):
    text: str
    summary_index: int | None = None


class _Slot(Generic[Told]):
    def __init__(self, index: int, node: Told) -> None:
        self.index = index
        self.node: Told = node
        self.is_done = False
        self.waiting: list[Piece] = []
        self.summary_index = 0
        self._told: dict[str, list[str]] = {}

    @property
    def is_silent(self) -> bool:
        return not self._told

    def note(self, kind: str, text: str) -> None:
        self._told.setdefault(kind, []).append(text)

    def told(self, kind: str) -> str:
        return "".join(self._told.get(kind, ()))

    def has_told(self, kind: str) -> bool:
        return kind in self._told


class Lane(Generic[Told]):
    """The first slot speaks, the others wait until it is done."""

    def __init__(self) -> None:
        self._slots: deque[_Slot[Told]] = deque()
        self._is_silent = True

    def begin(self, index: int, node: Told) -> None:
        self._slots.append(_Slot(index, node))

    def piece(self, index: int, piece: Piece) -> Iterator[Json]:
        slot = next((slot for slot in self._slots if slot.index == index), None)
        if slot is not None and slot is self._slots[0]:
            yield from self._tell(slot, piece)
        elif slot is not None:
            slot.waiting.append(piece)

    def done(self, index: int, node: Told) -> Iterator[Json]:
        for slot in self._slots:
            if slot.index == index:
                slot.node, slot.is_done = node, True
        while self._slots and self._slots[0].is_done:
            yield from self._tell_rest(self._slots.popleft())
            if self._slots:
                yield from self._catch_up(self._slots[0])

    def end(self) -> Iterator[Json]:
        """Whoever is not done by now has said all there is."""
        while self._slots:
            slot = self._slots.popleft()
            yield from self._catch_up(slot)
            if slot.is_done:
                yield from self._tell_rest(slot)

    def _catch_up(self, slot: _Slot[Told]) -> Iterator[Json]:
        waiting, slot.waiting = slot.waiting, []
        for piece in waiting:
            yield from self._tell(slot, piece)

    def _paragraph(self, slot: _Slot[Told]) -> str:
        """What stands between this node and the one before."""
        before = thoughts.PARAGRAPH if slot.is_silent and not self._is_silent else ""
        self._is_silent = False
        return before

    def _tell(self, slot: _Slot[Told], piece: Piece) -> Iterator[Json]:
        raise NotImplementedError

    def _tell_rest(self, slot: _Slot[Told]) -> Iterator[Json]:
        """What the node says beyond its pieces. What was told cannot be taken back."""
        raise NotImplementedError


class SpeechLane(Lane[Text | Refusal]):
    def __init__(self, member: str) -> None:
        super().__init__()
        self._member = member

    def _tell(self, slot: _Slot[Text | Refusal], piece: Piece) -> Iterator[Json]:
        if piece.text:
            before = self._paragraph(slot)
            slot.note(self._member, piece.text)
            yield {self._member: before + piece.text}

    def _tell_rest(self, slot: _Slot[Text | Refusal]) -> Iterator[Json]:
        yield from self._tell(slot, Piece(_rest(slot.node.text, slot.told(self._member))))


class ThoughtLane(Lane[Reasoning]):
    """Each piece as the entry that it is of, and as plain text; or as the text that it came as."""

    def __init__(self) -> None:
        super().__init__()
        self._place = 0

    def _tell(self, slot: _Slot[Reasoning], piece: Piece) -> Iterator[Json]:
        if not piece.text:
            return
        before, text = self._paragraph(slot), piece.text
        members = members_of(slot.node, own=True)
        if carrier_of(slot.node, own=True):
            slot.note(thoughts.TEXT, text)
            yield dict.fromkeys(members, before + text)
        elif piece.summary_index is None:
            slot.note(thoughts.TEXT, text)
            entry = thoughts.text_entry(slot.node, self._place, text)
            yield {**dict.fromkeys(members, before + text), thoughts.DETAILS: [entry]}
        else:
            is_next = slot.has_told(thoughts.SUMMARY) and piece.summary_index != slot.summary_index
            text = thoughts.PARAGRAPH + text if is_next else text
            slot.summary_index = piece.summary_index
            slot.note(thoughts.SUMMARY, text)
            entry = thoughts.summary_entry(slot.node, self._place, text)
            yield {**dict.fromkeys(members, before + text), thoughts.DETAILS: [entry]}

    def _tell_rest(self, slot: _Slot[Reasoning]) -> Iterator[Json]:
        node = slot.node
        summary, content = thoughts.readable_summary(node) or "", node.content or ""
        told_summary, told_content = slot.told(thoughts.SUMMARY), slot.told(thoughts.TEXT)
        # What was told as the one may turn out to be the other.
        if summary != told_content:
            yield from self._tell(slot, Piece(_rest(summary, told_summary), slot.summary_index))
        if content != told_summary:
            yield from self._tell(slot, Piece(_rest(content, told_content)))
        if node.encrypted is not None:
            write = thoughts.signature_entry if thoughts.is_signed(node) else thoughts.encrypted_entry
            yield {thoughts.DETAILS: [write(node, self._place)]}
        self._place += not slot.is_silent or node.encrypted is not None


def _rest(whole: str, told: str) -> str:
    return whole[len(told) :] if whole.startswith(told) else ""
