"""A request of any protocol, as it is sent to a provider of this one: `encode_request`."""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol import efforts, fields
from monoize.gateway.protocol.chat import tools
from monoize.gateway.protocol.chat.messages_out import write_messages
from monoize.gateway.protocol.chat.models import is_deepseek
from monoize.gateway.protocol.chat.request_in import REASONING, THINKING
from monoize.gateway.protocol.urp import Effort, Json, ReasoningWish, Request, ResponseFormat

_STREAM_OPTIONS: Final = "stream_options"
# Written by what they mean, not as they came.
_HOUSED: Final = frozenset({_STREAM_OPTIONS, tools.FUNCTIONS, REASONING})
# What means the same here, whoever says it.
_COMMON: Final = frozenset(
    {
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "logit_bias",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
    }
)
_SERVICE_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_UNNAMED: Final = "response"


def encode_request(request: Request, *, model: str, stream: bool) -> Json:
    limit = "max_tokens" if is_deepseek(model) else "max_completion_tokens"
    told = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        # A member that came up around this protocol, and that OpenAI refuses.
        "top_k": request.top_k if request.origin == "chat" else None,
        limit: request.max_output_tokens,
        "stop": list(request.stop) or None,
        "verbosity": request.verbosity,
        "response_format": _response_format(request),
        "user": request.user,
    }
    body: Json = {
        **_extra(request),
        "model": model,
        "messages": write_messages(request, model),
        **{name: value for name, value in told.items() if value is not None},
        **_reasoning(request, model),
        **tools.write_tools(request),
    }
    if stream:
        body |= {"stream": True, _STREAM_OPTIONS: _stream_options(request)}
    return body


def _extra(request: Request) -> Json:
    if request.origin == "chat":
        return fields.rest(request.extra, _HOUSED)
    kept = {name: value for name, value in request.extra.items() if name in _COMMON and value is not None}
    tier = fields.told_text(request.extra.get("service_tier"))
    return {**kept, "service_tier": tier} if tier in _SERVICE_TIERS else kept


def _stream_options(request: Request) -> Json:
    """Usage is always asked for; whether the caller sees it is decided when it comes."""
    given: Any = request.extra.get(_STREAM_OPTIONS) if request.origin == "chat" else None
    return {**(given if isinstance(given, dict) else {}), "include_usage": True}


def _response_format(request: Request) -> Json | None:
    wanted = request.response_format
    if wanted is None or (wanted.kind == "text" and request.origin != "chat"):
        return None
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    return {"type": "json_schema", "json_schema": _schema(wanted)}


def _schema(wanted: ResponseFormat) -> Json:
    told = {"description": wanted.description, "schema": wanted.schema, "strict": wanted.strict}
    return {"name": wanted.name or _UNNAMED, **{name: value for name, value in told.items() if value is not None}}


def _reasoning(request: Request, model: str) -> Json:
    own, wish = request.origin == "chat", request.reasoning
    native, thinking = (request.extra.get(name) if own else None for name in (REASONING, THINKING))
    if isinstance(native, dict):
        return {REASONING: _in_its_object(native, wish)}
    effort = wish.effort if wish else None
    if isinstance(thinking, dict):
        # It goes along as it is, and says by itself how much, or that nothing is to be thought.
        is_said = effort == "none" and thinking.get("type") == "disabled"
        return {} if effort is None or is_said else {"reasoning_effort": effort}
    if effort is None and wish and wish.budget_tokens is not None:
        effort = efforts.effort_of_budget(wish.budget_tokens)
    if effort is None:
        return {}
    if is_deepseek(model):
        return _of_deepseek(effort)
    # What some models do not know is only said to them by those who mean it.
    return {"reasoning_effort": effort} if own or effort != "none" else {}


def _in_its_object(native: Mapping[str, Any], wish: ReasoningWish | None) -> Json:
    """The object is the only carrier, and OpenRouter takes an effort or a budget, not both."""
    if wish is None or wish.effort is None:
        return dict(native)
    return {**fields.rest(native, ("max_tokens",)), "effort": wish.effort}


def _of_deepseek(effort: Effort) -> Json:
    if effort == "none":
        return {THINKING: {"type": "disabled"}}
    return {THINKING: {"type": "enabled"}, "reasoning_effort": "max" if effort in ("xhigh", "max") else "high"}
