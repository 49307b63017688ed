"""Which channels can do what a request of the Responses API asks for. Pure.

It may lean on what a provider remembers, or say what only such a provider can read. Others would answer without
having understood it, and are not asked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.gateway.errors import BackgroundUnsupported, NativeChannelNeeded
from monoize.gateway.job import Job
from monoize.gateway.selection import Attempt

_REMEMBERED: Final = ("previous_response_id", "conversation", "prompt")
_NATIVE_ITEMS: Final = frozenset(
    {"item_reference", "compaction", "compaction_summary", "compaction_trigger", "context_compaction"}
)


def fitting(job: Job, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    name = job.dialect.name
    if name not in ("responses", "compact"):
        return attempts
    if job.parsed.get("background"):
        # It would go on at the provider, and cost, when its caller has left.
        raise BackgroundUnsupported
    param = _native_param(job.parsed)
    if param is None and name != "compact":
        return attempts
    able = [attempt for attempt in attempts if attempt.type == "responses"]
    if not able:
        raise NativeChannelNeeded(param)
    return able


def _native_param(body: Mapping[str, Any]) -> str | None:
    given = body.get("input")
    items = given if isinstance(given, list) else ()
    if any(isinstance(item, dict) and item.get("type") in _NATIVE_ITEMS for item in items):
        return "input"
    return next((name for name in _REMEMBERED if body.get(name) is not None), None)
