"""What an answer used, as this protocol counts it: totals include what was cached and what was thought."""

from typing import Final

import msgspec

from monoize.gateway.protocol.fields import told_list, told_object, told_text
from monoize.gateway.protocol.urp import Json, Usage

COUNT_MOST: Final = 10**12
"""More tokens than this nobody has ever used: the number is wrong."""

# The names of others are taken too, the first that tells a number; they are never added up.
_INPUT: Final = ("input_tokens", "prompt_tokens")
_OUTPUT: Final = ("output_tokens", "completion_tokens")
_INPUT_DETAILS: Final = ("input_tokens_details", "prompt_tokens_details")
_OUTPUT_DETAILS: Final = ("output_tokens_details", "completion_tokens_details")
_CACHED: Final = ("cached_tokens", "cache_read_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens")
_WRITTEN: Final = (
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_write_input_tokens",
    "cache_creation_input_tokens",
)
_THOUGHT: Final = ("reasoning_tokens", "thinking_tokens")


def read_usage(wire: Json) -> Usage | None:
    if not isinstance(wire, dict):
        return None
    spent, made = _count(wire, _INPUT), _count(wire, _OUTPUT)
    if spent is None and made is None:
        return None
    of_input, of_output = _inner(wire, _INPUT_DETAILS), _inner(wire, _OUTPUT_DETAILS)
    read, written = _either(of_input, wire, _CACHED), _either(of_input, wire, _WRITTEN)
    return Usage(
        # Parts are never more than their whole, whatever a provider says.
        input_tokens=max(spent or 0, read + written),
        output_tokens=made or 0,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=min(_either(of_output, wire, _THOUGHT), made or 0),
        input_audio_tokens=_count(of_input, ("audio_tokens",)) or 0,
        output_audio_tokens=_count(of_output, ("audio_tokens",)) or 0,
    )


def read_report(body: Json) -> Json | None:
    """The usage of a whole answer, as it stands there."""
    return told_object(body.get("usage"))


def read_answer_usage(body: Json) -> Usage | None:
    """With what an answer tells of it elsewhere."""
    usage = read_usage(read_report(body) or {})
    if usage is None:
        return None
    tier = told_text(body.get("service_tier"))
    return msgspec.structs.replace(usage, service_tier=tier, web_searches=searches(body))


def searches(body: Json) -> int:
    tools = told_object(body.get("tool_usage")) or {}
    counted = _count(told_object(tools.get("web_search")) or {}, ("num_requests",))
    if counted is not None:
        return counted
    return sum(_is_search(item) for item in told_list(body.get("output")) or ())


def write_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _is_search(item: object) -> bool:
    """Opening a page that was found, and looking into it, is not searching."""
    if not isinstance(item, dict) or item.get("type") != "web_search_call":
        return False
    action = told_object(item.get("action")) or {}
    return action.get("type") in (None, "search")


def _either(details: Json, wire: Json, names: tuple[str, ...]) -> int:
    inside = _count(details, names)
    return inside if inside is not None else _count(wire, names) or 0


def _inner(wire: Json, names: tuple[str, ...]) -> Json:
    return next((found for name in names if (found := told_object(wire.get(name)))), {})


def _count(wire: Json, names: tuple[str, ...]) -> int | None:
    counts = (wire.get(name) for name in names)
    return next((count for count in counts if type(count) is int and 0 <= count <= COUNT_MOST), None)
