"""What the gates are told of a request. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec

from monoize.contract.gates.asked import Asked, Effort
from monoize.gateway.job import Job
from monoize.gateway.protocol import efforts
from monoize.gateway.selection import Attempt

_EFFORTS: Final[Sequence[Effort]] = get_args(Effort)
# Wherever a protocol, or a provider that speaks it, can be told how hard to think: in words or in tokens.
_EFFORT_AT: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    "chat": (
        ("reasoning_effort",),
        ("reasoning", "effort"),
        ("reasoning", "max_tokens"),
        ("thinking", "budget_tokens"),
    ),
    "responses": (("reasoning", "effort"),),
    "messages": (("output_config", "effort"), ("thinking", "budget_tokens")),
    "gemini": tuple(
        (settings, thinking, wish)
        for settings in ("generationConfig", "generation_config")
        for thinking in ("thinkingConfig", "thinking_config")
        for wish in ("thinkingLevel", "thinking_level", "thinkingBudget", "thinking_budget")
    ),
}


def asked_of(job: Job, model: str) -> Asked:
    facts = job.facts
    return Asked(
        model=model,
        input_tokens=facts.input_tokens,
        output_tokens=None if facts.output_tokens is None else facts.output_tokens * facts.choices,
        effort=job.effort or _hardest(job.parsed, _EFFORT_AT.get(job.dialect.name, ())),
        fast=facts.fast,
        us_only=facts.us_only,
        web_searches=facts.web_searches,
    )


def with_channels(asked: Asked, attempts: Sequence[Attempt]) -> Asked:
    """Whether it is so long that one of these channels takes more for each token."""
    thresholds = [each.sheet.threshold_tokens for each in attempts if each.sheet.threshold_tokens is not None]
    if not thresholds or asked.input_tokens <= min(thresholds):
        return asked
    return msgspec.structs.replace(asked, is_long_context=True)


def _hardest(body: Any, paths: Iterable[Sequence[str]]) -> Effort | None:
    """Who says it in two ways may be heard in either."""
    found = [effort for path in paths if (effort := _effort(body, path)) is not None]
    return max(found, key=_EFFORTS.index, default=None)


def _effort(body: Any, path: Sequence[str]) -> Effort | None:
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    if type(body) is int:
        return efforts.effort_of_budget(body)
    # What is none of these, its provider refuses.
    return efforts.effort_named(body.lower()) if isinstance(body, str) else None
