"""What is asked and answered, whatever protocol says it: the terms in which the grid expects things.

They know nothing of the gateway's own common language, so that they can judge it.
"""

import dataclasses
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

Json = dict[str, Any]
Name = Literal["chat", "responses", "messages", "gemini"]
Who = Literal["system", "user", "model", "tool"]
Ending = Literal["stop", "calls", "length", "filtered"]


@dataclasses.dataclass(frozen=True)
class Words:
    text: str
    # What only the provider can read that said them.
    seal: str | None = None


@dataclasses.dataclass(frozen=True)
class Thought:
    text: str
    seal: str | None = None


@dataclasses.dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: str
    seal: str | None = None


@dataclasses.dataclass(frozen=True)
class Refused:
    text: str


@dataclasses.dataclass(frozen=True)
class Picture:
    """An address, or a `data:` URL in base64."""

    url: str


@dataclasses.dataclass(frozen=True)
class Document:
    """A PDF in base64."""

    data: str
    name: str | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Of the call with this id."""

    call: str
    text: str
    pictures: tuple[Picture, ...] = ()
    failed: bool = False


Part = Words | Thought | Call | Refused | Picture | Document | Outcome
Line = tuple[Who, Part]


@dataclasses.dataclass(frozen=True)
class Tool:
    name: str
    description: str
    schema: Json


@dataclasses.dataclass(frozen=True)
class Asked:
    """`choice` is `any`, or the name of the tool that has to be called."""

    lines: tuple[Line, ...]
    tools: tuple[Tool, ...] = ()
    choice: str | None = None
    schema: Json | None = None
    effort: str | None = None
    most: int = 2_000
    temperature: float | None = None
    stop: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Used:
    """Totals that include their parts."""

    input: int
    output: int
    read: int = 0
    written: int = 0
    thought: int = 0


@dataclasses.dataclass(frozen=True)
class Answered:
    parts: tuple[Part, ...]
    ending: Ending = "stop"
    used: Used | None = Used(12, 5)


def turns(lines: Sequence[Line]) -> Iterator[tuple[Who, list[Any]]]:
    """Lines of the same speaker in a row, together."""
    open_one: tuple[Who, list[Any]] | None = None
    for who, part in lines:
        if open_one is None or open_one[0] != who:
            if open_one:
                yield open_one
            open_one = who, []
        open_one[1].append(part)
    if open_one:
        yield open_one


def renamed(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Calls by their number: what they are called does not matter, as long as each has a name of its own."""
    ids = [part.id for part in parts if isinstance(part, Call)]
    assert len(ids) == len(set(ids))
    assert all(ids)
    numbers = {id: f"call {number}" for number, id in enumerate(ids)}
    found: list[Part] = []
    for part in parts:
        match part:
            case Call(id=id):
                found.append(dataclasses.replace(part, id=numbers[id]))
            case Outcome(call=call):
                found.append(dataclasses.replace(part, call=numbers[call]))
            case _:
                found.append(part)
    return tuple(found)


def joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Pieces of the same kind in a row are one; a seal comes with the last of them."""
    found: list[Part] = []
    for part in parts:
        before = found[-1] if found else None
        if type(part) is type(before) and isinstance(part, Words | Thought) and not getattr(before, "seal", None):
            found[-1] = type(part)(getattr(before, "text", "") + part.text, part.seal)
        elif isinstance(part, Refused) and isinstance(before, Refused):
            found[-1] = Refused(before.text + part.text)
        else:
            found.append(part)
    return tuple(found)


def compact(arguments: str) -> str:
    """The only spelling in which an object is written that was no text."""
    return json.dumps(json.loads(arguments), separators=(",", ":"), ensure_ascii=False)


def pieces(text: str) -> list[str]:
    """As models speak: a few characters at a time."""
    return [text[place : place + 7] for place in range(0, len(text), 7)]


def events(wire: bytes) -> list[tuple[str | None, str]]:
    """(name, data) of each event, in the plainest reading there is."""
    found = []
    for block in wire.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append((lines.get("event"), lines["data"]))
    return found


def known(body: Any, words: Collection[str], opaque: Collection[str]) -> None:
    """Nothing in it has a name that this protocol does not know. What is in the opaque ones is somebody else's."""
    waiting = [body]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, Mapping):
            strange = set(found) - set(words)
            assert not strange, strange
            waiting += [value for name, value in found.items() if name not in opaque]
