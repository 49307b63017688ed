"""The redirects, suffixes and transforms of a document beside those that there are for all requests. Pure.

Each is one list, and where something stands in it counts: it is taken as a whole and never in parts.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from monoize.base.errors import Refusal
from monoize.control.catalog.errors import InvalidConfiguration
from monoize.control.catalog.model.configuration import Difference, changed_fields
from monoize.control.catalog.model.names import Suffix, check
from monoize.control.edge.redirects import ModelRedirect
from monoize.control.edge.transforms import TransformRule


def of_redirects(standing: Sequence[ModelRedirect], wanted: Sequence[ModelRedirect]) -> Iterator[Difference]:
    before, after = ([f"{rule.pattern} = {rule.replace}" for rule in rules] for rules in (standing, wanted))
    if changes := changed_fields({"rules": before}, {"rules": after}):
        yield Difference(outcome="changed", kind="redirects", name="redirects", changes=changes)


def of_suffixes(standing: Sequence[Suffix], wanted: Sequence[Suffix]) -> Iterator[Difference]:
    try:
        check(wanted)
    except Refusal as refusal:
        raise InvalidConfiguration.at("suffixes", refusal.message) from None
    before, after = ({each.suffix: each.effort for each in some} for some in (standing, wanted))
    if changes := changed_fields(before, after):
        yield Difference(outcome="changed", kind="suffixes", name="suffixes", changes=changes)


def of_transforms(standing: Sequence[TransformRule], wanted: Sequence[TransformRule]) -> Iterator[Difference]:
    before, after = ([dataclasses.asdict(rule) for rule in rules] for rules in (standing, wanted))
    if changes := changed_fields({"rules": before}, {"rules": after}):
        yield Difference(outcome="changed", kind="transforms", name="transforms", changes=changes)
