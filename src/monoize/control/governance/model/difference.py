"""What differs between two documents, value by value."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

from monoize.base.canonical import canonical_json


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """At `pointer` (RFC 6901); nothing stands `before` where a value is added, or `after` where one is removed."""

    pointer: str
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


def differences(before: Any, after: Any, at: str = "") -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            below = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in after:
                yield Difference(below, "removed", before=before[name])
            elif name not in before:
                yield Difference(below, "added", after=after[name])
            else:
                yield from differences(before[name], after[name], below)
    elif canonical_json(before) != canonical_json(after):
        yield Difference(at, "changed", before, after)


def changed_names(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Of two documents of a record; of policies each by its own name."""
    flat_before, flat_after = ({**document, **document["policies"]} for document in (before, after))
    names = sorted((flat_before.keys() | flat_after.keys()) - {"policies"})
    return [name for name in names if _json_at(flat_before, name) != _json_at(flat_after, name)]


def _json_at(document: dict[str, Any], name: str) -> str | None:
    return canonical_json(document[name]) if name in document else None
