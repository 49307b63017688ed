"""Configuration as code: what a document asks for, and what it would change."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from monoize.control.catalog.model.names import Suffix
from monoize.control.catalog.model.providers import ProviderDraft
from monoize.control.catalog.model.records import Proposal
from monoize.control.edge.redirects import ModelRedirect
from monoize.control.edge.transforms import TransformRule

Kind = Literal["provider", "channel", "order", "redirects", "suffixes", "transforms", "price"]
Outcome = Literal["added", "changed", "waiting", "removed"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A section that is None is not spoken of and stays as it is. `prune` removes what the others do not name."""

    providers: tuple[ProviderDraft, ...] | None = None
    redirects: tuple[ModelRedirect, ...] | None = None
    suffixes: tuple[Suffix, ...] | None = None
    transforms: tuple[TransformRule, ...] | None = None
    prices: tuple[Proposal, ...] | None = None
    prune: bool = False

    @property
    def speaks_of_routing(self) -> bool:
        sections = (self.providers, self.redirects, self.suffixes, self.transforms)
        return any(section is not None for section in sections)


@dataclasses.dataclass(frozen=True, slots=True)
class FieldChange:
    """A setting by its name in documents; None is one that is not there."""

    field: str
    before: Any
    after: Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`waiting` is a steep price, which a second person confirms before it holds."""

    outcome: Outcome
    kind: Kind
    name: str
    changes: Sequence[FieldChange] = ()


Facts = Mapping[str, Any]
"""Settings by name, as plain values that can be compared and shown."""


def changed_fields(before: Facts, after: Facts) -> tuple[FieldChange, ...]:
    pairs = ((name, before.get(name), after.get(name)) for name in dict.fromkeys((*after, *before)))
    return tuple(FieldChange(name, old, new) for name, old, new in pairs if old != new)
