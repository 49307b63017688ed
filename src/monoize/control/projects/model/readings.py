"""What a container uses, read from the counters that the engine tells. Pure; missing counters read as zero."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """Of one replica. `cpu_percent` is of one processor and needs two samples; bytes are since its start."""

    ts: str
    replica: int | None
    cpu_percent: float | None
    memory_bytes: int
    memory_limit_bytes: int
    network_in_bytes: int
    network_out_bytes: int
    disk_read_bytes: int
    disk_write_bytes: int
    pids: int


def reading_of(replica: int | None, sample: Mapping[str, Any], before: Mapping[str, Any] | None) -> Reading:
    memory = _part(sample, "memory_stats")
    # As the engine's own client shows it: what the kernel may take back at any time does not count.
    reclaimable = _number(_part(memory, "stats"), "inactive_file") or _number(
        _part(memory, "stats"), "total_inactive_file"
    )
    networks = [one for one in _part(sample, "networks").values() if isinstance(one, Mapping)]
    entries = _part(sample, "blkio_stats").get("io_service_bytes_recursive") or []
    return Reading(
        ts=str(sample.get("read") or ""),
        replica=replica,
        cpu_percent=_cpu(sample, before),
        memory_bytes=max(0, _number(memory, "usage") - reclaimable),
        memory_limit_bytes=_number(memory, "limit"),
        network_in_bytes=sum(_number(one, "rx_bytes") for one in networks),
        network_out_bytes=sum(_number(one, "tx_bytes") for one in networks),
        disk_read_bytes=_moved(entries, "read"),
        disk_write_bytes=_moved(entries, "write"),
        pids=_number(_part(sample, "pids_stats"), "current"),
    )


def _cpu(sample: Mapping[str, Any], before: Mapping[str, Any] | None) -> float | None:
    if before is None:
        return None
    now, then = _part(sample, "cpu_stats"), _part(before, "cpu_stats")
    used = _number(_part(now, "cpu_usage"), "total_usage") - _number(_part(then, "cpu_usage"), "total_usage")
    passed = _number(now, "system_cpu_usage") - _number(then, "system_cpu_usage")
    if passed <= 0 or used < 0:
        return None
    processors = _number(now, "online_cpus") or 1
    return round(used / passed * processors * 100, 2)


def _moved(entries: Any, way: str) -> int:
    told = [one for one in entries if isinstance(one, Mapping)]
    return sum(_number(one, "value") for one in told if str(one.get("op")).lower() == way)


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = of.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(of: Mapping[str, Any], name: str) -> int:
    value = of.get(name)
    return value if isinstance(value, int) else 0
