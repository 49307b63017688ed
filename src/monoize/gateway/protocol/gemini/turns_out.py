"""Nodes grouped into the contents of a request: those of the model, those of its caller, and results of functions.

The service wants as many results as there were calls, all in the content after them, and nothing else beside them.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini import parts_out
from monoize.gateway.protocol.gemini.models import is_third_generation
from monoize.gateway.protocol.gemini.turns_in import OUTCOMES, RESULT_PART
from monoize.gateway.protocol.gemini.wire import is_same_json, json_object
from monoize.gateway.protocol.urp import Json

UNSIGNED: Final = "skip_thought_signature_validator"
"""What the service documents as the signature of a call that another model made, or that lost its own."""

_Answers = dict[int, urp.ToolResult]
"""The result of each call that has one, by the place of the call among the nodes."""


def contents_of(nodes: Sequence[urp.Node], model: str, *, own: bool) -> tuple[list[Json], list[Json]]:
    """The contents, and the parts of the instructions. `own`: the extras of the nodes are this protocol's."""
    turns = _Turns(model, _answers(nodes), own=own)
    for place, node in enumerate(nodes):
        turns.add(place, node)
    turns.close()
    return turns.contents, turns.instructions


class _Turns:
    def __init__(self, model: str, answers: _Answers, *, own: bool) -> None:
        self.contents: list[Json] = []
        self.instructions: list[Json] = []
        self._answers = answers
        self._own = own
        self._is_third = is_third_generation(model)
        self._role: str | None = None
        self._parts: list[Json] = []
        self._called: list[tuple[urp.ToolCall, urp.ToolResult]] = []

    def add(self, place: int, node: urp.Node) -> None:
        match node:
            case urp.ToolResult():
                # It is written after its call; whatever follows it was said later.
                if self._called:
                    self.close()
            case urp.Text(role="system" | "developer"):
                part = parts_out.part_of(node, self._extra(node))
                self.instructions += [] if part is None else [part]
            case urp.ToolCall():
                if (answer := self._answers.get(place)) is not None:
                    self._add_call(node, answer)
            case _:
                part = parts_out.part_of(node, self._extra(node))
                if part is not None:
                    self._speak("model" if _is_models(node) else "user").append(part)

    def close(self) -> None:
        """Ends the content that is open, and has the results of its calls follow."""
        if self._parts:
            self.contents.append({"role": self._role, "parts": self._parts})
        called, self._parts, self._called, self._role = self._called, [], [], None
        if called:
            answered = [self._result(call, answer) for call, answer in called]
            self.contents.append({"role": "user", "parts": [part for part, _ in answered]})
            apart = [part for _, parts in answered for part in parts]
            if apart:
                self.contents.append({"role": "user", "parts": apart})

    def _add_call(self, call: urp.ToolCall, answer: urp.ToolResult) -> None:
        parts = self._speak("model")
        part = parts_out.call_part(call, self._extra(call))
        if self._is_third and not self._called:
            # Of calls made at once only the first is signed.
            part.setdefault("thoughtSignature", UNSIGNED)
        parts.append(part)
        self._called.append((call, answer))

    def _speak(self, role: str) -> list[Json]:
        if role != self._role:
            self.close()
            self._role = role
        return self._parts

    def _extra(self, node: urp.Node) -> Mapping[str, Any]:
        return node.extra if self._own and not isinstance(node, urp.ProviderItem) else urp.NO_EXTRA

    def _result(self, call: urp.ToolCall, answer: urp.ToolResult) -> tuple[Json, list[Json]]:
        """The part of a result, and the parts of what cannot be in it."""
        texts: list[str] = []
        within: list[Json] = []
        apart: list[Json] = []
        for node in answer.content:
            match node:
                case urp.Text():
                    texts.append(node.text)
                case urp.File(source=urp.PlainText(text=text)):
                    texts.append(text)
                case urp.ProviderItem(origin="gemini", item_type=item_type) if item_type == RESULT_PART:
                    within.append(node.body)
                case urp.Image() | urp.File():
                    part = parts_out.part_of(node, self._extra(node))
                    # Addresses are not opened in a result, and older models take no images there at all.
                    fits = self._is_third and part is not None and ("inlineData" in part or self._own)
                    if part is not None:
                        (within if fits else apart).append(part)
                case urp.ProviderItem():
                    continue
        result = {
            **(answer.extra if self._own else {}),
            "id": call.call_id,
            "name": call.name,
            "response": _response("\n".join(texts), is_error=answer.is_error),
        }
        if within:
            result["parts"] = within
        return {"functionResponse": result}, apart


def _response(text: str, *, is_error: bool) -> Json:
    if is_error:
        return {"error": text}
    whole = json_object(text)
    if whole and not any(key in whole for key in OUTCOMES) and is_same_json(text, whole):
        return whole
    return {"output": text}


def _answers(nodes: Sequence[urp.Node]) -> _Answers:
    """Ids may come twice in a long conversation, so a call takes the first result after it that is still free.

    Calls without a result, results without a call and calls of tools that only others know are in no pair.
    """
    waiting: dict[str, deque[int]] = defaultdict(deque)
    answers: _Answers = {}
    for place, node in enumerate(nodes):
        match node:
            case urp.ToolCall(kind="function"):
                waiting[node.call_id].append(place)
            case urp.ToolResult() if waiting.get(node.call_id):
                answers[waiting[node.call_id].popleft()] = node
            case _:
                continue
    return answers


def _is_models(node: urp.Node) -> bool:
    match node:
        case urp.Text() | urp.Image() | urp.Audio() | urp.File() | urp.ProviderItem():
            return node.role == "assistant"
        case _:
            return True
