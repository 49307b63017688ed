"""SQL of what agents report of themselves, and of taking away what is too old."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import delete, exc, func, select

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.telemetry.errors import TelemetryReportedAtOnce
from monoize.control.telemetry.model.observations import Observation, kept_key
from monoize.control.telemetry.tables import agent_telemetry, reported_usage_hours, usage_hours, usage_model_hours
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

_rows = agent_telemetry.c
_encoder: Final = msgspec.json.Encoder()
_PLAIN: Final = (
    *("metric_type", "metric_name", "metric_value", "unit", "severity", "agent_id", "session_id", "command_id"),
    *("workspace_id", "service_name", "instance_id", "location", "trace_id", "span_id"),
    *("provider", "model_used", "input_tokens", "output_tokens", "tool_choice"),
)
# What is not reported has no value, where the defaults of the table would claim to know one.
UNKNOWN: Final[Mapping[str, None]] = dict.fromkeys(
    (
        *("cost_estimate", "computed_cost_usd", "cost_nano", "cost_breakdown_json", "pricing_source"),
        *("cache_creation_input_tokens", "cache_read_input_tokens", "total_input_tokens"),
        *("is_batch", "is_us_only", "is_fast_mode", "is_long_context"),
        *("tool_system_prompt_tokens", "tool_overhead_input_tokens", "web_search_requests", "code_exec_seconds"),
        *("cache_hit_rate", "cache_efficiency_score", "cache_cost_savings_usd"),
        *("cache_breakpoints_used", "cache_ttl_seconds", "neuron_cost_usd", "neurons_used", "neuron_rate_per_1k"),
    )
)


async def known(tx: Tx, tenant_id: str, keys: Collection[str]) -> set[str]:
    if not keys:
        return set()
    query = select(_rows.idempotency_key).where(
        _rows.tenant_id == tenant_id, is_one_of(tx, _rows.idempotency_key, keys)
    )
    return set((await tx.execute(query)).scalars())


async def add(tx: Tx, tenant_id: str, caller: Principal, observations: Sequence[Observation]) -> None:
    rows = [_row(tenant_id, caller, observation) for observation in observations]
    try:
        await insert_many(tx, agent_telemetry, rows)
    except exc.IntegrityError as problem:
        raise TelemetryReportedAtOnce from problem


def _row(tenant_id: str, caller: Principal, observation: Observation) -> dict[str, Any]:
    return {
        "id": new_id(),
        "tenant_id": tenant_id,
        "created_by": caller.user_id or caller.label,
        "idempotency_key": kept_key(caller, observation.idempotency_key),
        "timestamp": int(observation.at.timestamp() * 1000),
        "event_type": "reported",
        "metadata_json": _encoder.encode(observation.metadata).decode(),
        **{name: getattr(observation, name) for name in _PLAIN},
        **UNKNOWN,
    }


async def delete_before(tx: Tx, at: dt.datetime, *, agent_id: str | None = None, most: int) -> int:
    """The oldest, at most `most`; how many there were."""
    query = select(_rows.id).where(_rows.timestamp < int(at.timestamp() * 1000)).limit(most)
    query = query.order_by(_rows.timestamp) if agent_id is None else query.where(_rows.agent_id == agent_id)
    ids = list((await tx.execute(query)).scalars())
    if ids:
        await tx.execute(delete(agent_telemetry).where(is_one_of(tx, _rows.id, ids)))
    return len(ids)


async def delete_hour_before(tx: Tx, at: dt.datetime) -> bool:
    """The oldest hour of usage, if it lies before that."""
    first = [await tx.scalar(select(func.min(hours.c.at_ms))) for hours in (usage_hours, reported_usage_hours)]
    oldest = min((at_ms for at_ms in first if at_ms is not None), default=None)
    if oldest is None or oldest >= int(at.timestamp() * 1000):
        return False
    for hours in (usage_hours, usage_model_hours, reported_usage_hours):
        await tx.execute(delete(hours).where(hours.c.at_ms == oldest))
    return True
