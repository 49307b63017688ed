"""Two credential documents side by side, without a secret in sight. Pure.

Every text that could be a secret is shown as a mark: how long it is and what it ends with, and a keyed digest by
which two can be told apart.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from monoize.control.fleet.model import json_text
from monoize.control.fleet.model.documents import Document
from monoize.control.fleet.model.json_text import Number

MARK_CHARS: Final = 8
_TAIL_CHARS: Final = 4
_TAIL_SHOWN_FROM: Final = 24
_PLAIN_FIELDS: Final = frozenset(
    {
        "last_refresh",
        "auth_mode",
        "token_type",
        "organization",
        "project",
        "api_base",
        "expiresAt",
        "expiry_date",
        "scope",
        "scopes",
        "subscriptionType",
    }
)

Mac = Callable[[str], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    pointer: str
    change: Literal["added", "removed", "changed"]
    before: str | None = None
    after: str | None = None


def masked(document: Document, mac: Mac) -> Mapping[str, str]:
    """Every value of the document by its pointer."""
    return dict(_values(document, "", mac, plain=False))


def differences(before: Document, after: Document, mac: Mac) -> list[Difference]:
    old, new = masked(before, mac), masked(after, mac)
    return [
        *(Difference(pointer, "removed", before=old[pointer]) for pointer in sorted(old.keys() - new.keys())),
        *(Difference(pointer, "added", after=new[pointer]) for pointer in sorted(new.keys() - old.keys())),
        *(
            Difference(pointer, "changed", old[pointer], new[pointer])
            for pointer in sorted(old.keys() & new.keys())
            if old[pointer] != new[pointer]
        ),
    ]


def _values(value: Any, pointer: str, mac: Mac, *, plain: bool) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping() if value:
            for name, inner in value.items():
                escaped = name.replace("~", "~0").replace("/", "~1")
                yield from _values(inner, f"{pointer}/{escaped}", mac, plain=plain or name in _PLAIN_FIELDS)
        case list() if value:
            for place, inner in enumerate(value):
                yield from _values(inner, f"{pointer}/{place}", mac, plain=plain)
        case str():
            yield pointer, value if plain else _mark(value, mac)
        case Number():
            yield pointer, value.text if plain else _mark(value.text, mac)
        case Mapping() | list():
            yield pointer, "empty"
        case _:
            yield pointer, json_text.write(value)


def _mark(secret: str, mac: Mac) -> str:
    tail = f"…{secret[-_TAIL_CHARS:]} " if len(secret) >= _TAIL_SHOWN_FROM else ""
    return f"{tail}({len(secret)} characters, {mac(secret)[:MARK_CHARS]})"
