"""An answer whose pieces are short enough for readers that break on long lines."""

from collections.abc import Iterator
from typing import Final

import msgspec

from monoize.contract.transforms.settings import SplitSseFrames
from monoize.gateway.protocol.urp import (
    Node,
    Reasoning,
    ReasoningDelta,
    Refusal,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
)
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import Delta, Retelling, ToldThought, lacking

AROUND: Final = 1_024
"""What a protocol puts around a piece, at most."""
_TIMES_TOLD: Final = 3
"""In how many members of one event a thought may stand."""

_encoder: Final = msgspec.json.Encoder()


class Retold(Retelling):
    def __init__(self, config: SplitSseFrames, about: About) -> None:
        super().__init__()
        self._room = config.max_frame_length - AROUND
        self._heard: list[str] = []
        self._thought_heard = ToldThought()

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        self._heard, self._thought_heard = [], ToldThought()
        yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if isinstance(delta, TextDelta):
            self._heard.append(delta.text)
        else:
            self._thought_heard.hear(delta)
        room = self._room // _TIMES_TOLD if isinstance(delta, ReasoningDelta) else self._room
        for piece in _pieces(delta.text, room):
            yield self._more(msgspec.structs.replace(delta, text=piece))

    def done(self, node: Node) -> Iterator[StreamEvent]:
        """What was not told before its end would be told there at once."""
        match node:
            case Text() | Refusal():
                yield from self._rest(node.text)
            case ToolCall():
                yield from self._rest(node.arguments)
            case Reasoning() if not self._thought_heard.has_begun:
                yield from self._rest_of_thought(node)
        yield self._end(node)

    def _rest(self, whole: str) -> Iterator[StreamEvent]:
        for piece in _pieces(lacking(whole, "".join(self._heard)), self._room):
            yield self._text(piece)

    def _rest_of_thought(self, node: Reasoning) -> Iterator[StreamEvent]:
        texts: list[tuple[str, int | None]] = [(text, place) for place, text in enumerate(node.summary)]
        if node.content:
            texts = [(node.content, None)]
        for text, place in texts:
            for piece in _pieces(text, self._room // _TIMES_TOLD):
                yield self._thought(piece, place)


def _pieces(text: str, room: int) -> Iterator[str]:
    """Each no longer than that, written as JSON."""
    if len(text) <= 1 or len(_encoder.encode(text)) <= room:
        if text:
            yield text
        return
    middle = len(text) // 2
    yield from _pieces(text[:middle], room)
    yield from _pieces(text[middle:], room)
