"""What an answer used, as this protocol counts it: totals that include what was cached and what was thought.

Each provider has its own names for the details, and its own place for the object. The first name that tells a
number counts; they are never added up.
"""

from typing import Final

import msgspec

from monoize.gateway.protocol.fields import told_list, told_object, told_text
from monoize.gateway.protocol.urp import Json, Usage

COUNT_MOST: Final = 10**12
"""More tokens than this nobody has ever used: the number is wrong."""

_INPUT: Final = ("prompt_tokens", "input_tokens")
_OUTPUT: Final = ("completion_tokens", "output_tokens")
_INPUT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details")
_OUTPUT_DETAILS: Final = ("completion_tokens_details", "output_tokens_details")
_CACHED: Final = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_tokens", "cache_read_input_tokens")
_WRITTEN: Final = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_THOUGHT: Final = ("reasoning_tokens", "thinking_tokens")


def read_usage(wire: Json) -> Usage | None:
    if not isinstance(wire, dict):
        return None
    spent, made = _spent(wire), _count(wire, _OUTPUT)
    if spent is None and made is None:
        return None
    of_input, of_output = _inner(wire, _INPUT_DETAILS), _inner(wire, _OUTPUT_DETAILS)
    read, written = _either(of_input, wire, _CACHED), _either(of_input, wire, _WRITTEN)
    thought = _either(of_output, wire, _THOUGHT)
    spent, made = spent or 0, made or 0
    if thought and _count(wire, ("total_tokens",)) == spent + made + thought:
        # xAI counts the thoughts beside the output.
        made += thought
    return Usage(
        # Parts are never more than their whole, whatever a provider says.
        input_tokens=max(spent, read + written),
        output_tokens=made,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=min(thought, made),
        input_audio_tokens=_count(of_input, ("audio_tokens",)) or 0,
        output_audio_tokens=_count(of_output, ("audio_tokens",)) or 0,
        web_searches=_count(told_object(wire.get("server_tool_use")) or {}, ("web_search_requests",)) or 0,
    )


def write_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.input_audio_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.output_audio_tokens,
        },
    }


def read_report(body: Json) -> Json | None:
    """The usage object of an answer or a chunk: Moonshot puts it into the choice, Groq beside its id."""
    choices = told_list(body.get("choices")) or [None]
    places = (body, told_object(choices[0]) if choices else None, told_object(body.get("x_groq")))
    reports = (told_object(place.get("usage")) for place in places if place)
    return next((report for report in reports if report), None)


def read_answer_usage(body: Json) -> Usage | None:
    """With what an answer tells of it elsewhere."""
    usage = read_usage(read_report(body) or {})
    tier = told_text(body.get("service_tier"))
    return usage if usage is None else msgspec.structs.replace(usage, service_tier=tier)


def merged(before: Json | None, report: Json) -> Json:
    """What is told last holds, number by number; what is not told any more holds still."""
    if before is None:
        return report
    told = {name: value for name, value in report.items() if value is not None}
    inner = {
        name: {**before[name], **{inner: count for inner, count in value.items() if count is not None}}
        for name, value in told.items()
        if isinstance(value, dict) and isinstance(before.get(name), dict)
    }
    after = {**before, **told, **inner}
    # Counts only grow: one that is smaller was of a part, or is none.
    return before if _total(after) < _total(before) else after


def _total(report: Json) -> int:
    return (_spent(report) or 0) + (_count(report, _OUTPUT) or 0)


def _spent(wire: Json) -> int | None:
    spent = _count(wire, _INPUT)
    if spent is not None:
        return spent
    # DeepSeek splits it.
    hit, missed = _count(wire, ("prompt_cache_hit_tokens",)), _count(wire, ("prompt_cache_miss_tokens",))
    return None if missed is None else missed + (hit or 0)


def _either(details: Json, wire: Json, names: tuple[str, ...]) -> int:
    inside = _count(details, names)
    return inside if inside is not None else _count(wire, names) or 0


def _inner(wire: Json, names: tuple[str, ...]) -> Json:
    return next((found for name in names if (found := told_object(wire.get(name)))), {})


def _count(wire: Json, names: tuple[str, ...]) -> int | None:
    counts = (wire.get(name) for name in names)
    return next((count for count in counts if type(count) is int and 0 <= count <= COUNT_MOST), None)
