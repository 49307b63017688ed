"""One spelling for every JSON value (RFC 8785), so that equal documents have equal hashes.

Names are sorted by their UTF-16, numbers are written as JavaScript writes them. ValueError for what is no JSON: a
number that is not finite, text with lone surrogates, names that are no text.
"""

import hashlib
import json
import math
from decimal import Decimal
from typing import Any, Final

_EXPONENT_LEAST: Final = 1e-6
_EXPONENT_FROM: Final = 1e21


def canonical_json(value: Any) -> str:
    match value:
        case None | bool() | str() | int():
            return _checked(json.dumps(value, ensure_ascii=False))
        case float():
            return _number(value)
        case list() | tuple():
            return f"[{','.join(map(canonical_json, value))}]"
        case dict():
            return f"{{{','.join(_member(name, value[name]) for name in sorted(value, key=_utf16))}}}"
    raise ValueError(f"{type(value).__name__} is no JSON")


def canonical_hash(value: Any) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _member(name: Any, value: Any) -> str:
    return f"{canonical_json(name)}:{canonical_json(value)}"


def _utf16(name: Any) -> bytes:
    if isinstance(name, str):
        return name.encode("utf-16-be", "surrogatepass")
    raise ValueError("a name in JSON is text")


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text in JSON is Unicode") from None
    return text


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("a number in JSON is finite")
    if value == 0:
        return "0"
    shortest = Decimal(repr(value))
    if _EXPONENT_LEAST <= abs(value) < _EXPONENT_FROM:
        return f"{shortest:f}".removesuffix(".0")
    digits, _, exponent = repr(value).partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+d}"
