"""Texts of an answer without the personal data in them, while they stream.

A text is told up to the last place where it may be cut (`personal_data/cuts`); what comes after waits for more. So
what is told in pieces is what the whole would be told as, however it came. A stretch that may be cut nowhere is
held for so long only; then it is cut behind the last word of it.
"""

import functools
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Final

import msgspec

from monoize.base.personal_data.cuts import WORD_MOST, last_cut
from monoize.base.personal_data.secrets import PRIVATE_KEY_BEGIN, PRIVATE_KEY_MOST
from monoize.gateway.govern.nodes import changed_extra, changed_node, unsealed
from monoize.gateway.govern.sieve import Sieve
from monoize.gateway.govern.told import Record, Told
from monoize.gateway.protocol.urp import (
    NO_EXTRA,
    Node,
    Reasoning,
    ReasoningDelta,
    Refusal,
    Response,
    StreamEvent,
    Text,
    ToolCall,
)
from monoize.gateway.transforms.retelling import Delta, lacking

HELD_MOST: Final = 4_096
_ENDS_OF_WORDS: Final = " \t\n\"',;<>"
_PROBABILITIES: Final = "logprobs"
"""Of each piece of a text, which they spell out once more."""


class ToldTexts(Told):
    def __init__(self, sieve: Sieve, record: Record) -> None:
        super().__init__(sieve, record)
        self._is_call = False
        # By the part of a summary; None: what is of no summary.
        self._parts: dict[int | None, _Part] = {}

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        self._is_call, self._parts = isinstance(node, ToolCall), {}
        # Others say all that they say when they begin: they wait until they are done.
        if isinstance(node, Text | Refusal | Reasoning | ToolCall):
            yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if self._is_call:
            yield self._more(delta)
            return
        place = delta.summary_index if isinstance(delta, ReasoningDelta) else None
        if text := self._parts.setdefault(place, _Part(self._sieve)).heard_more(delta.text):
            yield self._more(msgspec.structs.replace(delta, text=text))

    def done(self, node: Node) -> Iterator[StreamEvent]:
        match node:
            case ToolCall():
                yield self._end(node)
            case Text() | Refusal():
                text = yield from self._rest(None, node.text, self._text)
                yield self._end(msgspec.structs.replace(node, text=text, extra=self._extra(node.extra)))
            case Reasoning():
                yield from self._thought_over(node)
            case _:
                told = changed_node(node, self._sieve, "output")
                yield self._begin(told)
                yield self._end(told)

    def response(self, response: Response) -> Response:
        return super().response(msgspec.structs.replace(response, extra=self._extra(response.extra)))

    def _thought_over(self, thought: Reasoning) -> Iterator[StreamEvent]:
        content = yield from self._rest(None, thought.content or "", self._thought)
        summary = []
        for place, part in enumerate(thought.summary):
            tell = functools.partial(self._thought, summary_index=place)
            summary.append((yield from self._rest(place, part, tell)))
        told = msgspec.structs.replace(
            thought,
            content=content if thought.content is not None else None,
            summary=tuple(summary),
            extra=self._extra(thought.extra),
        )
        is_same = (told.content, list(told.summary)) == (thought.content, list(thought.summary))
        yield self._end(told if is_same else unsealed(told))

    def _rest(
        self, place: int | None, whole: str, tell: Callable[[str], StreamEvent]
    ) -> Generator[StreamEvent, None, str]:
        """Tells what has not been told of a text that is complete, and says what the whole is told as."""
        part = self._parts.get(place)
        if part is None:
            return self._sieve.text(whole, "output")
        if text := part.ended(lacking(whole, part.heard)):
            yield tell(text)
        # What is complete counts, whatever came before.
        return part.told if whole == part.heard else self._sieve.text(whole, "output")

    def _extra(self, extra: Mapping[str, Any]) -> Mapping[str, Any]:
        if extra is NO_EXTRA or not extra:
            return extra
        return changed_extra(_without_probabilities(extra), self._sieve, "output")


class _Part:
    """A text while it comes."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._held = ""
        self._heard: list[str] = []
        self._told: list[str] = []

    @property
    def heard(self) -> str:
        return "".join(self._heard)

    @property
    def told(self) -> str:
        return "".join(self._told)

    def heard_more(self, text: str) -> str:
        """What can be told now."""
        looked_at = len(self._held)
        self._heard.append(text)
        self._held += text
        cut = last_cut(self._held, looked_at - WORD_MOST) or _forced_cut(self._held)
        return self._let_go(cut)

    def ended(self, rest: str) -> str:
        self._heard.append(rest)
        self._held += rest
        return self._let_go(len(self._held))

    def _let_go(self, cut: int) -> str:
        if not cut:
            return ""
        text, self._held = self._sieve.text(self._held[:cut], "output"), self._held[cut:]
        self._told.append(text)
        return text


def _forced_cut(held: str) -> int:
    most = HELD_MOST + (PRIVATE_KEY_MOST if PRIVATE_KEY_BEGIN in held else 0)
    if len(held) <= most:
        return 0
    return max(held.rfind(end, 0, most) for end in _ENDS_OF_WORDS) + 1 or most


def _without_probabilities(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: _without_probabilities(value) if isinstance(value, dict) else value
        for name, value in extra.items()
        if name != _PROBABILITIES
    }
