"""Nodes of an answer while they stream: what has come of each so far, and what it is in the end."""

from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat import calls, thoughts
from monoize.gateway.protocol.chat.answer_in import ANNOTATIONS
from monoize.gateway.protocol.fields import told_integer, told_object, told_text
from monoize.gateway.protocol.urp import Json, Node, Reasoning, Refusal, Text, ToolCall

_GROWS: Final = (thoughts.TEXT, thoughts.SUMMARY)


class GrowingText:
    """What is said, or why nothing is."""

    def __init__(self, index: int, kind: type[Text] | type[Refusal]) -> None:
        self.index = index
        self.kind = kind
        self.annotations: list[Any] = []
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)

    def node(self) -> Text | Refusal:
        text, extra = "".join(self._pieces), {ANNOTATIONS: self.annotations} if self.annotations else {}
        return (
            Text(role="assistant", text=text, extra=extra) if self.kind is Text else Refusal(text=text, extra=extra)
        )


class GrowingThought:
    """A text of this `carrier`, or else entries of one index, each in pieces."""

    def __init__(self, index: int, carrier: str | None) -> None:
        self.index = index
        self.carrier = carrier
        self._pieces: dict[str, list[str]] = {}
        self._entries: dict[str, Json] = {}

    def add(self, text: str) -> None:
        self._pieces.setdefault(thoughts.TEXT, []).append(text)

    def accepts(self, entry: Json) -> bool:
        """A piece of an entry that is here, or another entry of the same index. What is sealed does not grow."""
        if self.carrier or not self._entries:
            return not self.carrier
        first, kind = next(iter(self._entries.values())), told_text(entry.get("type")) or ""
        if told_integer(entry.get("index")) != told_integer(first.get("index")):
            return False
        known = self._entries.get(kind)
        if kind in _GROWS:
            is_signed = any(told_text(each.get("signature")) for each in self._entries.values())
            is_sealed = is_signed or thoughts.ENCRYPTED in self._entries
            return (known is not None or first.get("index") is not None) and not is_sealed
        is_same = known is not None and known.get("id") == entry.get("id")
        return is_same or (known is None and first.get("index") is not None)

    def add_entry(self, entry: Json) -> str:
        """What there is to read in it."""
        kind = told_text(entry.get("type")) or ""
        before = self._entries.get(kind, {})
        self._entries[kind] = {
            **entry,
            **before,
            **{name: value for name, value in entry.items() if value is not None},
        }
        text = told_text(entry.get(thoughts.CONTENT[kind])) if kind in _GROWS else None
        if text is not None:
            self._pieces.setdefault(kind, []).append(text)
        return text or ""

    def node(self) -> Reasoning:
        said = {kind: "".join(pieces) for kind, pieces in self._pieces.items()}
        if self.carrier:
            return Reasoning(content=said.get(thoughts.TEXT, ""), extra={thoughts.CARRIER: self.carrier})
        whole = {kind: {thoughts.CONTENT[kind]: text} for kind, text in said.items()}
        return thoughts.thought_of([{**entry, **whole.get(kind, {})} for kind, entry in self._entries.items()])


class GrowingCall:
    """It begins for others when its name is known; before that its arguments wait."""

    def __init__(self, place: int, *, is_old: bool = False) -> None:
        self.index: int | None = None
        self.call_id = calls.old_id(place) if is_old else ""
        self.name = ""
        self._place = place
        self._is_old = is_old
        self._is_custom = False
        self._signature: str | None = None
        self._extra: Json = {calls.OLD: True} if is_old else {}
        self._pieces: list[str] = []

    def add(self, fragment: Json) -> str:
        """The piece of arguments in it."""
        if self.index is None and not self._is_old:
            self._is_custom = self._is_custom or fragment.get("type") == "custom"
        function = told_object(fragment.get("custom" if self._is_custom else "function")) or {}
        if self._is_old:
            function = fragment
        else:
            signature, extra = calls.signature_of(fields.rest(fragment, calls.KNOWN))
            self._signature = signature or self._signature
            self._extra |= {name: value for name, value in extra.items() if value is not None}
        if self.index is None:
            # Afterwards others have been told what they are.
            self.call_id = self.call_id or told_text(fragment.get("id")) or ""
            self.name = told_text(function.get("name")) or self.name
        piece = calls.told_arguments(function.get("input" if self._is_custom else "arguments"))
        self._pieces.append(piece)
        return piece

    def missing(self, arguments: str) -> str:
        """What a whole says beyond the pieces."""
        said = self.arguments
        return arguments[len(said) :] if arguments.startswith(said) else ""

    @property
    def arguments(self) -> str:
        return "".join(self._pieces)

    @property
    def is_empty(self) -> bool:
        return not (self.name or any(self._pieces))

    def begin(self, index: int) -> Node:
        self.index = index
        self.call_id = self.call_id or calls.made_id(self._place)
        return self._written("")

    def node(self) -> ToolCall:
        return self._written(self.arguments)

    def _written(self, arguments: str) -> ToolCall:
        return ToolCall(
            call_id=self.call_id,
            name=self.name,
            arguments=arguments,
            kind="custom" if self._is_custom else "function",
            encrypted=self._signature,
            origin="gemini" if self._signature else None,
            extra=self._extra,
        )
