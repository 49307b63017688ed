"""SQL of the models that providers and channels offer.

A row whose multiplier is none, which only a hand can have written, is left out: better a model that cannot be
called than one that costs nobody knows what.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Column, Row, delete, select

from monoize.base.ids import new_id
from monoize.control.catalog.model.providers import ModelEntry, billionths, multiplier_text
from monoize.control.catalog.tables import monoize_channel_models as channel_models
from monoize.control.catalog.tables import monoize_channels as channels
from monoize.control.catalog.tables import monoize_provider_models as provider_models
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

log = structlog.get_logger(__name__)

Entries = Mapping[str, tuple[ModelEntry, ...]]
"""By the id of who offers them, and of each by name."""


async def of_providers(tx: Tx, provider_ids: Collection[str]) -> Entries:
    owner = provider_models.c.provider_id
    query = select(provider_models, owner.label("owner")).where(is_one_of(tx, owner, provider_ids))
    return _entries((await tx.execute(query)).all())


async def of_channels_of(tx: Tx, provider_ids: Collection[str]) -> Entries:
    query = (
        select(channel_models, channel_models.c.channel_id.label("owner"))
        .join(channels, channels.c.id == channel_models.c.channel_id)
        .where(is_one_of(tx, channels.c.provider_id, provider_ids))
    )
    return _entries((await tx.execute(query)).all())


def _entries(rows: Sequence[Row[Any]]) -> Entries:
    found: dict[str, list[ModelEntry]] = {}
    for row in rows:
        try:
            multiplier = billionths(row.multiplier)
        except ValueError:
            log.warning("model_without_multiplier", id=row.id, owner=row.owner)
            continue
        found.setdefault(row.owner, []).append(ModelEntry(row.model_name, row.redirect or None, multiplier))
    return {owner: tuple(sorted(entries, key=lambda entry: entry.name)) for owner, entries in found.items()}


async def put(tx: Tx, owner: "Column[Any]", owner_id: str, models: Sequence[ModelEntry]) -> None:
    """In place of those that were there."""
    await tx.execute(delete(owner.table).where(owner == owner_id))
    rows = [
        {
            "id": new_id(),
            owner.name: owner_id,
            "model_name": entry.name,
            "redirect": entry.redirect,
            "multiplier": multiplier_text(entry.multiplier),
        }
        for entry in models
    ]
    await insert_many(tx, owner.table, rows)
