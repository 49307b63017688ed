"""SQL of calls: one row for each that a provider was asked to make."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import select

from monoize.base.cost.usage import Usage
from monoize.base.money import NANO_PER_USD
from monoize.contract.events import Charged, FailedCall, ProviderCall
from monoize.control.catalog.model.records import ModelKey
from monoize.control.telemetry.model.calls import RecordedCall
from monoize.control.telemetry.tables import agent_telemetry
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

SERVICE_NAME: Final = "monoize.gateway"

_PICO_PER_USD: Final = 10**12
_TOKENS_PER_MTOK: Final = 10**6
_CACHE_5M_S: Final = 300
_CACHE_1H_S: Final = 3600
_encoder: Final = msgspec.json.Encoder()


async def known(tx: Tx, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    query = select(agent_telemetry.c.id).where(is_one_of(tx, agent_telemetry.c.id, ids))
    return set((await tx.execute(query)).scalars())


async def add(tx: Tx, calls: Sequence[RecordedCall], size_classes: Mapping[ModelKey, str]) -> None:
    """`size_classes` by provider and model; what is not among them is not known."""
    rows = [_row(call, size_classes.get(ModelKey(call.call.provider, call.call.model))) for call in calls]
    await insert_many(tx, agent_telemetry, rows)
    failed = [
        _failed_row(call, each, number, size_classes.get(ModelKey(each.provider, each.model)))
        for call in calls
        for number, each in enumerate(call.event.failed_calls, start=1)
    ]
    await insert_many(tx, agent_telemetry, failed)


def _failed_row(recorded: RecordedCall, failed: FailedCall, number: int, size_class: str | None) -> dict[str, Any]:
    """It used nothing, and cost nothing."""
    event, call, _ = recorded
    facts = {
        "request_id": event.request_id,
        "attempt": number,
        "model": event.log.model if event.log else None,
        "duration_ms": failed.duration_ms,
        "error": failed.code,
        "status": failed.status,
        "provider_id": failed.provider_id,
        "channel_id": failed.channel_id,
    }
    return {
        **_of_caller(recorded),
        "id": f"{event.id}-{number}",
        "metric_type": "llm",
        "metric_name": "attempt",
        "metric_value": 1.0,
        "unit": "call",
        "event_type": event.log.request_kind if event.log else None,
        "severity": "warning",
        "timestamp": failed.at_ms,
        "metadata_json": _encoder.encode(
            {name: value for name, value in facts.items() if value is not None}
        ).decode(),
        "provider": failed.provider,
        "model_used": failed.model,
        "model_size_class": size_class,
        "tool_choice": call.tool_choice,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano": 0,
        # Nothing came that would tell what the defaults of the table claim to know.
        "cache_ttl_seconds": None,
        "tool_system_prompt_tokens": None,
        "tool_overhead_input_tokens": None,
        "neuron_rate_per_1k": None,
        "pricing_source": call.book,
    }


def _of_caller(recorded: RecordedCall) -> dict[str, Any]:
    """Whose call it was, for which conversation, and where it belongs."""
    event, call, _ = recorded
    return {
        "tenant_id": recorded.tenant_id,
        "session_id": call.session_id,
        "agent_id": call.agent_id,
        "created_by": event.user_id,
        "config_id": call.config_id,
        "config_version": call.config_version,
        "role_name": call.role_name,
        "agent_email": call.agent_email,
        "service_name": SERVICE_NAME,
        "instance_id": call.machine_id,
        "trace_id": call.trace_id,
        "span_id": call.span_id,
    }


def _row(recorded: RecordedCall, size_class: str | None) -> dict[str, Any]:
    event, call, cache = recorded
    usage, rates, cost_nano = call.usage, call.rates, event.cost_nano
    is_measured = not cache.unpriced_calls
    return {
        **_of_caller(recorded),
        "id": event.id,
        "metric_type": "llm",
        "metric_name": "request",
        "metric_value": 1.0,
        "unit": "call",
        "event_type": event.log.request_kind if event.log else None,
        "severity": "warning" if event.log is not None and event.log.status == "error" else "info",
        "timestamp": event.at_ms,
        "metadata_json": _metadata(event, call),
        "provider": call.provider,
        "model_used": call.model,
        "model_size_class": size_class,
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
        "cache_strategy": recorded.cache_strategy,
        "cache_breakpoints_used": call.cache_breakpoints,
        "cache_ttl_seconds": _longest_ttl_s(usage),
        "input_rate_per_mtok": _shown_rate(rates.input_pico),
        "output_rate_per_mtok": _shown_rate(rates.output_pico),
        "cache_read_rate_per_mtok": _shown_rate(rates.cache_read_pico),
        "cache_write_rate_per_mtok": _shown_rate(rates.cache_write_5m_pico or rates.cache_write_1h_pico),
        # In thousandths: neurons are no whole numbers, and this column holds nothing else.
        "neurons_used": recorded.milli_neurons,
        "neuron_cost_usd": _shown_usd(call.neurons.nano) if call.neurons else None,
        "neuron_rate_per_1k": _shown_neuron_rate(rates.neuron_pico),
        "tool_system_prompt_tokens": recorded.tool_prompt_tokens,
        "tool_overhead_input_tokens": call.tool_tokens,
    }


def _metadata(event: Charged, call: ProviderCall) -> str:
    facts: dict[str, Any] = {"request_id": event.request_id}
    if call.usage.reasoning_tokens:
        facts["reasoning_tokens"] = call.usage.reasoning_tokens
    if event.is_estimated:
        facts["estimated"] = True
    if event.api_key_id:
        facts["api_key_id"] = event.api_key_id
    if (log := event.log) is not None:
        about = {
            "model": log.model,
            "stream": log.is_stream or None,
            "duration_ms": log.duration_ms,
            "ttfb_ms": log.ttfb_ms,
            "error": log.error_code,
            "provider_id": log.provider_id,
            "channel_id": log.channel_id,
        }
        facts |= {name: value for name, value in about.items() if value is not None}
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
