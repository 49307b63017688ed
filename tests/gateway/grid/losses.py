"""What cannot be said in a protocol, in the order of a request's way and back: all that the grid lets get lost.

`wished` is what a caller can ask for, `taken` what a provider can be told of that; `told` is what a provider can
answer, `understood` what a caller can hear of that. Between equal protocols nothing is lost on the way.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.grid.gemini_requests import UNSIGNED
from gateway.grid.meaning import (
    Answered,
    Asked,
    Call,
    Document,
    Line,
    Name,
    Outcome,
    Part,
    Refused,
    Thought,
    Used,
    Words,
    compact,
    turns,
)

_OBJECTS: Final[frozenset[Name]] = frozenset({"messages", "gemini"})
"""In these the arguments of a call are an object, no text; but where they stream in Messages they are."""
_NO_REFUSALS: Final[frozenset[Name]] = frozenset({"messages", "gemini"})
_FAILURES: Final[frozenset[Name]] = frozenset({"messages", "gemini"})
"""In these a tool can be said to have failed."""
_MAKERS: Final[Mapping[Name, Name]] = {"chat": "messages"}
"""Whose seals a provider shows that are not of its own protocol."""


def wished(asked: Asked, caller: Name) -> Asked:
    lines = [(who, _wished_part(part, caller)) for who, part in asked.lines]
    return dataclasses.replace(asked, lines=tuple(lines), stop=_stops(asked, caller))


def _wished_part(part: Part, caller: Name) -> Part:
    match part:
        case Call():
            return _spelled(part, is_object=caller in _OBJECTS)
        case Refused(text=text) if caller in _NO_REFUSALS:
            return Words(text)
        case Outcome():
            return dataclasses.replace(
                part,
                pictures=() if caller == "chat" else part.pictures,
                failed=part.failed and caller in _FAILURES,
            )
    return part


def unsealed(lines: Sequence[Line]) -> tuple[Line, ...]:
    """What only another provider can read is worth nothing here."""
    return tuple(
        (who, dataclasses.replace(part, seal=None) if isinstance(part, Words | Thought | Call) else part)
        for who, part in lines
    )


def taken(asked: Asked, upstream: Name) -> Asked:
    """Of a caller of another protocol."""
    lines = tuple(line for turn in turns(asked.lines) for line in _taken_turn(*turn, upstream))
    return dataclasses.replace(asked, lines=lines, stop=_stops(asked, upstream))


def _taken_turn(who: str, parts: Sequence[Part], upstream: Name) -> Iterator[Line]:
    signed = False
    for part in parts:
        match part:
            case Thought():
                yield from (("model", each) for each in _taken_thought(part, upstream))
            case Call():
                call = _spelled(part, is_object=upstream in _OBJECTS)
                if upstream == "gemini":
                    # Only the first of a turn has to be signed, if need be by saying that nobody did.
                    call = dataclasses.replace(call, seal=call.seal or (None if signed else UNSIGNED))
                    signed = True
                yield "model", call
            case Refused(text=text) if upstream in _NO_REFUSALS:
                yield "model", Words(text)
            case Document() if upstream == "gemini":
                yield "user", dataclasses.replace(part, name=None)
            case Outcome():
                pictures = () if upstream == "chat" else part.pictures
                failed = part.failed and upstream in _FAILURES
                yield "tool", dataclasses.replace(part, pictures=pictures, failed=failed)
            case _:
                yield {"system": "system", "model": "model"}.get(who, "user"), part  # type: ignore[misc]
    if upstream == "chat":
        # Results are text there; what they show is shown by the user.
        shown = [picture for part in parts if isinstance(part, Outcome) for picture in part.pictures]
        yield from (("user", picture) for picture in shown)


def _taken_thought(thought: Thought, upstream: Name) -> Sequence[Part]:
    match upstream:
        case "chat":
            # Who does not know the member refuses it.
            return []
        case "messages":
            # Claude takes back what it signed, and nothing else.
            return [thought] if thought.seal else []
        case "gemini":
            return [dataclasses.replace(thought, seal=None)]
    return [thought]


def told(answered: Answered, upstream: Name, *, stream: bool) -> Answered:
    parts, ending = list(answered.parts), answered.ending
    if upstream in _NO_REFUSALS and any(isinstance(part, Refused) for part in parts):
        parts = [Words(part.text) if isinstance(part, Refused) else part for part in parts]
        ending = "filtered"
    is_object = upstream == "gemini" or (upstream == "messages" and not stream)
    parts = [_spelled(part, is_object=is_object) if isinstance(part, Call) else part for part in parts]
    used = answered.used
    if upstream == "gemini":
        parts = _sealed_at_the_end(parts)
        used = used and dataclasses.replace(used, written=0)
    return Answered(tuple(parts), ending, used)


def understood(answered: Answered, caller: Name, upstream: Name, *, stream: bool) -> Answered:
    if caller == upstream:
        return answered
    used = answered.used
    if caller == "gemini":
        # It counts what comes out of a cache only.
        used = used and dataclasses.replace(used, written=0)
    is_object = caller == "gemini" or (caller == "messages" and not stream)
    heard: list[Part] = []
    for part in answered.parts:
        match part:
            case Refused(text=text) if caller in _NO_REFUSALS:
                heard.append(Words(text))
            case Words(text=text):
                heard.append(Words(text))
            case Thought(text=text, seal=seal):
                # Chat has room for the seals of all others.
                is_readable = caller in ("chat", _MAKERS.get(upstream, upstream))
                if text or (seal and is_readable):
                    heard.append(Thought(text, seal if is_readable else None))
            case Call(seal=seal):
                known = dataclasses.replace(part, seal=seal if caller == "chat" else None)
                heard.append(_spelled(known, is_object=is_object))
            case _:
                heard.append(part)
    return Answered(tuple(heard), answered.ending, used)


def replayed(heard: Answered, caller: Name) -> tuple[Line, ...]:
    """What a caller says again of what it heard. Only Chat remembers whose seal a foreign one is."""
    lines: tuple[Line, ...] = tuple(("model", _wished_part(part, caller)) for part in heard.parts)
    return lines if caller == "chat" else unsealed(lines)


def charged(used: Used | None, upstream: Name) -> Used | None:
    """What went into a cache is charged as such only where Anthropic says it; elsewhere as any other input."""
    return used if used is None or upstream == "messages" else dataclasses.replace(used, written=0)


def _sealed_at_the_end(parts: Sequence[Part]) -> list[Part]:
    """Gemini seals what came of a thought: the first call, or else the words."""
    seal = next((part.seal for part in parts if isinstance(part, Thought)), None)
    found: list[Part] = []
    kind = Call if any(isinstance(part, Call) for part in parts) else Words
    for part in parts:
        if isinstance(part, Thought):
            found += [Thought(part.text)] if part.text else []
        elif isinstance(part, kind) and seal:
            found.append(dataclasses.replace(part, seal=seal))
            seal = None
        else:
            found.append(part)
    return found


def _stops(asked: Asked, name: Name) -> tuple[str, ...]:
    """Responses knows no such thing, and Messages none that cannot be seen."""
    if name == "responses":
        return ()
    return tuple(stop for stop in asked.stop if name != "messages" or stop.strip())


def _spelled(call: Call, *, is_object: bool) -> Call:
    return dataclasses.replace(call, arguments=compact(call.arguments)) if is_object else call
