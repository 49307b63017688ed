"""How two documents on one subject meet: the result is never looser than either of them.

Every field of a policy says with its type by which rule it is merged. What a document does not say it leaves to the
other; where both speak, the rule decides. Documents are what JSON holds, checked before.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from monoize.contract.policies import globs

Document = Any
"""A value of JSON."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """`merge` is told the kind of the field and what the outer and the inner document say of it."""

    merge: Callable[[Any, Document, Document], Document]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a policy or a part of one is made of."""


def tighten(kind: Any, outer: Document, inner: Document) -> Document:
    """None is what says nothing."""
    if outer is None or inner is None:
        return inner if outer is None else outer
    rule = rule_of(kind)
    if rule is not None:
        return rule.merge(bare(kind), outer, inner)
    return _fields(bare(kind), outer, inner)


def _fields(kind: type[Policy], outer: Document, inner: Document) -> Document:
    fields = ((field.encode_name, field.type) for field in msgspec.structs.fields(kind))
    merged = {name: tighten(type, outer.get(name), inner.get(name)) for name, type in fields}
    return {name: value for name, value in merged.items() if value is not None}


def rule_of(kind: Any) -> Rule | None:
    if get_origin(kind) is not Annotated:
        return None
    inner, *notes = get_args(kind)
    return next((note for note in notes if isinstance(note, Rule)), None) or rule_of(inner)


def bare(kind: Any) -> Any:
    """The kind without what is noted about it, and without the possibility to be null."""
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    if get_origin(kind) is Union or isinstance(kind, type(int | str)):
        others = [each for each in get_args(kind) if each is not NoneType]
        return bare(others[0]) if len(others) == 1 else kind
    return kind


def _sort_key(value: Document) -> str:
    return json.dumps(value, sort_keys=True)


def _of_both(outer: Sequence[Document], inner: Sequence[Document]) -> list[Document]:
    """Sorted, since the order of these lists means nothing."""
    found = {_sort_key(value): value for value in (*outer, *inner)}
    return [found[key] for key in sorted(found)]


def _in_common(outer: Sequence[Document], inner: Sequence[Document]) -> list[Document]:
    known = {_sort_key(value) for value in outer}
    return _of_both((), [value for value in inner if _sort_key(value) in known])


def strictest(*loosest_first: str) -> Rule:
    return Rule(lambda kind, outer, inner: max(outer, inner, key=loosest_first.index))


def common_by(name: str) -> Rule:
    """Of a list of things with names, those that both lists have, each merged."""

    def merge(kind: Any, outer: Document, inner: Document) -> Document:
        item = get_args(kind)[0]
        known = {thing[name]: thing for thing in outer}
        return [tighten(item, known[thing[name]], thing) for thing in inner if thing[name] in known]

    return Rule(merge)


def _each_name(kind: Any, outer: Document, inner: Document) -> Document:
    value = get_args(kind)[1]
    return {name: tighten(value, outer.get(name), inner.get(name)) for name in sorted({*outer, *inner})}


def _common_names(kind: Any, outer: Document, inner: Document) -> Document:
    value = get_args(kind)[1]
    return {name: tighten(value, outer[name], inner[name]) for name in sorted(outer.keys() & inner.keys())}


LEAST: Final = Rule(lambda kind, outer, inner: min(outer, inner))
MOST: Final = Rule(lambda kind, outer, inner: max(outer, inner))
LEAST_USD: Final = Rule(lambda kind, outer, inner: min(outer, inner, key=Decimal))
PROTECTS: Final = Rule(lambda kind, outer, inner: outer or inner)
"""A boolean that makes safer: one who asks for it is enough."""

PERMITS: Final = Rule(lambda kind, outer, inner: outer and inner)
"""A boolean that allows something: all have to."""

DENIED: Final = Rule(lambda kind, outer, inner: _of_both(outer, inner))
"""A list of what is denied or demanded: what either names."""

ALLOWED_GLOBS: Final = Rule(lambda kind, outer, inner: globs.common(outer, inner))
ALLOWED: Final = Rule(lambda kind, outer, inner: _in_common(outer, inner))
"""A list of what is allowed: what both name."""

EACH_NAME: Final = Rule(_each_name)
"""Caps by name: every name that either has, merged where both have it."""

COMMON_NAMES: Final = Rule(_common_names)
"""Allowed things by name: the names that both have, merged."""

INNER: Final = Rule(lambda kind, outer, inner: inner)
"""A choice that makes nothing looser: whoever is nearer to the agent knows better."""

OUTER: Final = Rule(lambda kind, outer, inner: outer)
"""What those farther inside must not turn off."""
