"""SQL of what repeats prices for others to read: observations, the models' display rates, the metadata records.

The price book decides; whatever stands here is for showing. A price that is unknown stays unknown.
"""

import itertools
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from monoize.base.cost.price import Price
from monoize.base.money import PICO_PER_NANO, decimal_text, truncate
from monoize.contract.policies.model_policy import Capability
from monoize.control.catalog.model.rates import RATES, shown
from monoize.control.catalog.model.records import ModelKey, PriceRecord
from monoize.control.catalog.tables import ai_models, model_metadata_records, pricing_snapshots
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

UNKNOWN: Final = "unknown"
_TOKENS_OBSERVED: Final = 1_000
_PICO_DECIMALS: Final = 12
_KEYS_AT_ONCE: Final = 500
_PICO_PER_USD_PER_MTOK: Final = 10**6
_PICO_PER_USD_PER_1K: Final = 10**9
_PICO_PER_USD: Final = 10**12


async def observe(tx: Tx, records: Sequence[PriceRecord]) -> None:
    """What somebody saw, at the moment when they saw it."""
    rows = [
        {
            "model": record.price.model_key,
            "currency": record.price.currency,
            "input_price_per_1k": _per_1k(record.price.input_pico),
            "output_price_per_1k": _per_1k(record.price.output_pico),
            "cached_price_per_1k": _per_1k(record.price.cache_read_pico),
            "source_url": record.source.url,
            "raw": _raw(record.price),
            "fetched_at": record.source.checked_at,
        }
        for record in records
    ]
    if rows:
        await tx.execute(insert(pricing_snapshots), rows)


def _per_1k(pico: int | None) -> str:
    return UNKNOWN if pico is None else decimal_text(pico * _TOKENS_OBSERVED, _PICO_DECIMALS)


def _raw(price: Price) -> str:
    rates = shown({rate.column: getattr(price, rate.column) for rate in RATES})
    names = {"provider": price.provider, "kind": price.kind, "variant": price.variant, "book": price.pricing_source}
    return json.dumps({**names, **rates}, sort_keys=True)


async def show(tx: Tx, held: Mapping[ModelKey, Price | None]) -> None:
    """The ordinary price that holds now, or None, beside each model."""
    if held:
        await _on_models(tx, held)
        await _on_metadata(tx, held)


async def _on_models(tx: Tx, held: Mapping[ModelKey, Price | None]) -> None:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _display(None)}
    statement = (
        update(ai_models)
        .where(ai_models.c.provider == bindparam("of_provider"), ai_models.c.model_key == bindparam("of_key"))
        .values(**values)
    )
    rows = []
    for model in sorted(held):
        shown_now = {f"new_{name}": value for name, value in _display(held[model]).items()}
        rows.append({"of_provider": model.provider, "of_key": model.model_key, **shown_now})
    await tx.execute(statement, rows)


def _display(price: Price | None) -> dict[str, Any]:
    """Floats, for eyes only."""

    def float_of(column: str, divisor: int) -> float | None:
        pico = getattr(price, column) if price else None
        return None if pico is None else pico / divisor

    return {
        "input_rate_per_mtok": float_of("input_pico", _PICO_PER_USD_PER_MTOK),
        "output_rate_per_mtok": float_of("output_pico", _PICO_PER_USD_PER_MTOK),
        "cache_write_rate_per_mtok": float_of("cache_write_5m_pico", _PICO_PER_USD_PER_MTOK),
        "cache_write_1h_rate_per_mtok": float_of("cache_write_1h_pico", _PICO_PER_USD_PER_MTOK),
        "cache_read_rate_per_mtok": float_of("cache_read_pico", _PICO_PER_USD_PER_MTOK),
        "web_search_per_1k_usd": float_of("web_search_pico", _PICO_PER_USD_PER_1K),
        "neurons_usd_per_1k": float_of("neuron_pico", _PICO_PER_USD_PER_1K),
        "cost_per_unit": float_of("unit_pico", _PICO_PER_USD),
        "pricing_source": price.pricing_source if price else None,
    }


async def _on_metadata(tx: Tx, held: Mapping[ModelKey, Price | None]) -> None:
    """One record for each name of a model; where providers share a name, the first one's price stands there."""
    columns = model_metadata_records.c
    owners: dict[str, str | None] = {}
    for some in _chunks(sorted({model.model_key for model in held})):
        query = select(columns.model_id, columns.models_dev_provider).where(columns.model_id.in_(some))
        owners.update((row.model_id, row.models_dev_provider) for row in await tx.execute(query))
    new, known = [], []
    for model in sorted(held):
        row = _metadata(model, held[model])
        if model.model_key not in owners:
            owners[model.model_key] = model.provider
            new.append(row)
        elif owners[model.model_key] in (model.provider, None):
            known.append({f"new_{name}": value for name, value in row.items()})
    if new:
        await tx.execute(insert(model_metadata_records), new)
    if known:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _metadata(ModelKey("", ""), None)}
        statement = update(model_metadata_records).where(columns.model_id == bindparam("new_model_id"))
        await tx.execute(statement.values(**values), known)


