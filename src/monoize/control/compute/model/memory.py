"""Memory over time, for providers that only tell how much is in use now or was given. Pure."""

import datetime as dt

from monoize.control.compute.model.machines import Reading


def memory_mb_seconds(
    before: Reading | None, *, epoch: str, began_at: dt.datetime, at: dt.datetime, memory_mb: float
) -> int:
    """The counter at `at`: what it was when last stored, and `memory_mb` for the time since, or since it began."""
    goes_on = before is not None and before.epoch == epoch
    counted = (before.memory_mb_seconds or 0) if before is not None and goes_on else 0
    since = before.at if before is not None and goes_on else began_at
    return counted + round(memory_mb * max(0.0, (at - since).total_seconds()))
