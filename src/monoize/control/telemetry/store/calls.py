"""SQL of calls, and of the sums of each day that are written beside them."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import func, select

from monoize.base.cost.usage import Usage
from monoize.base.money import NANO_PER_USD
from monoize.contract.events import Charged, ProviderCall
from monoize.control.telemetry.model.calls import Cost, DayKey, DaySum, RecordedCall
from monoize.control.telemetry.store.sums import Sums
from monoize.control.telemetry.tables import agent_telemetry, telemetry_days
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

_PICO_PER_USD: Final = 10**12
_TOKENS_PER_MTOK: Final = 10**6
_CACHE_5M_S: Final = 300
_CACHE_1H_S: Final = 3600
_days = telemetry_days.c
_sums: Final = Sums(telemetry_days, key=DayKey._fields, numbers=DaySum._fields)
_encoder: Final = msgspec.json.Encoder()


async def known(tx: Tx, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    query = select(agent_telemetry.c.id).where(is_one_of(tx, agent_telemetry.c.id, ids))
    return set((await tx.execute(query)).scalars())


async def add(tx: Tx, calls: Sequence[RecordedCall]) -> None:
    await insert_many(tx, agent_telemetry, [_row(call) for call in calls])


def _row(recorded: RecordedCall) -> dict[str, Any]:
    event, call, cache = recorded
    usage, rates, cost_nano = call.usage, call.rates, event.cost_nano
    is_measured = not cache.unpriced_calls
    return {
        "id": event.id,
        "tenant_id": recorded.tenant_id,
        "session_id": call.session_id,
        "agent_id": call.agent_id,
        "created_by": event.user_id,
        "metric_type": "llm",
        "metric_name": "request",
        "metric_value": 1.0,
        "unit": "call",
        "severity": "warning" if event.log is not None and event.log.status == "error" else "info",
        "timestamp": event.at_ms,
        "metadata_json": _metadata(event, call),
        "provider": call.provider,
        "model_used": call.model,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "total_input_tokens": usage.total_input_tokens,
        "is_batch": int(usage.batch),
        "is_us_only": int(usage.us_only),
        "is_fast_mode": int(usage.fast),
        "is_long_context": int("long_context" in rates.flags),
        "tool_choice": call.tool_choice,
        "web_search_requests": usage.web_searches,
        "code_exec_seconds": usage.code_seconds,
        "cost_nano": cost_nano,
        "computed_cost_usd": _shown_usd(cost_nano),
        "cost_estimate": _shown_usd(call.estimate_nano),
        "cost_breakdown_json": bytes(event.breakdown).decode(),
        "pricing_source": call.book,
        "cache_hit_rate": float(cache.hit_rate),
        "cache_efficiency_score": float(cache.efficiency) if is_measured else None,
        "cache_cost_savings_usd": _shown_usd(cache.savings_nano) if is_measured else None,
        # Unknown, where the defaults of the table would claim to know.
        "cache_breakpoints_used": None,
        "cache_ttl_seconds": _longest_ttl_s(usage),
        "input_rate_per_mtok": _shown_rate(rates.input_pico),
        "output_rate_per_mtok": _shown_rate(rates.output_pico),
        "cache_read_rate_per_mtok": _shown_rate(rates.cache_read_pico),
        "cache_write_rate_per_mtok": _shown_rate(rates.cache_write_5m_pico or rates.cache_write_1h_pico),
        # In thousandths: neurons are no whole numbers, and this column holds nothing else.
        "neurons_used": recorded.milli_neurons,
        "neuron_cost_usd": _shown_usd(call.neurons.nano) if call.neurons else None,
        "neuron_rate_per_1k": _shown_neuron_rate(rates.neuron_pico),
    }


def _metadata(event: Charged, call: ProviderCall) -> str:
    facts: dict[str, Any] = {"request_id": event.request_id}
    if call.usage.reasoning_tokens:
        facts["reasoning_tokens"] = call.usage.reasoning_tokens
    if event.is_estimated:
        facts["estimated"] = True
    return _encoder.encode(facts).decode()


def _longest_ttl_s(usage: Usage) -> int | None:
    if usage.cache_write_1h_tokens:
        return _CACHE_1H_S
    return _CACHE_5M_S if usage.cache_write_5m_tokens else None


# Columns for people to look at; nothing is ever added up from them.


def _shown_usd(nano: int | None) -> float | None:
    return None if nano is None else nano / NANO_PER_USD


def _shown_rate(pico: int | None) -> float | None:
    return None if pico is None else pico * _TOKENS_PER_MTOK / _PICO_PER_USD


def _shown_neuron_rate(pico: int | None) -> float | None:
    return None if pico is None else pico * 1000 / _PICO_PER_USD


async def add_to_days(tx: Tx, sums: Mapping[DayKey, DaySum]) -> None:
    await _sums.add(tx, sums)


async def costs(tx: Tx, *, since: dt.date, until: dt.date, provider: str | None, most: int) -> Sequence[Cost]:
    """At most `most` of them, over all tenants."""
    query = (
        select(
            _days.provider,
            _days.day,
            _days.model,
            func.sum(_days.calls).label("calls"),
            func.sum(_days.unpriced_calls).label("unpriced_calls"),
            func.sum(_days.cost_nano).label("cost_nano"),
        )
        .where(_days.day >= since, _days.day < until)
        .group_by(_days.provider, _days.day, _days.model)
        .order_by(_days.provider, _days.day, _days.model)
        .limit(most)
    )
    if provider is not None:
        query = query.where(_days.provider == provider)
    return [
        # Some engines add whole numbers up to decimals.
        Cost(row.provider, row.day, row.model, int(row.calls), int(row.unpriced_calls), int(row.cost_nano))
        for row in await tx.execute(query)
    ]
