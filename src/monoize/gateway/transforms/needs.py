"""What a request may need at most once rules have changed it: money is held for that. Pure.

Where different channels would change it differently, it is enough for each of them.
"""

from collections.abc import Sequence

import msgspec

from monoize.contract.transforms import caches, images, prompts, settings
from monoize.gateway.facts import TOKENS_PER_MEDIUM, Facts, count_tokens
from monoize.gateway.job import Job
from monoize.gateway.selection import Attempt
from monoize.gateway.transforms.passage import configs_for
from monoize.gateway.transforms.resolve_image_urls import urls_in


def facts_with_rules(job: Job, attempts: Sequence[Attempt]) -> Facts:
    if not job.grant.transforms and not any(attempt.provider.transforms for attempt in attempts):
        return job.facts
    each = [_changed(job, attempt) for attempt in attempts]
    if all(facts is job.facts for facts in each):
        return job.facts
    outputs = [facts.output_tokens for facts in each if facts.output_tokens is not None]
    return msgspec.structs.replace(
        job.facts,
        input_tokens=max(facts.input_tokens for facts in each),
        output_tokens=max(outputs) if len(outputs) == len(each) else None,
        writes_cache=any(facts.writes_cache for facts in each),
    )


def _changed(job: Job, attempt: Attempt) -> Facts:
    facts = job.facts
    for config in configs_for(job, attempt, "request"):
        match config:
            case settings.OverrideMaxTokens(value=value):
                facts = msgspec.structs.replace(facts, output_tokens=value)
            case prompts.InjectSystemPrompt(content=content) | prompts.AppendEmptyUserMessage(content=content):
                facts = _longer(facts, count_tokens(content))
            case prompts.EnableOpenaiImageGenerationTool():
                facts = _longer(facts, count_tokens(msgspec.to_builtins(config)))
            case images.ResolveImageUrls():
                facts = _longer(facts, TOKENS_PER_MEDIUM * len(urls_in(job.request, config)))
            case caches.AutoCacheSystem() | caches.AutoCacheToolUse() if attempt.type == "messages":
                facts = msgspec.structs.replace(facts, writes_cache=True)
    return facts


def _longer(facts: Facts, tokens: int) -> Facts:
    return msgspec.structs.replace(facts, input_tokens=facts.input_tokens + tokens)
