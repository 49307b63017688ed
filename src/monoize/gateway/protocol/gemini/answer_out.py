"""An answer for a caller of this protocol."""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.gemini import parts_in, parts_out
from monoize.gateway.protocol.gemini.answer_in import CANDIDATE
from monoize.gateway.protocol.gemini.usage import write_usage
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Json

_WORDS: Final[Mapping[urp.FinishReason, str]] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "other": "OTHER",
}
_PART_FIELDS: Final = parts_in.ABOUT.union(parts_in.TYPED)


def encode_response(response: urp.Response, *, model: str | None, naming: Naming) -> Json:
    parts = [part for node in response.output if (part := answer_part(node)) is not None]
    return final_chunk(response, parts, model=model or response.model, naming=naming)


def final_chunk(response: urp.Response, parts: list[Json], *, model: str, naming: Naming) -> Json:
    """The end of an answer, with those of its parts that were not told before."""
    extra = dict(response.extra) if response.finish.origin == "gemini" else {}
    left = fields.told_object(extra.pop(CANDIDATE, None)) or {}
    candidate = {**left, "finishReason": _finish_word(response.finish)}
    body = {**extra, **chunk(parts or [{"text": ""}], candidate, model=model, naming=naming)}
    if response.usage is not None:
        body["usageMetadata"] = write_usage(response.usage)
    return body


def chunk(parts: list[Json], candidate: Json, *, model: str, naming: Naming) -> Json:
    content = {"role": "model", "parts": parts}
    return {
        "candidates": [{**candidate, "content": content, "index": 0}],
        "modelVersion": model,
        "responseId": naming.response_id,
    }


def answer_part(node: urp.Node) -> Json | None:
    """None for what a caller of this protocol cannot be told."""
    return None if isinstance(node, urp.ToolResult) else parts_out.part_of(node, told_extra(node))


def told_extra(node: urp.Node) -> Mapping[str, Any]:
    """Of what else is known of a node, the words of this protocol."""
    if isinstance(node, urp.ProviderItem) or not node.extra:
        return urp.NO_EXTRA
    return {name: value for name, value in node.extra.items() if name in _PART_FIELDS}


def _finish_word(finish: urp.Finish) -> str:
    return finish.native if finish.native and finish.origin == "gemini" else _WORDS[finish.reason]
