"""What the gateway routes by, read out of the tables: providers with opened credentials, prices, bounds of output.

Read anew whenever `generation` has grown. Nothing here writes, and a channel whose credential does not open is left
out rather than called without it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import structlog

from monoize.base.cost.sheet import PriceSheet
from monoize.base.patterns import pattern
from monoize.contract import snapshot
from monoize.contract.policies.model_policy import Capability
from monoize.contract.transforms.rule import Rule
from monoize.control.catalog.actions import sheets
from monoize.control.catalog.errors import CredentialUnreadable
from monoize.control.catalog.model.providers import (
    AffinityOverrides,
    BreakerOverrides,
    ChannelRecord,
    ProbeOverrides,
    ProviderRecord,
    TimeoutOverrides,
    credential_place,
    offers,
    price_provider_of,
    type_of,
)
from monoize.control.catalog.model.records import ModelKey
from monoize.control.catalog.store import mirrors, names, providers, transforms
from monoize.control.edge.redirects import ModelRedirect
from monoize.control.edge.transforms import in_force
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken

log = structlog.get_logger(__name__)


async def generation(tx: Tx) -> int:
    """Grows whenever providers, channels or their models were written. After `load`, that of what was loaded."""
    return await providers.generation(tx)


async def load(tx: Tx, seal: Seal) -> Sequence[snapshot.Provider]:
    """Those that can be called, in the order in which they are tried, all as of one moment."""
    await providers.hold_still(tx)
    for_everything = in_force(await transforms.rules(tx))
    return [
        _provider(record, channels, (*rules, *for_everything))
        for record in await providers.enabled(tx)
        if (channels := tuple(_channels(record, seal))) and (rules := _rules(record)) is not None
    ]


async def described(
    tx: Tx, seal: Seal, provider_id: str, channel_id: str
) -> tuple[snapshot.Provider, snapshot.Channel]:
    """One that callers need not be able to reach yet."""
    record = await providers.get(tx, provider_id)
    channel = record.channel(channel_id)
    credential = _opened(seal, channel)
    if credential is None:
        raise CredentialUnreadable
    found = _channel(record, channel, credential)
    rules = (*in_force(record.transforms), *in_force(await transforms.rules(tx)))
    return _provider(record, (found,), rules), found


async def prices(tx: Tx, now_s: int, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], PriceSheet]:
    """The sheets that hold now; one may say no more than when the first price begins. Other models have none."""
    found = await sheets.sheets(tx, {ModelKey(*model) for model in wanted}, at_s=now_s)
    return {(provider, key): sheet for (provider, key), sheet in found.items()}


async def output_most(tx: Tx, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """How many tokens a model can write at most, of those of which somebody said it."""
    found = await mirrors.output_most(tx, {ModelKey(*model) for model in wanted})
    return {(provider, key): most for (provider, key), most in found.items()}


async def capabilities(
    tx: Tx, wanted: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], frozenset[Capability]]:
    """What models can do, of those that the catalogue knows."""
    found = await mirrors.capabilities(tx, {ModelKey(*model) for model in wanted})
    return {(provider, key): known for (provider, key), known in found.items()}


async def redirects(tx: Tx) -> Sequence[snapshot.Redirect]:
    """For everybody. One that a hand has broken is left out."""
    return [
        snapshot.Redirect(rule.pattern, rule.replace) for rule in await names.redirects(tx) if _is_readable(rule)
    ]


async def suffixes(tx: Tx) -> Mapping[str, snapshot.Effort]:
    return {each.suffix: each.effort for each in await names.suffixes(tx)}


def _is_readable(rule: ModelRedirect) -> bool:
    try:
        pattern(rule.pattern)
    except ValueError:
        log.warning("redirect_broken", pattern=rule.pattern)
        return False
    return True


def _rules(record: ProviderRecord) -> Sequence[Rule] | None:
    """None for what a hand has broken: nobody knows what was to be kept from whom."""
    try:
        return in_force(record.transforms)
    except ValueError:
        log.exception("provider_rules_broken", provider_id=record.id)
        return None


def _provider(
    record: ProviderRecord, channels: tuple[snapshot.Channel, ...], transforms: Sequence[Rule]
) -> snapshot.Provider:
    return snapshot.Provider(
        id=record.id,
        name=record.name,
        channels=channels,
        groups=frozenset(record.groups),
        tries_most=None if record.max_retries is None else record.max_retries + 1,
        tries_per_channel=record.channel_max_retries + 1,
        retry_interval_ms=record.channel_retry_interval_ms,
        breaks_per_model=record.per_model_circuit_break,
        type_overrides=tuple(snapshot.TypeOverride(each.pattern, each.type) for each in record.type_overrides),
        timeouts=_timeouts(record.timeouts),
        transforms=transforms,
        # All that it is, with its channels and when each was last changed.
        revision=hash(record),
    )


def _channels(record: ProviderRecord, seal: Seal) -> Iterator[snapshot.Channel]:
    for channel in record.channels:
        if not channel.enabled or not channel.weight:
            continue
        credential = _opened(seal, channel)
        if credential is None:
            log.error("channel_without_credential", channel_id=channel.id, provider_id=record.id)
            continue
        yield _channel(record, channel, credential)


def _channel(record: ProviderRecord, channel: ChannelRecord, credential: str) -> snapshot.Channel:
    return snapshot.Channel(
        id=channel.id,
        name=channel.name,
        type=type_of(record, channel),
        base_url=channel.base_url,
        weight=channel.weight,
        offers={
            name: snapshot.Offer(entry.upstream_model, entry.multiplier)
            for name, entry in offers(record, channel).items()
        },
        price_provider=price_provider_of(record, channel),
        breaker=_breaker(channel.breaker) if record.circuit_breaker_enabled else None,
        probing=_probing(record.probe, channel.probe),
        affinity=_affinity(channel.affinity),
        credential=credential,
    )


def _opened(seal: Seal, channel: ChannelRecord) -> str | None:
    """None if what is stored does not open."""
    if not channel.sealed_credential:
        return ""
    try:
        return seal.open(channel.sealed_credential, *credential_place(channel.id))
    except SealBroken:
        return None


def _breaker(overrides: BreakerOverrides) -> snapshot.Breaker:
    usual = snapshot.Breaker()
    return snapshot.Breaker(
        failures=overrides.failures or usual.failures,
        window_s=overrides.window_s or usual.window_s,
        cooldown_s=overrides.cooldown_s or usual.cooldown_s,
        rate_limit_cooldown_s=overrides.rate_limit_cooldown_s or usual.rate_limit_cooldown_s,
    )


def _probing(of_provider: ProbeOverrides, of_channel: ProbeOverrides) -> snapshot.Probing | None:
    usual = snapshot.Probing()
    is_wanted = next((each.enabled for each in (of_channel, of_provider) if each.enabled is not None), True)
    if not is_wanted:
        return None
    return snapshot.Probing(
        interval_s=of_channel.interval_s or of_provider.interval_s or usual.interval_s,
        successes=of_channel.successes or of_provider.successes or usual.successes,
        model=of_channel.model or of_provider.model,
    )


def _affinity(overrides: AffinityOverrides) -> snapshot.Affinity | None:
    usual = snapshot.Affinity()
    if overrides.enabled is False:
        return None
    return snapshot.Affinity(
        idle_s=overrides.idle_s or usual.idle_s,
        mode=overrides.mode or usual.mode,
        failback_s=usual.failback_s if overrides.failback_s is None else overrides.failback_s,
    )


def _timeouts(overrides: TimeoutOverrides) -> snapshot.Timeouts:
    usual = snapshot.Timeouts()
    return snapshot.Timeouts(
        connect_ms=overrides.connect_ms or usual.connect_ms,
        first_byte_ms=overrides.first_byte_ms or usual.first_byte_ms,
        idle_ms=overrides.idle_ms or usual.idle_ms,
        total_ms=overrides.total_ms or usual.total_ms,
    )
