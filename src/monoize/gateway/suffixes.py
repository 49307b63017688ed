"""How hard a model is to think, said by the end of its name: `gpt-5-high` is `gpt-5` with an effort of high. Pure.

What the request itself says about thinking is the last word.
"""

from collections.abc import Mapping
from typing import Any

from monoize.contract.snapshot import Effort
from monoize.gateway.facts import OUTPUT_MOST
from monoize.gateway.protocol.gemini.thinking import write_thinking
from monoize.gateway.protocol.messages.models import claude_named
from monoize.gateway.protocol.messages.thinking import thinking_for
from monoize.gateway.protocol.urp import Conversation, Json, ReasoningWish


def wish(said: ReasoningWish | None, effort: Effort) -> ReasoningWish:
    """In the common language."""
    if said is None:
        return ReasoningWish(effort=effort)
    if said.effort is not None or said.budget_tokens is not None:
        return said
    return ReasoningWish(effort=effort, summary=said.summary)


def members(
    protocol: Conversation, body: Json, effort: Effort, *, model: str, output_most: int | None
) -> Mapping[str, Any]:
    """What says so in a body of this protocol, as `model` takes it; nothing where the body says anything itself."""
    match protocol:
        case "chat":
            is_said = any(body.get(name) is not None for name in ("reasoning_effort", "reasoning", "thinking"))
            return {} if is_said else {"reasoning_effort": effort}
        case "responses":
            own = _object(body, "reasoning")
            return {} if own.get("effort") is not None else {"reasoning": {**own, "effort": effort}}
        case "messages":
            return _of_messages(body, effort, model, output_most)
        case "gemini":
            return _of_gemini(body, effort, model)


def _of_messages(body: Json, effort: Effort, model: str, output_most: int | None) -> Mapping[str, Any]:
    output = _object(body, "output_config")
    if body.get("thinking") is not None or output.get("effort") is not None:
        return {}
    asked = body.get("max_tokens")
    room = min(most for most in (asked, output_most, OUTPUT_MOST) if isinstance(most, int))
    config, told = thinking_for(ReasoningWish(effort=effort), claude_named(model), room)
    thinking = {"thinking": config} if config else {}
    return {**thinking, "output_config": {**output, "effort": told}} if told else thinking


def _of_gemini(body: Json, effort: Effort, model: str) -> Mapping[str, Any]:
    member = "generation_config" if "generation_config" in body else "generationConfig"
    own = _object(body, member)
    config = write_thinking(ReasoningWish(effort=effort), model, own=False)
    if not config or any(own.get(name) is not None for name in ("thinkingConfig", "thinking_config")):
        return {}
    return {member: {**own, "thinkingConfig": config}}


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}
