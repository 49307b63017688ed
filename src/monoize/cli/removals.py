"""Following the removal of a service or a project to its end: what went, and what stands in the way."""

import time
from collections.abc import Mapping
from typing import Any, Final

from monoize.cli import show
from monoize.cli.api import Api, Json
from monoize.cli.failure import Failure

PAUSE_S: Final = 0.5
WAITS_MOST_S: Final = 300


def followed(api: Api, removal: Json) -> Json:
    """As it ended. Failure when it takes too long; it goes on without us."""
    told: set[tuple[str, ...]] = set()
    last_s = time.monotonic() + WAITS_MOST_S
    while True:
        for line in removal["evidence"]:
            text = _line(line)
            if text not in told:
                told.add(text)
                show.said("  " + "  ".join(text))
        if removal["state"] == "done":
            return removal
        if time.monotonic() > last_s:
            raise Failure(
                f"{removal['name']} is not removed yet: {removal['error'] or 'it takes its time'}",
                hint="It goes on by itself; /api/removals shows how.",
            )
        time.sleep(PAUSE_S)
        removal = api.get(f"/api/removals/{removal['id']}")


def _line(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in evidence.values() if value is not None)
