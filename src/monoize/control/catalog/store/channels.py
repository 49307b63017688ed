"""SQL of channels. Credentials come here sealed and leave it sealed."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from monoize.control.catalog.model.providers import (
    AffinityOverrides,
    BreakerOverrides,
    ChannelRecord,
    ChannelSettings,
)
from monoize.control.catalog.store import offers, probes
from monoize.control.catalog.tables import monoize_channel_models as channel_models
from monoize.control.catalog.tables import monoize_channels as channels
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = channels.c


async def of_providers(tx: Tx, provider_ids: Collection[str]) -> Mapping[str, tuple[ChannelRecord, ...]]:
    """By provider, and of each by name."""
    query = select(channels).where(is_one_of(tx, _columns.provider_id, provider_ids))
    rows = (await tx.execute(query)).all()
    models = await offers.of_channels_of(tx, provider_ids)
    found: dict[str, list[ChannelRecord]] = {}
    for row in rows:
        found.setdefault(row.provider_id, []).append(_channel(row, models))
    return {id: tuple(sorted(some, key=lambda channel: (channel.name, channel.id))) for id, some in found.items()}


def _channel(row: Row[Any], models: offers.Entries) -> ChannelRecord:
    return ChannelRecord(
        id=row.id,
        name=row.name,
        type=row.provider_type,
        base_url=row.base_url,
        sealed_credential=row.api_key,
        weight=row.weight,
        enabled=bool(row.enabled),
        price_provider=row.price_provider,
        breaker=BreakerOverrides(
            failures=row.passive_failure_count_threshold_override,
            window_s=row.passive_window_seconds_override,
            cooldown_s=row.passive_cooldown_seconds_override,
            rate_limit_cooldown_s=row.passive_rate_limit_cooldown_seconds_override,
        ),
        probe=probes.overrides(row),
        affinity=AffinityOverrides(
            enabled=probes.flag(row.affinity_enabled_override),
            idle_s=row.affinity_idle_ttl_seconds_override,
            mode=row.affinity_failback_mode_override,
            failback_s=row.affinity_failback_delay_seconds_override,
        ),
        models=models.get(row.id, ()),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def add(tx: Tx, id: str, provider_id: str, settings: ChannelSettings, sealed_credential: str) -> None:
    values = {"id": id, "provider_id": provider_id, "api_key": sealed_credential, **_values(settings)}
    await tx.execute(insert(channels).values(**values))
    await offers.put(tx, channel_models.c.channel_id, id, settings.models)


async def change(tx: Tx, before: ChannelRecord, settings: ChannelSettings, sealed_credential: str) -> None:
    values = {name: value for name, value in _values(settings).items() if value != _values(before)[name]}
    if sealed_credential != before.sealed_credential:
        values["api_key"] = sealed_credential
    if values:
        await tx.execute(update(channels).where(_columns.id == before.id).values(**values))
    if set(before.models) != set(settings.models):
        await offers.put(tx, channel_models.c.channel_id, before.id, settings.models)


async def remove(tx: Tx, ids: Collection[str]) -> None:
    if ids:
        await tx.execute(delete(channels).where(_columns.id.in_(sorted(ids))))


def _values(settings: ChannelSettings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "provider_type": settings.type,
        "base_url": settings.base_url,
        "weight": settings.weight,
        "enabled": int(settings.enabled),
        "price_provider": settings.price_provider,
        "passive_failure_count_threshold_override": settings.breaker.failures,
        "passive_window_seconds_override": settings.breaker.window_s,
        "passive_cooldown_seconds_override": settings.breaker.cooldown_s,
        "passive_rate_limit_cooldown_seconds_override": settings.breaker.rate_limit_cooldown_s,
        **probes.values(settings.probe),
        "affinity_enabled_override": probes.stored(settings.affinity.enabled),
        "affinity_idle_ttl_seconds_override": settings.affinity.idle_s,
        "affinity_failback_mode_override": settings.affinity.mode,
        "affinity_failback_delay_seconds_override": settings.affinity.failback_s,
    }
