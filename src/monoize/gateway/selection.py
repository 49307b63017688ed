"""Which channels a request may try, and in which order. Pure: the state of the world comes in as arguments."""

import fnmatch
import math
from collections.abc import Callable, Iterator, Sequence

import msgspec

from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Channel, ChannelType, Offer, Provider, Snapshot
from monoize.gateway.health import Place

Chance = Callable[[], float]
"""A number from 0 up to 1, each as likely as any other."""


def nobody(_: "Sequence[Attempt]") -> None:
    """No channel is to be tried before the others."""


Preference = Callable[["Sequence[Attempt]"], "Attempt | None"]
"""Which of these channels goes first, if any does; they stand in the order of their providers."""


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
    """`attempts` in order; when there are none, the others say why."""

    attempts: Sequence[Attempt]
    is_offered: bool
    is_priced: bool
    is_fit: bool = True


def select(
    snapshot: Snapshot,
    grant: Grant,
    model: str,
    *,
    is_available: Callable[[Place], bool],
    chance: Chance,
    prefer: Preference = nobody,
    serves: Callable[[ChannelType], bool] = lambda _: True,
) -> Selection:
    """`serves` says of a type of channels whether they can do what is asked."""
    offered = [
        attempt
        for provider in snapshot.providers
        if _is_open(provider, grant)
        for attempt in _of_provider(snapshot, provider, model, grant.multiplier_most)
    ]
    fit = [attempt for attempt in offered if serves(attempt.type)]
    priced = [attempt for attempt in fit if attempt.sheet.book != "unpriced"]
    available = [attempt for attempt in priced if is_available(attempt.place)]
    first = prefer(available) if len(priced) > 1 else None
    return Selection(list(_in_order(available, chance, first)), bool(offered), bool(priced), bool(fit))


def offered_models(snapshot: Snapshot, grant: Grant) -> list[str]:
    """What this key may ask for, by name."""
    found = {
        model
        for provider in snapshot.providers
        if _is_open(provider, grant)
        for channel in provider.channels
        for model in channel.offers
    }
    return sorted(model for model in found if may_use(grant, model))


def may_use(grant: Grant, model: str) -> bool:
    """By name, or by a glob such as `gpt-*`."""
    if grant.models is None or model in grant.models:
        return True
    return any(fnmatch.fnmatchcase(model, glob) for glob in grant.models)


def is_offered(snapshot: Snapshot, grant: Grant, model: str) -> bool:
    return any(
        model in channel.offers
        for provider in snapshot.providers
        if _is_open(provider, grant)
        for channel in provider.channels
    )


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
        yield attempt_of(snapshot, provider, channel, model, offer)


def attempt_of(snapshot: Snapshot, provider: Provider, channel: Channel, model: str, offer: Offer) -> Attempt:
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
        place=Place(channel.id, model if provider.breaks_per_model else None, provider.revision),
    )


def _type(provider: Provider, channel: Channel, model: str) -> ChannelType:
    return next(
        (each.type for each in provider.type_overrides if fnmatch.fnmatchcase(model, each.pattern)), channel.type
    )


def _in_order(attempts: Sequence[Attempt], chance: Chance, first: Attempt | None) -> Iterator[Attempt]:
    """Provider by provider as they come; within one by chance, the heavier the sooner, no more than it allows."""
    if first is not None:
        yield first
    by_provider: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_provider.setdefault(attempt.provider.id, []).append(attempt)
    for some in by_provider.values():
        shuffled = some if len(some) == 1 else sorted(some, key=lambda each: _draw(each, chance, first))
        yield from (each for each in shuffled[: some[0].provider.tries_most] if each is not first)


def _draw(attempt: Attempt, chance: Chance, first: Attempt | None) -> float:
    """Sorting by these draws without replacement, with chances in proportion to the weights."""
    return -1.0 if attempt is first else -math.log(1.0 - chance()) / attempt.channel.weight
