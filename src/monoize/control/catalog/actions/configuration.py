"""The configuration as one document: read whole, compared without changing anything, or applied in one transaction.

A version names the state that somebody has looked at; applying with it fails if anything moved since.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final, NamedTuple

from monoize.base.clock import utc_now
from monoize.control.catalog.actions import configured_lists, configured_prices, configured_providers
from monoize.control.catalog.actions.book import Book, opened
from monoize.control.catalog.errors import ConfigurationChanged
from monoize.control.catalog.model.configuration import Difference, Wanted
from monoize.control.catalog.model.configured_providers import differences as provider_differences
from monoize.control.catalog.model.names import Suffix
from monoize.control.catalog.model.providers import ProviderRecord
from monoize.control.catalog.model.records import PriceRecord
from monoize.control.catalog.store import names, prices, providers, transforms
from monoize.control.edge.redirects import ModelRedirect
from monoize.control.edge.transforms import TransformRule
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

AUDITED_MOST: Final = 200


class Version(NamedTuple):
    """Grows in its parts whenever something that routing rests on, or a price, was written."""

    routing: int
    prices: int

    def __str__(self) -> str:
        return f"{self.routing}-{self.prices}"

    @classmethod
    def of_text(cls, text: str) -> "Version":
        routing, _, prices = text.partition("-")
        return cls(int(routing), int(prices))


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    version: Version
    providers: Sequence[ProviderRecord]
    redirects: Sequence[ModelRedirect]
    suffixes: Sequence[Suffix]
    transforms: Sequence[TransformRule]
    prices: Sequence[PriceRecord]


@dataclasses.dataclass(frozen=True, slots=True)
class Compared:
    """What a document would change, or has changed; `version` is that of what it was compared with, or has made."""

    version: Version
    differences: Sequence[Difference]


async def read(tx: Tx) -> Configuration:
    version = await _version(tx)
    await providers.hold_still(tx)
    return Configuration(
        version,
        await providers.every(tx),
        await names.redirects(tx),
        await names.suffixes(tx),
        await transforms.rules(tx),
        await configured_prices.by_hand(tx),
    )


async def preview(tx: Tx, seal: Seal, wanted: Wanted) -> Compared:
    # First, so that what is written meanwhile makes the version an old one.
    version = await _version(tx)
    differences = provider_differences(await configured_providers.steps(tx, seal, wanted))
    differences += await configured_lists.differences(tx, wanted)
    if wanted.prices is not None:
        by_hand = await configured_prices.by_hand(tx)
        known = await prices.of_models(tx, configured_prices.models(wanted, by_hand))
        steps = configured_prices.steps(Book(known, utc_now()), by_hand, wanted)
        differences += [step.difference() for step in steps]
    return Compared(version, differences)


async def apply(change: Change, seal: Seal, wanted: Wanted, expected: Version | None) -> Compared:
    """`expected` is the version that was compared with; None applies to whatever there is."""
    differences: list[Difference] = []
    if wanted.speaks_of_routing:
        differences += await _apply_routing(change.tx, seal, wanted, expected)
    if wanted.prices is not None:
        differences += await _apply_prices(change, wanted, expected)
    _record(change, wanted, differences)
    return Compared(await _version(change.tx), differences)


async def _apply_routing(tx: Tx, seal: Seal, wanted: Wanted, expected: Version | None) -> Sequence[Difference]:
    await providers.lock(tx)
    # Locking has counted it up.
    if expected and expected.routing != await providers.generation(tx) - 1:
        raise ConfigurationChanged
    steps = await configured_providers.steps(tx, seal, wanted)
    of_lists = await configured_lists.differences(tx, wanted)
    await configured_providers.write(tx, seal, steps)
    await configured_lists.write(tx, wanted)
    return [*provider_differences(steps), *of_lists]


async def _apply_prices(change: Change, wanted: Wanted, expected: Version | None) -> Sequence[Difference]:
    by_hand = await configured_prices.by_hand(change.tx)
    async with opened(change.tx, configured_prices.models(wanted, by_hand), utc_now()) as book:
        if expected and expected.prices != await prices.generation(change.tx) - 1:
            raise ConfigurationChanged
        steps = configured_prices.steps(book, by_hand, wanted)
        await configured_prices.write(change, book, steps)
    return [step.difference() for step in steps]


async def _version(tx: Tx) -> Version:
    return Version(await providers.generation(tx), await prices.generation(tx))


def _record(change: Change, wanted: Wanted, differences: Sequence[Difference]) -> None:
    """Above all the audit log tells where which key goes from now on."""
    fields = [(each.name, found) for each in differences for found in each.changes]
    addresses = [(name, found.after) for name, found in fields if found.field == "base_url"]
    change.record(
        "configuration.apply",
        "configuration",
        "document",
        pruned=wanted.prune,
        differences=[f"{each.outcome} {each.kind} {each.name}" for each in differences[:AUDITED_MOST]],
        differences_in_all=len(differences),
        keys_set=[name for name, found in fields if found.field == "api_key"][:AUDITED_MOST],
        addresses=dict(addresses[:AUDITED_MOST]),
    )
