"""Tokens as Gemini counts them: thoughts beside the candidates, results of tools beside the prompt."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.gemini import models
from monoize.gateway.protocol.gemini.wire import spelled
from monoize.gateway.protocol.urp import Json

TOKENS_MOST: Final = 10**12
"""More than anybody ever used at once: a count beyond it is a mistake, and the same as none."""

_PROMPT: Final = ("promptTokenCount",)
# The second name is that of the same count where the service streams sound.
_CANDIDATES: Final = ("candidatesTokenCount", "responseTokenCount")
_TIERS: Final[Mapping[str, str]] = {
    "ON_DEMAND": "standard",
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_OFFPEAK": "offpeak",
    "PROVISIONED_THROUGHPUT": "provisioned",
    "STANDARD": "standard",
    "PRIORITY": "priority",
    "FLEX": "flex",
}


def read_usage(wire: Json) -> urp.Usage | None:
    """From a `usageMetadata`; None if it counts nothing."""
    wire = spelled(wire)
    prompt, candidates = _count(wire, *_PROMPT), _count(wire, *_CANDIDATES)
    tool_prompt, thoughts = _count(wire, "toolUsePromptTokenCount"), _count(wire, "thoughtsTokenCount")
    if prompt is candidates is tool_prompt is thoughts is None:
        return None
    cached = _count(wire, "cachedContentTokenCount") or 0
    return urp.Usage(
        input_tokens=(prompt or 0) + (tool_prompt or 0),
        output_tokens=(candidates or 0) + (thoughts or 0),
        cache_read_tokens=cached if cached <= (prompt or 0) else 0,
        reasoning_tokens=thoughts or 0,
        tool_prompt_tokens=tool_prompt or 0,
        input_audio_tokens=_spoken(wire.get("promptTokensDetails"), prompt or 0),
        output_audio_tokens=_spoken(wire.get("candidatesTokensDetails"), candidates or 0),
        service_tier=_tier(wire),
    )


def write_usage(usage: urp.Usage) -> Json:
    thoughts = min(usage.reasoning_tokens, usage.output_tokens)
    tool_prompt = min(usage.tool_prompt_tokens, usage.input_tokens)
    wire: Json = {
        "promptTokenCount": usage.input_tokens - tool_prompt,
        "candidatesTokenCount": usage.output_tokens - thoughts,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    optional = {
        "cachedContentTokenCount": usage.cache_read_tokens,
        "thoughtsTokenCount": thoughts,
        "toolUsePromptTokenCount": tool_prompt,
    }
    wire |= {name: count for name, count in optional.items() if count}
    for name, count in (
        ("promptTokensDetails", usage.input_audio_tokens),
        ("candidatesTokensDetails", usage.output_audio_tokens),
    ):
        if count:
            wire[name] = [{"modality": "AUDIO", "tokenCount": count}]
    return wire


def read_report(body: Json) -> Json | None:
    """The raw usage object of a plain answer."""
    return fields.told_object(spelled(body).get("usageMetadata"))


def merged(report: Json | None, newer: Json) -> Json:
    """Each chunk tells what is known by then; what it leaves out was told before."""
    told = {name: value for name, value in newer.items() if value is not None}
    return {**report, **told} if report else told


def searches(grounding: object, model: str) -> int:
    """Searches of the web that are billed: each from the third generation on, all of an answer as one before it."""
    queries = fields.told_list(spelled(fields.told_object(grounding) or {}).get("webSearchQueries")) or []
    made = sum(isinstance(query, str) and bool(query) for query in queries)
    return made if models.is_third_generation(model) else min(made, 1)


def with_searches(usage: urp.Usage | None, count: int) -> urp.Usage | None:
    return msgspec.structs.replace(usage, web_searches=count) if usage and count else usage


def _count(wire: Json, *names: str) -> int | None:
    for name in names:
        value = wire.get(name)
        if type(value) is int and 0 <= value <= TOKENS_MOST:
            return value
    return None


def _spoken(details: Any, total: int) -> int:
    for detail in fields.told_list(details) or []:
        counted = spelled(fields.told_object(detail) or {})
        if counted.get("modality") == "AUDIO":
            count = _count(counted, "tokenCount") or 0
            return count if count <= total else 0
    return 0


def _tier(wire: Json) -> str | None:
    told = wire.get("serviceTier") or wire.get("trafficType")
    return _TIERS.get(told.upper()) if isinstance(told, str) else None
