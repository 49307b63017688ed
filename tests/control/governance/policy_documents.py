"""Policies of every kind, as Hypothesis makes them up: they are all that `check` takes."""

import functools
from types import NoneType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from monoize.contract.policies import words
from monoize.contract.policies.catalogue import CATALOGUE, PolicyName, check
from monoize.contract.policies.findings import Assignee
from monoize.contract.policies.notification import Url
from monoize.contract.policies.security import SqlVerb
from monoize.contract.policies.tool_permissions import Pointer

_NAMES: Final = st.sampled_from(["a", "b", "c"])


def _pattern(kind: Any) -> str | None:
    return next(note.pattern for note in get_args(kind)[1:] if isinstance(note, msgspec.Meta))


_TEXTS: Final[dict[str | None, st.SearchStrategy[str]]] = {
    _pattern(words.Glob): st.sampled_from(["*", "a*", "*b", "a*b", "ab", "aab", "b"]),
    _pattern(words.Name): _NAMES,
    _pattern(words.Usd): st.sampled_from(["0", "0.5", "2", "10", "10.000000001"]),
    _pattern(words.Pattern): st.sampled_from(["rm", "a+"]),
    _pattern(words.Digest): st.sampled_from(["0" * 64, "f" * 64]),
    _pattern(words.Text): _NAMES,
    _pattern(words.ClockTime): st.sampled_from(["00:00", "23:59"]),
    _pattern(words.TimeZone): st.just("UTC"),
    _pattern(Pointer): st.sampled_from(["/a", "/b/c"]),
    _pattern(SqlVerb): st.sampled_from(["DROP", "GRANT"]),
    _pattern(Assignee): st.sampled_from(["owner", "role:ops"]),
    _pattern(Url): st.just("https://example.com/hook"),
}


@functools.cache
def documents(name: PolicyName) -> st.SearchStrategy[Any]:
    return _of(CATALOGUE[name]).filter(lambda document: not check(name, document))


def saying(name: PolicyName) -> st.SearchStrategy[Any]:
    """Those that say something."""
    return documents(name).filter(lambda document: len(document) > 0)


def _of(kind: Any) -> st.SearchStrategy[Any]:
    if get_origin(kind) is Annotated:
        inner, *notes = get_args(kind)
        bounds = next((note for note in notes if isinstance(note, msgspec.Meta)), None)
        return _bounded(inner, bounds) if bounds else _of(inner)
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        return st.lists(_of(get_args(kind)[0]), max_size=2)
    if get_origin(kind) is dict:
        names, values = get_args(kind)
        return st.dictionaries(_of(names), _of(values), max_size=2)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind)
    if get_origin(kind) is Union or hasattr(kind, "__args__"):
        return st.one_of([_of(each) for each in get_args(kind) if each is not NoneType])
    return {bool: st.booleans(), int: st.integers(0, 5)}[kind]


def _bounded(kind: Any, bounds: msgspec.Meta) -> st.SearchStrategy[Any]:
    if kind is str:
        return _TEXTS[bounds.pattern]
    if kind is float:
        return st.sampled_from([0.0, 0.25, 1.0])
    return st.integers(int(bounds.ge or 0), int(bounds.ge or 0) + 5)


def _struct(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    fields = msgspec.structs.fields(kind)
    return st.fixed_dictionaries(
        {field.encode_name: _of(field.type) for field in fields if field.required},
        optional={field.encode_name: _of(field.type) for field in fields if not field.required},
    )
