"""Which channels a request may try, and in which order. Pure: the state of the world comes in as arguments."""

import fnmatch
import functools
import math
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Channel, ChannelType, Offer, Provider, Redirect, Snapshot
from monoize.gateway.health import Place

Chance = Callable[[], float]
"""A number from 0 up to 1, each as likely as any other."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One channel as this request would use it."""

    provider: Provider
    channel: Channel
    type: ChannelType
    upstream_model: str
    multiplier: int
    sheet: PriceSheet
    output_most: int | None
    place: Place


class Selection(msgspec.Struct, frozen=True):
    """`attempts` in order; when there are none, the other two say why."""

    attempts: Sequence[Attempt]
    is_offered: bool
    is_priced: bool


def redirected(model: str, *rules: Sequence[Redirect]) -> str:
    """By the first rule that matches all of the name; what it says is not redirected again."""
    for redirect in (each for some in rules for each in some):
        if _pattern(redirect.pattern).fullmatch(model):
            return redirect.model
    return model


@functools.lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def select(
    snapshot: Snapshot, grant: Grant, model: str, *, is_available: Callable[[Place], bool], chance: Chance
) -> Selection:
    offered = [
        attempt
        for provider in snapshot.providers
        if _is_open(provider, grant)
        for attempt in _of_provider(snapshot, provider, model, grant.multiplier_most)
    ]
    priced = [attempt for attempt in offered if attempt.sheet.book != "unpriced"]
    available = [attempt for attempt in priced if is_available(attempt.place)]
    return Selection(list(_in_order(available, chance)), bool(offered), bool(priced))


def offered_models(snapshot: Snapshot, grant: Grant) -> list[str]:
    """What this key may ask for, by name."""
    found = {
        model
        for provider in snapshot.providers
        if _is_open(provider, grant)
        for channel in provider.channels
        for model in channel.offers
    }
    return sorted(found if grant.models is None else found & grant.models)


def _is_open(provider: Provider, grant: Grant) -> bool:
    if grant.groups is None:
        return True
    return bool(provider.groups & grant.groups) if grant.groups else not provider.groups


def _of_provider(
    snapshot: Snapshot, provider: Provider, model: str, multiplier_most: int | None
) -> Iterator[Attempt]:
    for channel in provider.channels:
        offer = channel.offers.get(model)
        if offer is None or (multiplier_most is not None and offer.multiplier > multiplier_most):
            continue
        yield _attempt(snapshot, provider, channel, model, offer)


def _attempt(snapshot: Snapshot, provider: Provider, channel: Channel, model: str, offer: Offer) -> Attempt:
    names = [(channel.price_provider, offer.upstream_model), (channel.price_provider, model)]
    sheets = [snapshot.prices.get(name, UNPRICED) for name in names]
    sheet = next((sheet for sheet in sheets if sheet.book != "unpriced"), UNPRICED)
    type = _type(provider, channel, model)
    if type == "echo" and sheet.book == "unpriced":
        # It runs in here and costs nobody anything, unless an operator says so.
        sheet = SUBSCRIPTION
    return Attempt(
        provider=provider,
        channel=channel,
        type=type,
        upstream_model=offer.upstream_model,
        multiplier=offer.multiplier,
        sheet=sheet,
        output_most=next((snapshot.output_most[name] for name in names if name in snapshot.output_most), None),
        place=Place(channel.id, model if provider.breaks_per_model else None),
    )


def _type(provider: Provider, channel: Channel, model: str) -> ChannelType:
    return next(
        (each.type for each in provider.type_overrides if fnmatch.fnmatchcase(model, each.pattern)), channel.type
    )


def _in_order(attempts: Sequence[Attempt], chance: Chance) -> Iterator[Attempt]:
    """Provider by provider as they come; within one by chance, the heavier the sooner, no more than it allows."""
    by_provider: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_provider.setdefault(attempt.provider.id, []).append(attempt)
    for some in by_provider.values():
        shuffled = some if len(some) == 1 else sorted(some, key=lambda each: _draw(each.channel.weight, chance))
        yield from shuffled[: some[0].provider.tries_most]


def _draw(weight: int, chance: Chance) -> float:
    """Sorting by these draws without replacement, with chances in proportion to the weights."""
    return -math.log(1.0 - chance()) / weight
