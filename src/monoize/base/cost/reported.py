"""Usage as the providers report it, each in its own shape, made into the one `Usage`.

They disagree on what the prompt counts: Anthropic leaves cached tokens out, everybody else includes them.
A count that is missing where it must be, or that contradicts another one, is refused with `invalid_usage`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from monoize.base.cost.usage import InvalidUsage, Usage

Report = Mapping[str, object]
"""The usage object of a response, decoded from JSON and otherwise untouched."""

ITERATIONS_MOST: Final = 1_000

_TOKENS: Final = (
    *("input_tokens", "output_tokens", "reasoning_tokens"),
    *("cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens"),
)


class Facts(msgspec.Struct, frozen=True):
    """What a response tells outside its token counts."""

    web_searches: int = 0
    code_seconds: int = 0
    code_is_free: bool = False
    milli_neurons: int | None = None
    batch: bool = False
    us_only: bool = False
    fast: bool = False


NO_FACTS: Final = Facts()


def from_totals(
    prompt_tokens: int,
    output_tokens: int,
    *,
    cached_tokens: int = 0,
    reasoning_tokens: int = 0,
    facts: Facts = NO_FACTS,
) -> Usage:
    """From a prompt that includes what was read from the cache, and an output that includes the reasoning."""
    if cached_tokens > prompt_tokens:
        raise InvalidUsage("More tokens were read from the cache than the prompt has.", field="cached_tokens")
    return Usage(
        input_tokens=prompt_tokens - cached_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cached_tokens,
        reasoning_tokens=reasoning_tokens,
        web_searches=facts.web_searches,
        code_seconds=facts.code_seconds,
        code_is_free=facts.code_is_free,
        milli_neurons=facts.milli_neurons,
        batch=facts.batch,
        us_only=facts.us_only,
        fast=facts.fast,
    )


def from_openai_chat(report: Report, facts: Facts = NO_FACTS) -> Usage:
    return from_totals(
        _needed(report, "prompt_tokens"),
        _needed(report, "completion_tokens"),
        cached_tokens=_given(_inner(report, "prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_given(_inner(report, "completion_tokens_details"), "reasoning_tokens"),
        facts=facts,
    )


def from_openai_responses(report: Report, facts: Facts = NO_FACTS) -> Usage:
    return from_totals(
        _needed(report, "input_tokens"),
        _needed(report, "output_tokens"),
        cached_tokens=_given(_inner(report, "input_tokens_details"), "cached_tokens"),
        reasoning_tokens=_given(_inner(report, "output_tokens_details"), "reasoning_tokens"),
        facts=facts,
    )


def from_openai_embeddings(report: Report, facts: Facts = NO_FACTS) -> Usage:
    return from_totals(_needed(report, "prompt_tokens"), 0, facts=facts)


def from_deepseek(report: Report, facts: Facts = NO_FACTS) -> Usage:
    """The prompt comes split into what the cache hit and what it missed."""
    hit, missed = _needed(report, "prompt_cache_hit_tokens"), _needed(report, "prompt_cache_miss_tokens")
    if report.get("prompt_tokens") is not None and _needed(report, "prompt_tokens") != hit + missed:
        raise InvalidUsage("Hits and misses of the cache do not add up to the prompt.", field="prompt_tokens")
    return from_totals(
        hit + missed,
        _needed(report, "completion_tokens"),
        cached_tokens=hit,
        reasoning_tokens=_given(_inner(report, "completion_tokens_details"), "reasoning_tokens"),
        facts=facts,
    )


def from_google(report: Report, facts: Facts = NO_FACTS) -> Usage:
    """Counts of nought are left out of the report. Thoughts are billed as output but counted beside it."""
    prompt, cached = _needed(report, "promptTokenCount"), _given(report, "cachedContentTokenCount")
    if cached > prompt:
        raise InvalidUsage(
            "More tokens were read from the cache than the prompt has.", field="cachedContentTokenCount"
        )
    thoughts = _given(report, "thoughtsTokenCount")
    return from_totals(
        prompt + _given(report, "toolUsePromptTokenCount"),
        _given(report, "candidatesTokenCount") + thoughts,
        cached_tokens=cached,
        reasoning_tokens=thoughts,
        facts=facts,
    )


def from_anthropic(report: Report, facts: Facts = NO_FACTS) -> Usage:
    """Cached tokens come beside the prompt. The report itself tells of searches, speed, place and batch."""
    write_5m, write_1h, assumed = _cache_writes(report)
    return Usage(
        input_tokens=_needed(report, "input_tokens"),
        output_tokens=_needed(report, "output_tokens"),
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        cache_read_tokens=_given(report, "cache_read_input_tokens"),
        reasoning_tokens=_given(_inner(report, "output_tokens_details"), "thinking_tokens"),
        web_searches=_anthropic_searches(report, facts),
        code_seconds=facts.code_seconds,
        code_is_free=facts.code_is_free,
        milli_neurons=facts.milli_neurons,
        batch=facts.batch or report.get("service_tier") == "batch",
        us_only=facts.us_only or report.get("inference_geo") == "us",
        fast=facts.fast or report.get("speed") == "fast",
        ttl_split_assumed=assumed,
    )


def from_anthropic_iterations(report: Report, facts: Facts = NO_FACTS) -> tuple[Usage, ...]:
    """One usage for each pass of a response that was compacted on its way; its own totals leave some passes out.

    Searches and code belong to the whole response and are counted with its first pass.
    """
    passes = report.get("iterations")
    if not passes:
        return (from_anthropic(report, facts),)
    if not isinstance(passes, list) or len(passes) > ITERATIONS_MOST:
        raise InvalidUsage(field="iterations")
    if not all(isinstance(one, Mapping) for one in passes):
        raise InvalidUsage(field="iterations")
    shared = {name: report.get(name) for name in ("service_tier", "inference_geo", "speed")}
    first = msgspec.structs.replace(facts, web_searches=_anthropic_searches(report, facts))
    later = msgspec.structs.replace(facts, web_searches=0, code_seconds=0, milli_neurons=None)
    return tuple(
        from_anthropic({**shared, **one, "server_tool_use": None}, later if place else first)
        for place, one in enumerate(passes)
    )


def from_anthropic_passes(report: Report, facts: Facts = NO_FACTS) -> Usage:
    """All passes as one: for those who have one bill for a response.

    Together they can look like a long context that none of them is; no model that compacts is dearer there today.
    """
    if not report.get("iterations"):
        return from_anthropic(report, facts)
    first, *later = from_anthropic_iterations(report, facts)
    summed = {name: sum(getattr(one, name) for one in (first, *later)) for name in _TOKENS}
    assumed = any(one.ttl_split_assumed for one in (first, *later))
    return msgspec.structs.replace(first, **summed, ttl_split_assumed=assumed)


def _anthropic_searches(report: Report, facts: Facts) -> int:
    return facts.web_searches or _given(_inner(report, "server_tool_use"), "web_search_requests")


def _cache_writes(report: Report) -> tuple[int, int, bool]:
    """(5 minutes, 1 hour, whether the lifetime is only assumed)."""
    total = _given(report, "cache_creation_input_tokens")
    split = report.get("cache_creation")
    if split is None:
        return total, 0, total > 0
    parts = _inner(report, "cache_creation")
    write_5m = _given(parts, "ephemeral_5m_input_tokens")
    write_1h = _given(parts, "ephemeral_1h_input_tokens")
    if report.get("cache_creation_input_tokens") is not None and write_5m + write_1h != total:
        raise InvalidUsage(
            "Cache writes of 5 minutes and 1 hour do not add up to their total.", field="cache_creation"
        )
    return write_5m, write_1h, False


def _needed(report: Report, name: str) -> int:
    count = report.get(name)
    if type(count) is not int or count < 0:
        raise InvalidUsage(field=name)
    return count


def _given(report: Report, name: str) -> int:
    """A count that providers leave out, or send as null, when it is nought."""
    return 0 if report.get(name) is None else _needed(report, name)


def _inner(report: Report, name: str) -> Report:
    inner = report.get(name)
    if inner is None:
        return _NOTHING
    if not isinstance(inner, Mapping):
        raise InvalidUsage(field=name)
    return inner


_NOTHING: Final[Report] = {}
