"""Reading JSON objects that somebody else wrote. Null is the same as not there.

What a caller wrote is read strictly: `text(body, "model", at="")` is a string or None, and for anything else there
is a `BadRequest` that names the path. What a provider wrote is read with the `told_` functions, for which a value
of another type is the same as none.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NoReturn, TypeVar

from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import Json

INTEGER_MOST: Final = 2**63 - 1

_Value = TypeVar("_Value")


def path(at: str, name: str | int) -> str:
    """`messages[2].content`, from its parts."""
    if isinstance(name, int):
        return f"{at}[{name}]"
    return f"{at}.{name}" if at else name


def told_text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def told_flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def told_integer(value: object) -> int | None:
    """Not a bool, and not out of all proportion."""
    return value if type(value) is int and abs(value) <= INTEGER_MOST else None


def told_number(value: object) -> float | None:
    """Finite; an integer stays one, and a bool is no number."""
    if type(value) is int:
        return told_integer(value)
    return value if isinstance(value, float) and math.isfinite(value) else None


def told_object(value: object) -> Json | None:
    return value if isinstance(value, dict) else None


def told_list(value: object) -> list[Any] | None:
    return value if isinstance(value, list) else None


def text(body: Json, name: str, at: str = "") -> str | None:
    return _read(body, name, at, told_text, "a string")


def flag(body: Json, name: str, at: str = "") -> bool | None:
    return _read(body, name, at, told_flag, "true or false")


def integer(body: Json, name: str, at: str = "") -> int | None:
    return _read(body, name, at, told_integer, "an integer")


def number(body: Json, name: str, at: str = "") -> float | None:
    return _read(body, name, at, told_number, "a number")


def object_(body: Json, name: str, at: str = "") -> Json | None:
    return _read(body, name, at, told_object, "an object")


def list_(body: Json, name: str, at: str = "") -> list[Any] | None:
    return _read(body, name, at, told_list, "a list")


def given(value: _Value | None, at: str) -> _Value:
    """What cannot be left out."""
    if value is None:
        raise BadRequest(f"{at} is missing.", param=at)
    return value


def refuse(at: str, wanted: str) -> NoReturn:
    raise BadRequest(f"{at or 'The request'} must be {wanted}.", param=at or None)


def rest(body: Mapping[str, Any], known: Collection[str]) -> Json:
    """What has no home, to be kept as it is."""
    return {name: value for name, value in body.items() if name not in known}


def _read(body: Json, name: str, at: str, told: Callable[[object], _Value | None], wanted: str) -> _Value | None:
    value = body.get(name)
    if value is None:
        return None
    found = told(value)
    if found is None:
        refuse(path(at, name), wanted)
    return found
