"""A request of any protocol, as it is sent to a provider of this one: `encode_request`."""

from collections.abc import Callable
from typing import Final

from monoize.gateway.protocol.messages import media, wire
from monoize.gateway.protocol.messages.blocks_in import REDACTED
from monoize.gateway.protocol.messages.blocks_out import readable_of
from monoize.gateway.protocol.messages.checks import refusal, refuse_impossible
from monoize.gateway.protocol.messages.extras import extra_out, top_extra_out
from monoize.gateway.protocol.messages.models import Claude, claude_named
from monoize.gateway.protocol.messages.thinking import thinking_for
from monoize.gateway.protocol.messages.tools import tools_out
from monoize.gateway.protocol.messages.turns import Turns
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Json,
    Node,
    Protocol,
    ProviderItem,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
)

MAX_TOKENS_UNTOLD: Final = 64_000
"""It always has to be said."""
TEMPERATURE_MOST: Final = 1


def encode_request(request: Request, *, model: str, stream: bool) -> Json:
    claude = claude_named(model)
    turns = Turns(request.input, _writer(request.origin, claude))
    if not turns.messages:
        raise refusal("There is nothing here that somebody said to the model.", "messages", request.origin)
    max_tokens = MAX_TOKENS_UNTOLD if request.max_output_tokens is None else request.max_output_tokens
    body: Json = {**top_extra_out(request.extra, request.origin), "model": model, "max_tokens": max_tokens}
    if turns.system:
        body["system"] = turns.system
    body["messages"] = turns.messages
    tools, choice = tools_out(request)
    if tools:
        body["tools"] = tools
    if choice:
        body["tool_choice"] = choice
    _add_sampling(body, request)
    _add_output(body, request, claude, max_tokens)
    _add_user(body, request)
    if stream:
        body["stream"] = True
    if claude:
        refuse_impossible(body, claude, request.origin)
    return body


def _add_sampling(body: Json, request: Request) -> None:
    temperature, top_p = request.temperature, request.top_p
    if request.origin != "messages":
        # Elsewhere it goes up to 2. And what says only what is so anyway, newer models refuse.
        temperature = None if temperature is None else min(temperature, TEMPERATURE_MOST)
        temperature = None if temperature == 1 else temperature
        top_p = None if top_p == 1 else top_p
    stop = [each for each in request.stop if each.strip()]
    told = {"temperature": temperature, "top_p": top_p, "top_k": request.top_k, "stop_sequences": stop or None}
    body.update({name: value for name, value in told.items() if value is not None})


def _add_output(body: Json, request: Request, claude: Claude | None, max_tokens: int) -> None:
    """What a caller of this protocol said about it himself is his last word."""
    output: Json = {}
    explicit = body.get("output_config")
    is_told = request.origin == "messages" and isinstance(explicit, dict) and "effort" in explicit
    if request.reasoning and "thinking" not in body and not is_told:
        config, effort = thinking_for(request.reasoning, claude, max_tokens)
        if config and not (claude and config["type"] == "enabled" and _goes_on_without_thoughts(body["messages"])):
            body["thinking"] = config
        if effort:
            output["effort"] = effort
    wanted = request.response_format
    if wanted and wanted.kind == "json_schema" and wanted.schema is not None:
        output["format"] = {"type": "json_schema", "schema": wanted.schema}
    if isinstance(explicit, dict):
        output.update(explicit)
    if output or explicit is not None:
        body["output_config"] = output or explicit


def _goes_on_without_thoughts(messages: list[Json]) -> bool:
    """A Claude with a budget refuses the results of calls that came without a thought, or lost it elsewhere."""
    if len(messages) < 2 or messages[-1]["content"][0]["type"] != "tool_result":
        return False
    return messages[-2]["content"][0]["type"] not in ("thinking", REDACTED)


def _add_user(body: Json, request: Request) -> None:
    metadata = body.get("metadata")
    if request.user is not None:
        body["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), "user_id": request.user}


def _writer(origin: Protocol, claude: Claude | None) -> Callable[[Node], Json | None]:
    def block_of(node: Node) -> Json | None:
        match node:
            case ProviderItem():
                return node.body if node.origin == "messages" else None
            case Reasoning():
                body = _thinking(node, claude)
            case ToolResult():
                body = _result(node, block_of)
            case _:
                body = _plain_block(node)
        return None if body is None else {**extra_out(node.extra, origin), **body}

    return block_of


def _plain_block(node: Text | Image | Audio | File | Refusal | ToolCall) -> Json | None:
    match node:
        case Text() | Refusal():
            return _text(node.text)
        case Audio():
            return _text(node.transcript or "")
        case ToolCall():
            call_input = wire.input_of(node.arguments)
            return {"type": "tool_use", "id": node.call_id, "name": node.name, "input": call_input}
        case Image() | File() if node.role == "assistant":
            # An assistant's turn takes neither.
            return None
        case Image():
            return media.image_out(node.source)
        case File():
            body = media.document_out(node.source)
            return (
                {**body, "title": node.filename} if body and body["type"] == "document" and node.filename else body
            )


def _text(text: str) -> Json | None:
    return {"type": "text", "text": text} if text.strip() else None


def _thinking(node: Reasoning, claude: Claude | None) -> Json | None:
    """Claude takes back only what it signed; other models of this protocol can do with what can be read."""
    readable = readable_of(node)
    if node.encrypted is not None and node.origin == "messages":
        if node.extra.get("type") == REDACTED:
            return {"type": REDACTED, "data": node.encrypted}
        return {"type": "thinking", "thinking": readable, "signature": node.encrypted}
    if claude or not readable:
        return None
    return {"type": "thinking", "thinking": readable, "signature": ""}


def _result(node: ToolResult, block_of: Callable[[Node], Json | None]) -> Json:
    body: Json = {"type": "tool_result", "tool_use_id": node.call_id}
    if content := [block for part in node.content if (block := block_of(part)) is not None]:
        body["content"] = content
    if node.is_error:
        body["is_error"] = True
    return body
