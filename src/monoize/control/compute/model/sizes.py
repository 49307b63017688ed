"""What a preset's size comes to where a provider sells only certain ones. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

_FLY_MEMORY_STEP_MB: Final = 256
_FLY_GUESTS: Final = (
    # Up to so many millicores: kind, CPUs, and what one CPU may have of memory, in MB.
    (1000, "shared", 1, 256, 2048),
    (2000, "shared", 2, 256, 2048),
    (4000, "performance", 4, 2048, 8192),
    (math.inf, "performance", 8, 2048, 8192),
)
_HETZNER_UP_TO: Final = (2000, 4000, 8000, math.inf)


def fly_guest(cpu_millicores: int, memory_mb: int) -> Mapping[str, Any]:
    """The smallest that has both; memory is rounded up to a step, and into what its CPUs may have."""
    _, kind, cpus, least, most = next(guest for guest in _FLY_GUESTS if cpu_millicores <= guest[0])
    stepped = -(-memory_mb // _FLY_MEMORY_STEP_MB) * _FLY_MEMORY_STEP_MB
    return {"cpu_kind": kind, "cpus": cpus, "memory_mb": min(max(stepped, least * cpus), most * cpus)}


def hetzner_type(cpu_millicores: int, types: Sequence[str]) -> str:
    """Four types in rising order; the last takes whatever is above."""
    place = next(number for number, up_to in enumerate(_HETZNER_UP_TO) if cpu_millicores <= up_to)
    return types[min(place, len(types) - 1)]
