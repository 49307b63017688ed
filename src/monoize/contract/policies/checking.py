"""Is a document what its kind asks for? Every value that is not, with an RFC 6901 pointer at it.

What the caller wrote is never repeated but as the last part of a pointer, and shortened.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from monoize.contract.policies.tightening import Document, bare

Problem = tuple[str, str]
"""A pointer at a value, and what is wrong with it."""

ENTRIES_MOST: Final = 200
_NAME_CHARS_MOST: Final = 64


def problems(kind: Any, value: Document, at: str = "") -> Iterator[Problem]:
    inner = list(_inside(bare(kind), value, at))
    yield from inner
    if not inner:
        yield from _as_a_whole(kind, value, at)


def _inside(kind: Any, value: Document, at: str) -> Iterator[Problem]:
    if not isinstance(value, list | dict):
        return
    if len(value) > ENTRIES_MOST:
        yield at, f"has more than {ENTRIES_MOST} entries"
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        yield from _fields(kind, value, at)
    elif get_origin(kind) is tuple and isinstance(value, list):
        for place, item in enumerate(value):
            yield from problems(get_args(kind)[0], item, f"{at}/{place}")
    elif get_origin(kind) is dict and isinstance(value, dict):
        name_kind, item_kind = get_args(kind)
        for name, item in value.items():
            named_wrongly = list(_as_a_whole(name_kind, name, _below(at, name)))
            yield from named_wrongly or problems(item_kind, item, _below(at, name))


def _fields(kind: type[msgspec.Struct], value: dict[str, Document], at: str) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in value.keys() - fields.keys():
        yield _below(at, name), "there is no such field"
    for name, field in fields.items():
        if name in value:
            yield from problems(field.type, value[name], _below(at, name))
        elif field.required:
            yield _below(at, name), "is missing"


def _as_a_whole(kind: Any, value: Document, at: str) -> Iterator[Problem]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        yield at, _wanted(kind) or str(problem).partition(" - at `")[0]


def _wanted(kind: Any) -> str | None:
    """Where msgspec would repeat the value."""
    choices = [each for each in (kind, bare(kind)) if get_origin(each) is Literal]
    return f"is none of {', '.join(map(str, get_args(choices[0])))}" if choices else None


def without_nulls(value: Document) -> Document:
    """A field that is null is one that was not said."""
    match value:
        case dict():
            return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
        case list():
            return [without_nulls(inner) for inner in value]
    return value


def _below(at: str, name: str) -> str:
    return f"{at}/{name[:_NAME_CHARS_MOST].replace('~', '~0').replace('/', '~1')}"
