"""What was kept of a request, in parts that a page can show: bounded, and JSON over several lines. Pure."""

import dataclasses
from collections.abc import Sequence
from typing import Final

import msgspec

from monoize.contract.captures import Capture, Header, Message

CHARS_MOST: Final = 40_000
"""Of one part."""
ATTEMPTS_MOST: Final = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """`left` characters are not among what is shown."""

    title: str
    line: str
    headers: Sequence[Header]
    text: str
    left: int


@dataclasses.dataclass(frozen=True, slots=True)
class Captured:
    """`missing` says what was left out when it was kept."""

    parts: Sequence[Part]
    missing: Sequence[str]


def read(content: bytes) -> Captured:
    """What is not written as we write it is one part, as it is."""
    try:
        capture = msgspec.json.decode(content, type=Capture)
    except (msgspec.DecodeError, RecursionError):
        return Captured([_part("What is in the file", "", (), content.decode(errors="replace"))], ())
    parts = [_message("What was asked", capture.asked)]
    if capture.understood is not None:
        parts.append(_part("As it was understood", "", (), _readable(bytes(capture.understood).decode())))
    for number, attempt in enumerate(capture.attempts[:ATTEMPTS_MOST], 1):
        parts.append(_message(f"Attempt {number}: sent as {attempt.upstream_model}", attempt.sent))
        if attempt.came is not None:
            parts.append(_message(f"Attempt {number}: what came back", attempt.came))
    parts.append(_message("What the caller was told", capture.told))
    return Captured(parts, _missing(capture))


def _missing(capture: Capture) -> Sequence[str]:
    left = capture.left_out
    if left is None:
        return ()
    counted = ((left.attempts, "attempts"), (left.frames, "events of streams"), (left.bytes, "bytes"))
    return [f"{number} {what}" for number, what in counted if number]


def _message(title: str, message: Message) -> Part:
    said = (message.method, message.address, message.status)
    line = " ".join(str(each) for each in said if each is not None)
    if message.frames is not None:
        return _part(title, line, message.headers, "\n".join(message.frames))
    return _part(title, line, message.headers, _readable(message.body or ""))


def _part(title: str, line: str, headers: Sequence[Header], text: str) -> Part:
    return Part(title, line, headers, text[:CHARS_MOST], max(len(text) - CHARS_MOST, 0))


def _readable(text: str) -> str:
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return text
