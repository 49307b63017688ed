"""What a caller asks for, read strictly: any JSON is a request or a `BadRequest`.

What has no home stays in `extra`, and so do the objects that say more about reasoning than an effort.
"""

from typing import Any, Final

from monoize.gateway.protocol import efforts, fields
from monoize.gateway.protocol.chat import tools
from monoize.gateway.protocol.chat.messages_in import MessageReader
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import Effort, Json, Node, ReasoningWish, Request, ResponseFormat

REASONING: Final = "reasoning"
THINKING: Final = "thinking"
_KNOWN: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "max_completion_tokens",
        "max_tokens",
        "reasoning_effort",
        "tools",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
        "stop",
        "verbosity",
        "response_format",
        "user",
        "n",
    }
)


def decode_request(body: Json) -> Request:
    if not isinstance(body, dict):
        fields.refuse("", "an object")
    if body.get("n") is not None and fields.integer(body, "n") != 1:
        raise BadRequest("n must be 1: ask again for another answer.", param="n")
    return Request(
        model=fields.given(fields.text(body, "model") or None, "model"),
        input=_input(body),
        stream=fields.flag(body, "stream") or False,
        temperature=fields.number(body, "temperature"),
        top_p=fields.number(body, "top_p"),
        top_k=fields.integer(body, "top_k"),
        max_output_tokens=_token_limit(body),
        reasoning=_reasoning(body),
        tools=tools.read_tools(body),
        tool_choice=tools.read_choice(body),
        parallel_tool_calls=fields.flag(body, "parallel_tool_calls"),
        stop=_stop(body),
        verbosity=fields.text(body, "verbosity"),
        response_format=_response_format(body),
        user=fields.text(body, "user"),
        origin="chat",
        extra=fields.rest(body, _KNOWN),
    )


def asks_in_the_old_way(request: Request) -> bool:
    """Whether the caller knows functions, and expects its answer as one `function_call`."""
    return request.origin == "chat" and bool(request.extra.get(tools.FUNCTIONS))


def wants_usage(request: Request) -> bool:
    """Whether a stream ends with a chunk of usage for this caller."""
    options = request.extra.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _input(body: Json) -> tuple[Node, ...]:
    messages = fields.given(fields.list_(body, "messages"), "messages")
    if not messages:
        raise BadRequest("messages must have at least one message.", param="messages")
    reader = MessageReader()
    return tuple(
        node
        for place, message in enumerate(messages)
        for node in reader.read(message, fields.path("messages", place))
    )


def _token_limit(body: Json) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = fields.integer(body, name)
        if limit is not None:
            if limit < 1:
                fields.refuse(name, "at least 1")
            return limit
    return None


def _reasoning(body: Json) -> ReasoningWish | None:
    """The plain effort beats the one in an object."""
    wanted, thinking = fields.object_(body, REASONING) or {}, fields.object_(body, THINKING) or {}
    effort = _effort(body, "reasoning_effort", "") or _effort(wanted, "effort", REASONING)
    if effort is None and (wanted.get("enabled") is False or thinking.get("type") == "disabled"):
        effort = "none"
    budget = fields.integer(wanted, "max_tokens", REASONING)
    if budget is None:
        budget = fields.integer(thinking, "budget_tokens", THINKING)
    summary = fields.text(wanted, "summary", REASONING)
    if effort is None and budget is None and summary is None:
        return None
    return ReasoningWish(effort=effort, budget_tokens=budget, summary=summary)


def _effort(body: Json, name: str, at: str) -> Effort | None:
    word = fields.text(body, name, at)
    if word is None:
        return None
    effort = efforts.effort_named(word)
    if effort is None:
        fields.refuse(fields.path(at, name), "one of none, minimal, low, medium, high, xhigh, max")
    return effort


def _stop(body: Json) -> tuple[str, ...]:
    stop: Any = body.get("stop")
    if stop is None:
        return ()
    if isinstance(stop, str):
        return (stop,)
    if not isinstance(stop, list) or not all(isinstance(word, str) for word in stop):
        fields.refuse("stop", "a string or a list of strings")
    return tuple(stop)


def _response_format(body: Json) -> ResponseFormat | None:
    given = fields.object_(body, "response_format")
    if given is None:
        return None
    kind = given.get("type")
    if kind == "json_schema":
        return _json_schema(given, "response_format.json_schema")
    if kind not in ("text", "json_object"):
        fields.refuse("response_format.type", "text, json_object or json_schema")
    return ResponseFormat(kind=kind)


def _json_schema(given: Json, at: str) -> ResponseFormat:
    wanted = fields.given(fields.object_(given, "json_schema", "response_format"), at)
    return ResponseFormat(
        kind="json_schema",
        name=fields.text(wanted, "name", at),
        description=fields.text(wanted, "description", at),
        schema=fields.object_(wanted, "schema", at),
        strict=fields.flag(wanted, "strict", at),
    )
