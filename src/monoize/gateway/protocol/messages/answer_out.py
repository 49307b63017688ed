"""An answer of any protocol, as a caller of this one reads it: `encode_response`."""

from monoize.gateway.protocol.messages.blocks_out import answer_block_out
from monoize.gateway.protocol.messages.finish import finish_out
from monoize.gateway.protocol.messages.usage import write_usage
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Json, Response


def encode_response(response: Response, *, model: str | None, naming: Naming) -> Json:
    blocks = (
        answer_block_out(node, fallback_id=call_id(naming, index)) for index, node in enumerate(response.output)
    )
    content = [block for block in blocks if block is not None]
    has_calls = any(block.get("type") == "tool_use" for block in content)
    return {
        **extra_of(response),
        **beginning(response.id, model or response.model, naming),
        "content": content,
        "stop_reason": finish_out(response.finish, has_calls=has_calls),
        "stop_sequence": response.finish.stop_sequence,
        "usage": write_usage(response.usage),
    }


def beginning(id: str, model: str, naming: Naming) -> Json:
    """An answer before there is anything in it. An id of Anthropic's stays, as callers may come back to it."""
    return {
        "id": id if id.startswith("msg_") else naming.response_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def call_id(naming: Naming, index: int) -> str:
    return f"toolu_{naming.node_id(index)}"


def extra_of(response: Response) -> Json:
    """What this protocol said that no other has a word for."""
    return dict(response.extra) if response.finish.origin == "messages" else {}
