"""The plans and presets of a new installation, from `seed_plans.toml`. A mistake in it raises KeyError. Pure."""

import dataclasses
import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

from monoize.control.compute.model.plans import GIB

FILE: Final = "seed_plans.toml"
_PACKAGE: Final = "monoize.control.compute"
_MS_PER_HOUR: Final = 3_600_000
_MB_SECONDS_PER_GB_HOUR: Final = 1024 * 3600


@dataclasses.dataclass(frozen=True, slots=True)
class SeedPlan:
    """`values` as the table has them; `presets` by name."""

    values: Mapping[str, Any]
    presets: Sequence[str]


@functools.cache
def _content() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(_PACKAGE).joinpath(FILE).read_text("utf-8"))


def seed_presets() -> Sequence[Mapping[str, Any]]:
    presets: Sequence[Mapping[str, Any]] = _content()["presets"]
    return presets


def seed_plans() -> Sequence[SeedPlan]:
    return [_plan(dict(row)) for row in _content()["plans"]]


def _plan(row: dict[str, Any]) -> SeedPlan:
    presets = row.pop("presets")
    values = {
        "max_bandwidth_bytes": row.pop("max_bandwidth_gb") * GIB,
        "max_storage_bytes": row.pop("max_storage_gb") * GIB,
        "max_cpu_ms": row.pop("max_cpu_hours") * _MS_PER_HOUR,
        "max_memory_mb_seconds": row.pop("max_memory_gb_hours") * _MB_SECONDS_PER_GB_HOUR,
    }
    return SeedPlan({**row, **values}, presets)
