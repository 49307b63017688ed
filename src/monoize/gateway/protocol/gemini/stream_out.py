"""An answer that streams, for a caller of this protocol.

Chunks have no numbers by which to tell their nodes apart, so nodes are told one after the other: what is said of a
later one waits. A call is told when it is complete.
"""

from collections.abc import Sequence

import msgspec

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini import answer_out, problems
from monoize.gateway.protocol.gemini.parts_out import readable
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Json


class StreamEncoder:
    """`array`: the caller did not ask for server-sent events, and gets the elements of one long array."""

    def __init__(self, naming: Naming, model: str | None, *, array: bool = False) -> None:
        self._naming = naming
        self._model = model or ""
        self._has_model = model is not None
        self._is_array = array
        self._has_begun = False
        self._nodes: dict[int, _Telling] = {}
        self._current = 0

    def encode(self, event: urp.StreamEvent) -> bytes:
        match event:
            case urp.Started(model=model):
                self._know(model)
            case urp.NodeStarted(index=index, node=node):
                self._nodes[index] = _Telling(node)
            case urp.TextDelta(index=index, text=text) if index in self._nodes:
                self._nodes[index].hear(text)
            case urp.ReasoningDelta(index=index, text=text, summary_index=place) if index in self._nodes:
                self._nodes[index].hear(text, place)
            case urp.NodeDone(index=index, node=node):
                self._nodes.setdefault(index, _Telling(node)).done = node
            case urp.Done(response=response):
                return self._end(response)
            case urp.Failed():
                return self._frame(_error(event, self._naming), is_last=True)
        parts = self._due()
        return self._frame(self._chunk(parts)) if parts else b""

    def _due(self) -> list[Json]:
        """What may be said now."""
        parts: list[Json] = []
        while (telling := self._nodes.get(self._current)) is not None:
            parts += telling.say()
            if telling.done is None:
                break
            del self._nodes[self._current]
            self._current += 1
        return parts

    def _end(self, response: urp.Response) -> bytes:
        for index, node in enumerate(response.output[self._current :], start=self._current):
            self._nodes.setdefault(index, _Telling(node)).done = node
        parts = self._due()
        self._know(response.model)
        final = answer_out.final_chunk(response, parts, model=self._model, naming=self._naming)
        return self._frame(final, is_last=True)

    def _know(self, model: str) -> None:
        if not self._has_model and model:
            self._model = model

    def _chunk(self, parts: Sequence[Json]) -> Json:
        return answer_out.chunk(list(parts), {}, model=self._model, naming=self._naming)

    def _frame(self, chunk: Json, *, is_last: bool = False) -> bytes:
        text = msgspec.json.encode(chunk)
        if not self._is_array:
            return b"data: " + text + b"\n\n"
        before, self._has_begun = b",\n" if self._has_begun else b"[", True
        return before + text + (b"]" if is_last else b"")


class _Telling:
    """One node on its way: what of it was heard, and how much of that was said already."""

    def __init__(self, node: urp.Node) -> None:
        self.done: urp.Node | None = None
        self._node = node
        self._heard = ""
        self._said = ""
        # Thoughts are told in full or as a summary, whichever comes first; None while neither did.
        self._place: int | None = None
        self._is_summary: bool | None = None

    def hear(self, text: str, place: int | None = None) -> None:
        if isinstance(self._node, urp.Reasoning):
            if self._is_summary is None:
                self._is_summary = place is not None
            if self._is_summary != (place is not None):
                return
            if place != self._place and self._place is not None:
                text = "\n\n" + text
            self._place = place
        self._heard += text

    def say(self) -> list[Json]:
        if self.done is not None:
            return self._rest(self.done)
        if not isinstance(self._node, urp.Text | urp.Refusal | urp.Reasoning) or not self._heard:
            return []
        part = self._words(self._heard)
        self._said, self._heard = self._said + self._heard, ""
        return [part]

    def _rest(self, node: urp.Node) -> list[Json]:
        if not self._said:
            part = answer_out.answer_part(node)
            return [] if part is None else [part]
        whole = self._whole(node)
        part = self._words(whole.removeprefix(self._said) if whole.startswith(self._said) else self._heard)
        signature = _signature(node)
        if signature is not None:
            part["thoughtSignature"] = signature
        return [part] if part["text"] or signature else []

    def _whole(self, node: urp.Node) -> str:
        match node:
            case urp.Text() | urp.Refusal():
                return node.text
            case urp.Reasoning():
                return "\n\n".join(node.summary) if self._is_summary else readable(node)
            case _:
                return ""

    def _words(self, text: str) -> Json:
        return {"text": text, "thought": True} if isinstance(self._node, urp.Reasoning) else {"text": text}


def _signature(node: urp.Node) -> str | None:
    match node:
        case urp.Reasoning(origin="gemini"):
            return node.encrypted
        case urp.Text():
            signature = node.extra.get("thoughtSignature")
            return signature if isinstance(signature, str) else None
        case _:
            return None


def _error(failed: urp.Failed, naming: Naming) -> Json:
    status = failed.status if failed.status is not None and 400 <= failed.status <= 599 else 502
    code = failed.code or "upstream_error"
    return problems.error_body(status, code, failed.message, param=None, request_id=naming.response_id, hint=None)
