"""JSON read without loss and written in the one canonical way.

Numbers stay as they were written, keys are sorted on every level, nothing is escaped that need not be: equal
content is equal text, and so has an equal digest. Strict, because two readers of a credential must never see two
different things in it: no key twice, no NaN, no NUL, no lone surrogate.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

DIGEST_ALGORITHM: Final = "sha256/canonical-1"
DEPTH_MOST: Final = 32
NUMBER_CHARS_MOST: Final = 64
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_TEXT: Final = "must be valid Unicode without NUL characters"


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """As it was written: 1.10, 1e3 and sixty digits stay what they are."""

    text: str


def read(text: str | bytes) -> Any:
    """ValueError, which never repeats what was read, for what is not JSON in our strict sense."""
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value = json.loads(
            decoded,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError(_NOT_TEXT) from None
    except json.JSONDecodeError:
        raise ValueError("must be one JSON document") from None
    _check(value, DEPTH_MOST)
    return value


def write(value: Any) -> str:
    match value:
        case Number():
            return value.text
        case Mapping():
            return "{" + ",".join(f"{_quoted(key)}:{write(value[key])}" for key in sorted(value)) + "}"
        case list() | tuple():
            return "[" + ",".join(map(write, value)) + "]"
        case _:
            return _quoted(value)


def digest(value: Any) -> str:
    return digest_of(write(value))


def digest_of(written: str) -> str:
    return hashlib.sha256(written.encode()).hexdigest()


def whole(value: Any) -> int | None:
    """The integer that this number is written as, if it is one."""
    if isinstance(value, Number) and value.text.removeprefix("-").isdecimal():
        return int(value.text)
    return None


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(text: str) -> Number:
    if len(text) > NUMBER_CHARS_MOST or float(text) in (float("inf"), float("-inf")):
        raise ValueError("holds a number that is too large")
    return Number(text)


def _no_number(text: str) -> None:
    raise ValueError("holds NaN or Infinity, which is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("names a field twice")
    return value


def _check(value: Any, depth_left: int) -> None:
    match value:
        case str():
            _check_text(value)
        case dict() | list() if depth_left == 0:
            raise ValueError("is nested too deeply")
        case dict():
            for key, inner in value.items():
                _check_text(key)
                _check(inner, depth_left - 1)
        case list():
            for inner in value:
                _check(inner, depth_left - 1)


def _check_text(text: str) -> None:
    if "\x00" in text or (not text.isascii() and _SURROGATE.search(text)):
        raise ValueError(_NOT_TEXT)
