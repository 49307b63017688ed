"""Models as people write them, one on each line: `name`, or `name = name upstream`, either with `x 1.25` behind it.

Pure, and exact both ways: what is written from entries is read as the same entries again.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from monoize.contract.snapshot import MULTIPLIER_ONE
from monoize.control.catalog.model.providers import ModelEntry, multiplier_text
from monoize.dashboard.forms import invalid

_IS: Final = "="
_TIMES: Final = ("x", "×", "*")


def written(entries: Iterable[ModelEntry]) -> str:
    return "\n".join(_line(entry) for entry in entries)


def _line(entry: ModelEntry) -> str:
    words = [entry.name]
    if entry.redirect:
        words += [_IS, entry.redirect]
    if entry.multiplier != MULTIPLIER_ONE:
        words += [_TIMES[0], multiplier_text(entry.multiplier)]
    return " ".join(words)


def read(lines: Sequence[str]) -> list[dict[str, Any]]:
    """As the API takes them; a line that is none of these is refused with its number."""
    return [_entry(number, line.split()) for number, line in enumerate(lines, 1)]


def _entry(number: int, words: list[str]) -> dict[str, Any]:
    match words:
        case [name]:
            return {"name": name}
        case [name, sign, redirect] if sign == _IS:
            return {"name": name, "redirect": redirect}
        case [name, sign, multiplier] if sign in _TIMES:
            return {"name": name, "multiplier": multiplier}
        case [name, equal, redirect, sign, multiplier] if equal == _IS and sign in _TIMES:
            return {"name": name, "redirect": redirect, "multiplier": multiplier}
    raise invalid(
        models=f"Line {number} is not a model: write name, or name = name upstream, and behind it x 1.25."
    )
