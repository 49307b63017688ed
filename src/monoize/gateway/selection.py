"""Which channels a request may try, and in which order. Pure: the state of the world comes in as arguments."""

import fnmatch
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from monoize.base.cost.bound import PerToken, per_token
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.contract.gates.models import may_ask_for
from monoize.contract.grant import Grant
from monoize.contract.policies.model_policy import Capability
from monoize.contract.snapshot import Channel, ChannelType, Offer, Provider, Snapshot
from monoize.gateway.health import Place

_DRAWING: Final = frozenset(("openai_image", "replicate"))
NONE_KNOWN: Final[frozenset[Capability]] = frozenset()

Chance = Callable[[], float]
"""A number from 0 up to 1, each as likely as any other."""


def nobody(_: "Sequence[Attempt]") -> None:
    """No channel is to be tried before the others."""


Preference = Callable[["Sequence[Attempt]"], "Attempt | None"]
"""Which of these channels goes first, if any does; they stand in the order of their providers."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One channel as requests for a model use it; known by itself, and not by what it says."""

    provider: Provider
    channel: Channel
    type: ChannelType
    upstream_model: str
    multiplier: int
    sheet: PriceSheet
    output_most: int | None
    # What the catalogue says that the model can do; empty where it does not know the model.
    capabilities: frozenset[Capability] = NONE_KNOWN
    place: Place
    # Where it answers with text, as nearly all do.
    per_token: PerToken | None = None
    # What is added to its charge, in basis points.
    markup_bp: int = 0


class Offers(msgspec.Struct, frozen=True):
    """`attempts` in the order of their providers; when there are none, the others say why."""

    attempts: Sequence[Attempt]
    is_offered: bool
    is_fit: bool
    # Whether it matters where a conversation was answered last.
    keep_conversations: bool


def offers_of(
    snapshot: Snapshot, grant: Grant, model: str, *, serves: Callable[[ChannelType], bool] = lambda _: True
) -> Offers:
    """`serves` says of a type of channels whether they can do what is asked."""
    offered = list(_offered(snapshot, grant, model))
    fit = [attempt for attempt in offered if serves(attempt.type)]
    priced = [attempt for attempt in fit if attempt.sheet.book != "unpriced"]
    keep_conversations = len(priced) > 1 and any(attempt.channel.affinity for attempt in priced)
    return Offers(priced, bool(offered), bool(fit), keep_conversations)


def in_order(
    offers: Offers, *, is_available: Callable[[Place], bool], chance: Chance, prefer: Preference = nobody
) -> list[Attempt]:
    """Those that may be tried now, as they are to be tried."""
    available = [attempt for attempt in offers.attempts if is_available(attempt.place)]
    first = prefer(available) if offers.keep_conversations else None
    return available if len(available) < 2 else list(_in_order(available, chance, first))


def first_priced(snapshot: Snapshot, grant: Grant, model: str) -> Attempt | None:
    """The channel by whose price a request is likely to be charged."""
    return next((each for each in _offered(snapshot, grant, model) if each.sheet.book != "unpriced"), None)


def _offered(snapshot: Snapshot, grant: Grant, model: str) -> Iterator[Attempt]:
    for provider in snapshot.providers:
        if _is_open(provider, grant):
            yield from _of_provider(snapshot, provider, model, grant.multiplier_most)


def offered_models(snapshot: Snapshot, grant: Grant) -> list[str]:
    """What this key may ask for, by name."""
    found = {
        model
        for provider in snapshot.providers
        if _is_open(provider, grant)
        for channel in provider.channels
        for model in channel.offers
    }
    return sorted(model for model in found if may_use(grant, model) and _is_permitted(grant, model))


def _is_permitted(grant: Grant, model: str) -> bool:
    """By the policy in force for the key's agent."""
    return not grant.is_barred and (grant.governed is None or may_ask_for(grant.governed.policy, model))


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
    type, known = _type(provider, channel, model), snapshot.capabilities
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
        per_token=bound_by_tokens(type, sheet),
        capabilities=next((known[name] for name in names if name in known), NONE_KNOWN),
        place=Place(channel.id, model if provider.breaks_per_model else None, provider.revision),
    )


def bound_by_tokens(type: ChannelType, sheet: PriceSheet) -> PerToken | None:
    return None if type in _DRAWING else per_token(sheet)


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
