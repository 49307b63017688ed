"""What people are told of their month: each thing that counts, beside its limit, and what it comes to. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from monoize.control.compute.model.machine import Machine, MachineStateName
from monoize.control.compute.model.machines import Metric
from monoize.control.compute.model.overage import Standing, Usage


@dataclasses.dataclass(frozen=True, slots=True)
class Gauge:
    used: int
    limit: int
    exceeded: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MachineUsage:
    """Null is what its provider does not meter."""

    id: str
    name: str
    provider: str
    state: MachineStateName
    bandwidth_bytes: int
    cpu_used_ms: int | None
    memory_used_mb_seconds: int | None
    storage_used_bytes: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MonthUsage:
    """`storage` is of the machine that has most, as its limit is one of each machine."""

    month: dt.date
    user_id: str
    plan: str | None
    bandwidth: Gauge
    storage: Gauge
    cpu: Gauge | None
    memory: Gauge | None
    allowed: bool
    overage_cost_cents: int
    overage_budget_cents: int
    overage_charged_cents: int
    machines: Sequence[MachineUsage]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentUsage:
    """Of one agent's machine; `allowed` and what follows are its user's, who has one plan for all of them."""

    month: dt.date
    agent_id: str
    machine: MachineUsage | None
    allowed: bool
    overage_cost_cents: int
    overage_budget_cents: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OverageBudget:
    month: dt.date
    user_id: str
    budget_cents: int
    overage_cost_cents: int
    charged_cents: int
    allowed: bool


def month_usage(
    user_id: str,
    standing: Standing,
    machines: Sequence[tuple[Machine, Usage]],
    metered: Mapping[str, Collection[Metric]],
) -> MonthUsage:
    """`machines`: those that are there, and those that were and used something this month."""
    plan, usage = standing.plan, standing.usage
    counted = {metric for machine, _ in machines for metric in metered[machine.provider]}
    stored = max((machine.storage_used_bytes for machine, _ in machines if machine.state != "destroyed"), default=0)
    is_counted = {metric: not machines or metric in counted for metric in ("cpu", "memory")}
    cpu = gauge(usage.cpu_used_ms, plan.max_cpu_ms if plan else 0)
    memory = gauge(usage.memory_used_mb_seconds, plan.max_memory_mb_seconds if plan else 0)
    return MonthUsage(
        month=standing.month,
        user_id=user_id,
        plan=plan.name if plan else None,
        bandwidth=gauge(usage.bandwidth_bytes, plan.max_bandwidth_bytes if plan else 0),
        storage=gauge(stored, plan.max_storage_bytes if plan else 0),
        cpu=cpu if is_counted["cpu"] else None,
        memory=memory if is_counted["memory"] else None,
        allowed=standing.allowed,
        overage_cost_cents=standing.overage_cents,
        overage_budget_cents=standing.budget_cents,
        overage_charged_cents=standing.charged_cents,
        machines=[machine_usage(machine, used, metered[machine.provider]) for machine, used in machines],
    )


def machine_usage(machine: Machine, used: Usage, metered: Collection[Metric]) -> MachineUsage:
    return MachineUsage(
        id=machine.id,
        name=machine.name,
        provider=machine.provider,
        state=machine.state,
        bandwidth_bytes=used.bandwidth_bytes,
        cpu_used_ms=used.cpu_used_ms if "cpu" in metered else None,
        memory_used_mb_seconds=used.memory_used_mb_seconds if "memory" in metered else None,
        storage_used_bytes=machine.storage_used_bytes,
    )


def gauge(used: int, limit: int) -> Gauge:
    """Exactly at the limit is within it."""
    return Gauge(used, limit, used > limit)
