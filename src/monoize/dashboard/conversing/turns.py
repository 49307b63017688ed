"""What was said in a conversation, turn by turn, in no protocol's words. Pure.

A page keeps its conversation itself, as text in its form, so that nothing of it is stored here; what comes back in
that form may be anything.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from monoize.dashboard.forms import invalid
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.urp import Node, Reasoning, Text, ToolCall, ToolResult

KEPT_BYTES_MOST: Final = 150_000
TURNS_MOST: Final = 200
CALLS_MOST: Final = 32


class Said(msgspec.Struct, frozen=True, tag="said"):
    """By the person."""

    text: str


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """By the model. `thought` is what people can read of its `reasoning`, which goes back to whoever made it."""

    text: str
    thought: str = ""
    reasoning: tuple[Reasoning, ...] = ()
    calls: tuple[ToolCall, ...] = ()


class Result(msgspec.Struct, frozen=True):
    call_id: str
    name: str
    text: str


class Returned(msgspec.Struct, frozen=True, tag="returned"):
    """By the tools that were called, as the person has typed it."""

    results: tuple[Result, ...]


Turn = Said | Answered | Returned

_decoder: Final = msgspec.json.Decoder(tuple[Turn, ...])
_encoder: Final = msgspec.json.Encoder()


def kept(turns: Sequence[Turn]) -> str | None:
    """As the page keeps it; None for a conversation that has become too long to go on."""
    text = _encoder.encode(turns)
    return text.decode() if len(text) <= KEPT_BYTES_MOST and len(turns) <= TURNS_MOST else None


def read_turns(text: str) -> Sequence[Turn]:
    """What `kept` has written, or somebody else."""
    if not text:
        return ()
    try:
        turns = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _unreadable() from None
    if kept(turns) is None:
        raise _unreadable()
    return turns


def awaited(turns: Sequence[Turn]) -> Sequence[ToolCall]:
    """The calls whose results have to be told before the conversation can go on."""
    last = turns[-1] if turns else None
    return last.calls if isinstance(last, Answered) else ()


def nodes_of(turns: Sequence[Turn]) -> Iterator[Node]:
    for turn in turns:
        match turn:
            case Said(text=text):
                yield Text(role="user", text=text)
            case Answered():
                yield from turn.reasoning
                if turn.text:
                    yield Text(role="assistant", text=turn.text)
                yield from turn.calls
            case Returned(results=results):
                for each in results:
                    told = (Text(role="user", text=each.text),)
                    yield ToolResult(call_id=each.call_id, name=each.name, content=told)


def answered(output: Sequence[Node]) -> Answered:
    """The turn that a complete answer is. Reasoning that nobody can read again is not sent again."""
    reasoning = [node for node in output if isinstance(node, Reasoning)]
    return Answered(
        text="\n\n".join(node.text for node in output if isinstance(node, Text | urp.Refusal) and node.text),
        thought="\n\n".join(filter(None, map(_readable, reasoning))),
        reasoning=tuple(node for node in reasoning if node.encrypted),
        calls=tuple(node for node in output if isinstance(node, ToolCall)),
    )


def _readable(thought: Reasoning) -> str:
    return thought.content or "\n\n".join(thought.summary)


def _unreadable() -> Exception:
    return invalid(prompt="What was said before cannot be read any more. Begin a new conversation.")
