"""One message of the model, as a request says it again."""

from typing import Final

import msgspec

from monoize.gateway.protocol.chat import calls, media, thoughts
from monoize.gateway.protocol.chat.models import wants_its_thoughts
from monoize.gateway.protocol.chat.parts_out import content_of, part_of
from monoize.gateway.protocol.fields import told_integer
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    FileId,
    Image,
    Json,
    ProviderItem,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

_THINKING: Final = "thinking"


class AssistantMessage:
    """`results` are those of its calls; `beside` is what stood in the message beside all that."""

    def __init__(self, model: str, *, own: bool) -> None:
        self.results: list[ToolResult] = []
        self.beside: Json = {}
        self._own = own
        self._wants_thoughts = wants_its_thoughts(model)
        self._parts: list[Json] = []
        self._refusals: list[str] = []
        self._calls: list[Json] = []
        self._details: list[Json] = []
        self._thoughts: dict[str, list[str]] = {}
        self._members: Json = {}

    def add(self, node: Text | Image | Audio | File | Refusal | Reasoning | ProviderItem) -> None:
        match node:
            case Reasoning():
                self._think(node)
            case Refusal():
                self._refusals.append(node.text)
            case Text() | ProviderItem():
                part = part_of(node, own=self._own)
                if part:
                    self._parts.append(part)
            case Image() if self._own:
                part = media.image_part(node)
                if part:
                    self._members.setdefault("images", []).append(part)
            case Audio(source=FileId(file_id=id, origin="chat")):
                self._members["audio"] = {"id": id}

    def add_call(self, call: ToolCall, result: ToolResult) -> None:
        self.results.append(result)
        if self._own and calls.OLD in call.extra and calls.OLD not in self._members:
            self._members[calls.OLD] = {"name": call.name, "arguments": calls.arguments_of(call)}
        else:
            self._calls.append(calls.write_call(call, own=self._own))

    def finished(self) -> Json | None:
        """None when there is nothing that could be said."""
        members: Json = {name: thoughts.PARAGRAPH.join(texts) for name, texts in self._thoughts.items()}
        if self._details:
            members[thoughts.DETAILS] = self._details
        members |= self._members
        if self._refusals:
            members["refusal"] = thoughts.PARAGRAPH.join(self._refusals)
        if self._calls:
            members["tool_calls"] = self._calls
        if not (members or self._parts):
            return None
        return {**self.beside, "role": "assistant", "content": self._content(members), **members}

    def _content(self, members: Json) -> object:
        if self._parts:
            return content_of(self._parts, own=self._own)
        # Nothing may be said beside these; elsewhere it has to be something, and be it empty.
        return None if members.keys() & {"tool_calls", calls.OLD, "refusal", "audio"} else ""

    def _think(self, thought: Reasoning) -> None:
        carrier = thought.extra.get(thoughts.CARRIER) if self._own else None
        text = thoughts.readable(thought)
        if self._own and thoughts.DETAILS in thought.extra:
            self._details += thoughts.write_details(thought)
        elif carrier == _THINKING:
            inner = {"type": "text", "text": text or ""}
            self._parts.append({"type": _THINKING, _THINKING: [inner]})
        elif carrier in thoughts.FIELDS or self._wants_thoughts:
            if text:
                self._thoughts.setdefault(carrier or thoughts.FIELDS[0], []).append(text)
        elif self._own:
            is_foreign = thought.origin != "chat"
            known = msgspec.structs.replace(thought, encrypted=None) if is_foreign else thought
            self._details += thoughts.new_details(known, self._next_index())

    def _next_index(self) -> int:
        """So that nobody takes it for a part of the thought before."""
        indexes = (told_integer(entry.get("index")) for entry in self._details)
        return max((index for index in indexes if index is not None), default=-1) + 1
