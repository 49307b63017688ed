"""What a coding CLI prints about its tokens, read out of a terminal's noise. Pure; no text is too strange.

It looks like `Token usage: total=1,250 input=1,000 (+ 400 cached) output=250 (reasoning 64)`, in whole or in part.
"""

import re
from typing import Final, NamedTuple

LINE_CHARS_MOST: Final = 1000
"""Of a cleaned line; what was longer ends in dots."""

_DIGITS_MOST: Final = 12
_CUT: Final = "..."
_BEGINNING: Final = "token usage:"
_ESCAPES: Final = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]")
_UNPRINTED: Final = re.compile(r"[\x00-\x1f\x7f]")
_FOREIGN: Final = re.compile(r"[^ -~]")
_BACKSLASHES: Final = re.compile(r"\\{2,}")
# What a terminal's reports of the mouse leave behind once their escape character is gone.
_MOUSE: Final = re.compile(r"\[?<\d{1,5};\d{1,5};\d{1,5}[Mm]")
_NUMBER: Final = r"([0-9][0-9,_]*)"
_COUNTS: Final = {
    "total": re.compile(rf"(?i)\btotal\s*[=:]\s*{_NUMBER}"),
    "input": re.compile(rf"(?i)\binput\s*[=:]\s*{_NUMBER}"),
    "output": re.compile(rf"(?i)\boutput\s*[=:]\s*{_NUMBER}"),
    "cached": re.compile(rf"(?i)(?:\+\s*{_NUMBER}\s+cached\b|\bcached\s*[=:]\s*{_NUMBER})"),
    "reasoning": re.compile(rf"(?i)\breasoning(?:\s*[=:]\s*|\s+){_NUMBER}"),
}


class Counts(NamedTuple):
    """Tokens as a CLI counts them: `input` is without `cached`, `reasoning` a part of `output`. None: not said."""

    total: int | None = None
    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None

    @property
    def is_empty(self) -> bool:
        return all(count is None for count in self)


def cleaned(text: str) -> str:
    """One line of printable ASCII that begins with the report, if there is one in it."""
    text = _FOREIGN.sub("", _UNPRINTED.sub(" ", _ESCAPES.sub("", text)))
    text = " ".join(_MOUSE.sub(" ", _BACKSLASHES.sub(r"\\", text)).split())
    text = text[max(0, text.lower().find(_BEGINNING)) :]
    return text if len(text) <= LINE_CHARS_MOST else text[:LINE_CHARS_MOST] + _CUT


def counts_in(line: str) -> Counts:
    """The numbers that a cleaned line names; what cannot be a count is taken for unsaid."""
    return Counts(**{name: _count(pattern.search(line)) for name, pattern in _COUNTS.items()})


def _count(found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    digits = re.sub("[,_]", "", next(group for group in found.groups() if group))
    return int(digits) if len(digits) <= _DIGITS_MOST else None