def _metadata(model: ModelKey, price: Price | None) -> dict[str, Any]:
    def nano_of(column: str) -> int | None:
        pico = getattr(price, column) if price else None
        return None if pico is None else truncate(pico, PICO_PER_NANO)

    return {
        "model_id": model.model_key,
        "models_dev_provider": model.provider,
        "input_cost_per_token_nano": nano_of("input_pico"),
        "output_cost_per_token_nano": nano_of("output_pico"),
        "cache_read_input_cost_per_token_nano": nano_of("cache_read_pico"),
        "cache_creation_input_cost_per_token_nano": nano_of("cache_write_5m_pico"),
        "source": "price_book",
    }


def _chunks(keys: Collection[str]) -> list[list[str]]:
    waiting = iter(keys)
    return list(iter(lambda: list(itertools.islice(waiting, _KEYS_AT_ONCE)), []))


async def unpriced_active_models(tx: Tx, *, most: int) -> Sequence[ModelKey]:
    """Active models that are sold by the token and show no rate."""
    columns = ai_models.c
    query = (
        select(columns.provider, columns.model_key)
        .where(
            columns.is_active == 1,
            columns.billing_unit == "tokens",
            columns.input_rate_per_mtok.is_(None) | columns.output_rate_per_mtok.is_(None),
        )
        .order_by(columns.provider, columns.model_key)
        .limit(most)
    )
    return [ModelKey(row.provider, row.model_key) for row in await tx.execute(query)]


async def fast_active_models(tx: Tx, *, most: int) -> Sequence[ModelKey]:
    """Active models that say they know the fast mode."""
    columns = ai_models.c
    query = (
        select(columns.provider, columns.model_key)
        .where(columns.is_active == 1, columns.supports_fast_mode == 1)
        .order_by(columns.provider, columns.model_key)
        .limit(most)
    )
    return [ModelKey(row.provider, row.model_key) for row in await tx.execute(query)]


async def capabilities(tx: Tx, models: Collection[ModelKey]) -> Mapping[ModelKey, frozenset[Capability]]:
    """Of those that the catalogue knows."""
    wanted, columns = frozenset(models), ai_models.c
    flags: Mapping[Capability, Any] = {
        "tools": columns.supports_tools,
        "vision": columns.supports_vision,
        "cache": columns.supports_cache,
    }
    if not wanted:
        return {}
    rows = await tx.execute(
        select(columns.provider, columns.model_key, *(flag.label(name) for name, flag in flags.items())).where(
            is_one_of(tx, columns.model_key, sorted({model.model_key for model in wanted}))
        )
    )
    listed = {ModelKey(row.provider, row.model_key): row for row in rows}
    return {
        model: frozenset(name for name in flags if getattr(row, name))
        for model, row in listed.items()
        if model in wanted
    }


async def output_most(tx: Tx, models: Collection[ModelKey]) -> Mapping[ModelKey, int]:
    """What the catalogue of models says of each, or else the metadata of its name if it is of the same provider."""
    if not models:
        return {}
    wanted, keys = frozenset(models), sorted({model.model_key for model in models})
    metadata, columns = model_metadata_records.c, ai_models.c
    rows = await tx.execute(
        select(metadata.model_id, metadata.models_dev_provider, metadata.max_output_tokens).where(
            is_one_of(tx, metadata.model_id, keys), metadata.max_output_tokens > 0
        )
    )
    by_name = {row.model_id: row for row in rows}
    found = {
        model: int(row.max_output_tokens)
        for model in wanted
        if (row := by_name.get(model.model_key)) and row.models_dev_provider in (model.provider, None)
    }
    rows = await tx.execute(
        select(columns.provider, columns.model_key, columns.output_max_tokens).where(
            is_one_of(tx, columns.model_key, keys), columns.output_max_tokens > 0
        )
    )
    listed = {ModelKey(row.provider, row.model_key): int(row.output_max_tokens) for row in rows}
    return {**found, **{model: most for model, most in listed.items() if model in wanted}}


async def size_classes(tx: Tx, model_keys: Collection[str]) -> Mapping[ModelKey, str]:
    columns = ai_models.c
    query = select(columns.provider, columns.model_key, columns.size_class).where(
        is_one_of(tx, columns.model_key, model_keys), columns.size_class.is_not(None)
    )
    return {ModelKey(row.provider, row.model_key): row.size_class for row in await tx.execute(query)}
