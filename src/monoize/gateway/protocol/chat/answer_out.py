"""A whole answer for a caller: `encode_response`. What came in this protocol gets back what only it knows."""

from collections.abc import Sequence
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat import calls, media, thoughts
from monoize.gateway.protocol.chat.answer_in import ANNOTATIONS, CHOICE
from monoize.gateway.protocol.chat.messages_in import MESSAGE
from monoize.gateway.protocol.chat.usage import write_usage
from monoize.gateway.protocol.chat.wire import native_of
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import (
    Audio,
    Image,
    Inline,
    Json,
    ProviderItem,
    Reasoning,
    Refusal,
    Response,
    Text,
    ToolCall,
)

READABLE: Final = "reasoning"
"""What was thought, for those who only show it."""
SERVICE_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})


def encode_response(response: Response, *, model: str | None, naming: Naming, old_calls: bool = False) -> Json:
    """`old_calls` is for callers who know functions, and no tools: they can be told of one call."""
    own = is_own(response)
    extra = dict(response.extra) if own else {}
    of_choice, of_message = extra.pop(CHOICE, {}), extra.pop(MESSAGE, {})
    message = _Message(response, naming, own=own, old_calls=old_calls).written()
    has_calls = any(isinstance(node, ToolCall) for node in response.output)
    body: Json = {
        **extra,
        "id": naming.response_id,
        "object": "chat.completion",
        "created": naming.created_at,
        "model": model or response.model,
        "choices": [
            {
                "index": 0,
                "logprobs": None,
                **of_choice,
                "message": {**of_message, **message},
                "finish_reason": native_of(response.finish, has_calls=has_calls, old=old_calls),
            }
        ],
    }
    if response.usage:
        body["usage"] = write_usage(response.usage)
        if response.usage.service_tier in SERVICE_TIERS:
            body["service_tier"] = response.usage.service_tier
    return body


def is_own(response: Response) -> bool:
    """Whether it came in this protocol: only then `extra` is ours to give back."""
    return response.finish.origin == "chat"


def written_audio(audio: Audio, id: str, expires_at: int) -> Json | None:
    if not isinstance(audio.source, Inline):
        return None
    said = {"id": audio.id or id, "data": audio.source.data, "transcript": audio.transcript or ""}
    return {**said, "expires_at": fields.told_integer(audio.extra.get("expires_at")) or expires_at}


def carrier_of(thought: Reasoning, *, own: bool) -> str | None:
    """The member in which it came, if that was a plain text."""
    carrier = thought.extra.get(thoughts.CARRIER) if own else None
    return carrier if carrier in thoughts.FIELDS else None


def members_of(thought: Reasoning, *, own: bool) -> Sequence[str]:
    """Those in which its text is told."""
    beside = [name for name in thoughts.FIELDS if name == thought.extra.get(thoughts.BESIDE)]
    return tuple(dict.fromkeys([carrier_of(thought, own=own) or READABLE, *beside]))


def details_of(thought: Reasoning, index: int, *, own: bool) -> list[Json]:
    if own and thoughts.DETAILS in thought.extra:
        return thoughts.write_details(thought)
    return thoughts.new_details(thought, index)


class _Message:
    def __init__(self, response: Response, naming: Naming, *, own: bool, old_calls: bool) -> None:
        self._nodes = response.output
        self._naming = naming
        self._own = own
        self._old_calls = old_calls

    def written(self) -> Json:
        refusals = [node.text for node in self._nodes if isinstance(node, Refusal)]
        called = [node for node in self._nodes if isinstance(node, ToolCall)]
        message: Json = {
            "role": "assistant",
            "content": self._content(is_silent=bool(refusals or called)),
            "refusal": thoughts.PARAGRAPH.join(refusals) if refusals else None,
            **self._thoughts(),
            **self._media(),
        }
        if called and (self._old_calls or (self._own and calls.OLD in called[0].extra)):
            message[calls.OLD] = {"name": called[0].name, "arguments": calls.arguments_of(called[0])}
        elif called:
            message["tool_calls"] = [self._call(call) for call in called]
        annotations = self._annotations()
        return {**message, ANNOTATIONS: annotations} if annotations else message

    def _content(self, *, is_silent: bool) -> object:
        if self._own and any(isinstance(node, ProviderItem) for node in self._nodes):
            return [part for node in self._nodes if (part := _part(node)) is not None]
        texts = [node.text for node in self._nodes if isinstance(node, Text) and node.text]
        if texts:
            return thoughts.PARAGRAPH.join(texts)
        return None if is_silent else ""

    def _call(self, call: ToolCall) -> Json:
        return {**calls.signed_content(call), **calls.write_call(call, own=self._own)}

    def _thoughts(self) -> Json:
        """Readable in one member, and whole in another; or in the one in which it came."""
        texts: dict[str, list[str]] = {}
        details: list[Json] = []
        place = 0
        for node in self._nodes:
            if isinstance(node, Reasoning):
                carrier = carrier_of(node, own=self._own)
                entries = [] if carrier else details_of(node, place, own=self._own)
                place += bool(entries)
                details += entries
                if text := thoughts.readable(node):
                    for name in members_of(node, own=self._own):
                        texts.setdefault(name, []).append(text)
        said = {name: thoughts.PARAGRAPH.join(parts) for name, parts in texts.items()}
        return {**said, thoughts.DETAILS: details} if details else said

    def _media(self) -> Json:
        images = [part for node in self._nodes if isinstance(node, Image) and (part := media.image_part(node))]
        id, expires_at = f"audio_{self._naming.node_id(0)}", self._naming.created_at
        heard = [node for node in self._nodes if isinstance(node, Audio)]
        audio = written_audio(heard[0], id, expires_at) if heard else None
        return {**({"images": images} if images else {}), **({"audio": audio} if audio else {})}

    def _annotations(self) -> Sequence[Any]:
        found = (node.extra.get(ANNOTATIONS) for node in self._nodes if self._own and isinstance(node, Text))
        return [annotation for annotations in found for annotation in fields.told_list(annotations) or []]


def _part(node: object) -> Json | None:
    match node:
        case Text(text=text, extra=extra):
            return {**fields.rest(extra, (ANNOTATIONS, MESSAGE)), "type": "text", "text": text}
        case ProviderItem(origin="chat", body=body):
            return body
    return None
