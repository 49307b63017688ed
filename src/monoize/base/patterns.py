"""Regular expressions for names of models, matched in time that a hostile pattern cannot stretch.

Python's own engine tries one way through a pattern after another, and some patterns have exponentially many. Here
all ways are followed at once: the places in a name up to which a pattern may have matched are the bits of one
integer. Nothing may repeat within what repeats, so no part is looked at more than once for each character. Known
are characters, `.`, `[a-z]`, `\\d`, `\\w`, groups, `|`, `*`, `+` and `?`; anything else is a ValueError.
"""

import functools
from collections.abc import Callable
from typing import Final

PATTERN_CHARS_MOST: Final = 128
_GROUPS_DEEP_MOST: Final = 8
_DIGITS: Final = frozenset("0123456789")
_WORD: Final = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_SETS: Final = {"d": _DIGITS, "w": _WORD}
_QUANTIFIERS: Final = "*+?"
_SPECIAL: Final = frozenset("^$()[]{}|\\" + _QUANTIFIERS)

_Accepts = Callable[[str], bool]


class _Name:
    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[_Accepts, int] = {}

    def places(self, accepts: _Accepts) -> int:
        """Where a character stands that is accepted."""
        found = self._known.get(accepts)
        if found is None:
            found = sum(1 << place for place, char in enumerate(self._text) if accepts(char))
            self._known[accepts] = found
        return found


_Step = Callable[[_Name, int], int]
"""From the places at which a part may begin to those at which it may have ended."""


class Pattern:
    def __init__(self, text: str) -> None:
        if not 0 < len(text) <= PATTERN_CHARS_MOST:
            raise ValueError(f"a pattern has 1 to {PATTERN_CHARS_MOST} characters")
        self._match = _Reader(text).pattern()

    def matches(self, name: str) -> bool:
        """All of the name."""
        return bool(self._match(_Name(name), 1) >> len(name) & 1)


@functools.lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    return Pattern(text)


class _Reader:
    def __init__(self, text: str) -> None:
        # What it matches is always the whole name, with these or without.
        text = text.removeprefix("^")
        self._text = text[:-1] if text.endswith("$") and not text.endswith("\\$") else text
        self._at = 0
        self._deep = 0

    def pattern(self) -> _Step:
        step, _ = self._choice()
        if self._next:
            raise ValueError("there is a ) without its (")
        return step

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._next
        if not char:
            raise ValueError("a pattern ends in the middle of something")
        self._at += 1
        return char

    def _choice(self) -> tuple[_Step, bool]:
        """(the step, whether something repeats in it), as of all that is read here."""
        read = [self._sequence()]
        while self._next == "|":
            self._at += 1
            read.append(self._sequence())
        steps = [step for step, _ in read]
        return steps[0] if len(steps) == 1 else _either(steps), any(repeats for _, repeats in read)

    def _sequence(self) -> tuple[_Step, bool]:
        read = []
        while self._next not in ("", "|", ")"):
            read.append(self._quantified())
        return _in_turn([step for step, _ in read]), any(repeats for _, repeats in read)

    def _quantified(self) -> tuple[_Step, bool]:
        step, repeats = self._atom()
        match self._next:
            case "?":
                self._at += 1
                return _perhaps(step), repeats
            case "*" | "+" as quantifier:
                self._at += 1
                if repeats:
                    raise ValueError("nothing may repeat within what repeats")
                often = _often(step)
                return often if quantifier == "*" else _in_turn([step, often]), True
        return step, repeats

    def _atom(self) -> tuple[_Step, bool]:
        match char := self._take():
            case "(":
                return self._group()
            case "[":
                return _one(self._set()), False
            case ".":
                return _one(lambda _: True), False
            case "\\":
                return _one(self._escaped().__contains__), False
            case _ if char in _QUANTIFIERS:
                raise ValueError(f"there is nothing before the {char} that it could repeat")
            case _ if char in _SPECIAL:
                raise ValueError(f"{char} has to be written as \\{char}")
        return _one(char.__eq__), False

    def _group(self) -> tuple[_Step, bool]:
        self._deep += 1
        if self._deep > _GROUPS_DEEP_MOST:
            raise ValueError("groups are nested too deeply")
        if self._next == "?":
            self._at += 1
            if self._take() != ":":
                raise ValueError("groups begin with ( or (?:")
        found = self._choice()
        if self._take() != ")":
            raise ValueError("there is a ( without its )")
        self._deep -= 1
        return found

    def _set(self) -> _Accepts:
        is_negated = self._next == "^"
        self._at += is_negated
        chars: frozenset[str] = frozenset()
        while (char := self._take()) != "]":
            chars |= self._range(char)
        if not chars:
            raise ValueError("there is nothing between [ and ]")
        return (lambda char: char not in chars) if is_negated else chars.__contains__

    def _range(self, first: str) -> frozenset[str]:
        """A character of a set, or all from one to another."""
        known = self._set_char(first)
        if self._next != "-" or self._text[self._at + 1 : self._at + 2] in ("", "]"):
            return known
        self._at += 1
        ends = known | self._set_char(self._take())
        least, most = min(ends), max(ends)
        if len(known) > 1 or len(ends) > 2 or least not in known or ord(most) > 127:
            raise ValueError("a range goes up from one ASCII character to another")
        return frozenset(map(chr, range(ord(least), ord(most) + 1)))

    def _set_char(self, char: str) -> frozenset[str]:
        if char == "[":
            raise ValueError("[ has to be written as \\[")
        return self._escaped() if char == "\\" else frozenset(char)

    def _escaped(self) -> frozenset[str]:
        char = self._take()
        if char.isalnum() and char not in _SETS:
            raise ValueError(f"\\{char} means nothing here")
        return _SETS.get(char, frozenset(char))


def _one(accepts: _Accepts) -> _Step:
    return lambda name, begin: (begin & name.places(accepts)) << 1


def _in_turn(steps: list[_Step]) -> _Step:
    def step(name: _Name, begin: int) -> int:
        for each in steps:
            if not begin:
                break
            begin = each(name, begin)
        return begin

    return steps[0] if len(steps) == 1 else step


def _either(steps: list[_Step]) -> _Step:
    return lambda name, begin: functools.reduce(lambda found, step: found | step(name, begin), steps, 0)


def _perhaps(step: _Step) -> _Step:
    return lambda name, begin: begin | step(name, begin)


def _often(step: _Step) -> _Step:
    def repeated(name: _Name, begin: int) -> int:
        found = begin
        while begin:
            begin = step(name, begin) & ~found
            found |= begin
        return found

    return repeated
