"""SQL of providers. Whoever writes providers, channels or their models takes the lock first."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, or_, select, update

from monoize.control.catalog.errors import NoSuchUpstream
from monoize.control.catalog.model.providers import (
    ProviderRecord,
    ProviderSettings,
    Rank,
    TimeoutOverrides,
    TypeOverride,
)
from monoize.control.catalog.store import channels, offers, probes
from monoize.control.catalog.tables import monoize_provider_models as provider_models
from monoize.control.catalog.tables import monoize_providers as providers
from monoize.control.catalog.tables import routing
from monoize.control.edge.transforms import read, stored
from monoize.infra.db import Tx

_columns = providers.c
_IN_ORDER = (_columns.priority, _columns.id)
_UNLIMITED = -1


async def lock(tx: Tx) -> None:
    """From here to the end of the transaction nobody else writes providers, channels or their models."""
    counted = update(routing).values(generation=routing.c.generation + 1)
    if (await tx.execute(counted)).rowcount != 1:
        raise AssertionError("the row that locks routing is missing")


async def hold_still(tx: Tx) -> None:
    """From here to the end of the transaction nobody writes them; on SQLite a reader sees one moment anyway."""
    await tx.execute(select(routing.c.generation).with_for_update(read=True))


async def generation(tx: Tx) -> int:
    """Grows with every transaction that wrote providers, channels or their models."""
    return int(await tx.scalar(select(routing.c.generation)))


async def get(tx: Tx, id: str) -> ProviderRecord:
    for record in await _records(tx, (await tx.execute(select(providers).where(_columns.id == id))).all()):
        return record
    raise NoSuchUpstream


async def page(tx: Tx, *, most: int, after: Rank | None, name: str | None) -> Sequence[ProviderRecord]:
    """In the order in which they are tried."""
    query = select(providers).order_by(*_IN_ORDER).limit(most)
    if after:
        later = (_columns.priority == after.priority) & (_columns.id > after.id)
        query = query.where(or_(_columns.priority > after.priority, later))
    if name is not None:
        query = query.where(_columns.name == name)
    return await _records(tx, (await tx.execute(query)).all())


async def enabled(tx: Tx) -> Sequence[ProviderRecord]:
    """All of them with everything that they have, in the order in which they are tried."""
    query = select(providers).where(_columns.enabled == 1).order_by(*_IN_ORDER)
    return await _records(tx, (await tx.execute(query)).all())


async def every(tx: Tx) -> Sequence[ProviderRecord]:
    """Those that are not enabled, too, in the order in which they are tried."""
    return await _records(tx, (await tx.execute(select(providers).order_by(*_IN_ORDER))).all())


async def ranks(tx: Tx) -> Sequence[Rank]:
    query = select(_columns.priority, _columns.id).order_by(*_IN_ORDER)
    return [Rank(row.priority, row.id) for row in await tx.execute(query)]


async def is_taken(tx: Tx, name: str) -> bool:
    return await tx.scalar(select(_columns.id).where(_columns.name == name).limit(1)) is not None


async def add(tx: Tx, id: str, priority: int, settings: ProviderSettings) -> None:
    await tx.execute(insert(providers).values(id=id, priority=priority, **_values(settings)))
    await offers.put(tx, provider_models.c.provider_id, id, settings.models)


async def change(tx: Tx, before: ProviderRecord, settings: ProviderSettings) -> None:
    values = {name: value for name, value in _values(settings).items() if value != _values(before)[name]}
    if values:
        await tx.execute(update(providers).where(_columns.id == before.id).values(**values))
    if set(before.models) != set(settings.models):
        await offers.put(tx, provider_models.c.provider_id, before.id, settings.models)


async def rank(tx: Tx, priorities: Mapping[str, int]) -> None:
    if priorities:
        statement = update(providers).where(_columns.id == bindparam("of")).values(priority=bindparam("rank"))
        await tx.execute(statement, [{"of": id, "rank": priorities[id]} for id in sorted(priorities)])


async def remove(tx: Tx, id: str) -> None:
    """With its channels and models."""
    await tx.execute(delete(providers).where(_columns.id == id))


async def _records(tx: Tx, rows: Sequence[Row[Any]]) -> Sequence[ProviderRecord]:
    """A fixed number of queries, however many rows there are."""
    if not rows:
        return []
    ids = [row.id for row in rows]
    models = await offers.of_providers(tx, ids)
    theirs = await channels.of_providers(tx, ids)
    return [
        ProviderRecord(
            id=row.id,
            name=row.name,
            type=row.provider_type,
            enabled=bool(row.enabled),
            priority=row.priority,
            groups=tuple(row.groups),
            max_retries=None if row.max_retries == _UNLIMITED else row.max_retries,
            channel_max_retries=row.channel_max_retries,
            channel_retry_interval_ms=row.channel_retry_interval_ms,
            circuit_breaker_enabled=bool(row.circuit_breaker_enabled),
            per_model_circuit_break=bool(row.per_model_circuit_break),
            type_overrides=tuple(TypeOverride(each["pattern"], each["type"]) for each in row.api_type_overrides),
            price_provider=row.price_provider,
            timeouts=TimeoutOverrides(
                connect_ms=row.connect_timeout_ms_override,
                first_byte_ms=row.first_byte_timeout_ms_override,
                idle_ms=row.idle_timeout_ms_override,
                total_ms=row.request_timeout_ms_override,
            ),
            probe=probes.overrides(row),
            transforms=read(row.transforms),
            models=models.get(row.id, ()),
            channels=theirs.get(row.id, ()),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def _values(settings: ProviderSettings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "provider_type": settings.type,
        "enabled": int(settings.enabled),
        "groups": list(settings.groups),
        "max_retries": _UNLIMITED if settings.max_retries is None else settings.max_retries,
        "channel_max_retries": settings.channel_max_retries,
        "channel_retry_interval_ms": settings.channel_retry_interval_ms,
        "circuit_breaker_enabled": int(settings.circuit_breaker_enabled),
        "per_model_circuit_break": int(settings.per_model_circuit_break),
        "api_type_overrides": [{"pattern": each.pattern, "type": each.type} for each in settings.type_overrides],
        "price_provider": settings.price_provider,
        "connect_timeout_ms_override": settings.timeouts.connect_ms,
        "first_byte_timeout_ms_override": settings.timeouts.first_byte_ms,
        "idle_timeout_ms_override": settings.timeouts.idle_ms,
        "request_timeout_ms_override": settings.timeouts.total_ms,
        "transforms": [stored(rule) for rule in settings.transforms],
        **probes.values(settings.probe),
    }
