"""The columns about probes, which providers and channels both have."""

from typing import Any

from sqlalchemy import Row

from monoize.control.catalog.model.providers import ProbeOverrides


def overrides(row: Row[Any]) -> ProbeOverrides:
    return ProbeOverrides(
        enabled=flag(row.active_probe_enabled_override),
        interval_s=row.active_probe_interval_seconds_override,
        successes=row.active_probe_success_threshold_override,
        model=row.active_probe_model_override,
    )


def values(probe: ProbeOverrides) -> dict[str, Any]:
    return {
        "active_probe_enabled_override": stored(probe.enabled),
        "active_probe_interval_seconds_override": probe.interval_s,
        "active_probe_success_threshold_override": probe.successes,
        "active_probe_model_override": probe.model,
    }


def flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def stored(flag: bool | None) -> int | None:
    return None if flag is None else int(flag)
