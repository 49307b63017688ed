"""From counters that only grow, and sometimes begin again, to what was used since they were last read. Pure."""

from collections.abc import Collection

from monoize.control.compute.model.machine import Machine
from monoize.control.compute.model.machines import Metric, Reading
from monoize.control.compute.model.overage import Usage


def last_reading(machine: Machine) -> Reading | None:
    """What was stored of the machine, as a driver is shown it."""
    if machine.metered_epoch is None or machine.metered_at is None:
        return None
    return Reading(
        epoch=machine.metered_epoch,
        at=machine.metered_at,
        cpu_ms=machine.cpu_used_ms,
        memory_mb_seconds=machine.memory_used_mb_seconds,
        network_bytes=machine.network_bytes,
        storage_bytes=machine.storage_used_bytes,
    )


def is_news(before: Reading | None, reading: Reading) -> bool:
    """Of two processes that read one machine at once, the one that comes second may hold the older figures."""
    return before is None or reading.at > before.at


def used_since(before: Reading | None, reading: Reading, counted: Collection[Metric]) -> Usage:
    """Of what is `counted` at this provider. Bandwidth is not in it: the proxy counts that."""
    cpu = memory = None
    if before is not None and before.epoch == reading.epoch:
        cpu, memory = before.cpu_ms, before.memory_mb_seconds
    return Usage(
        cpu_used_ms=_grown(cpu, reading.cpu_ms) if "cpu" in counted else 0,
        memory_used_mb_seconds=_grown(memory, reading.memory_mb_seconds) if "memory" in counted else 0,
    )


def _grown(before: int | None, now: int | None) -> int:
    """A counter that is less than it was has begun again at 0."""
    if now is None or now < 0:
        return 0
    return now if before is None or now < before else now - before
