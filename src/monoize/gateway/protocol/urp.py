"""The common language of the protocols: a request, its answer, and the events of an answer that streams.

Everything semantic is a flat list of nodes; grouping them into messages, items or blocks is up to each protocol.
A fact has one typed home. What has none stays in `extra` at the level where it was found, and what is opaque
(encrypted reasoning, items of one provider) is carried and never looked into.

Conversation between equal protocols does not come through here: its bytes pass as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeGuard, get_args

import msgspec

Json = dict[str, Any]
Conversation = Literal["chat", "responses", "messages", "gemini"]
"""The wire protocols in which one speaks with a model."""
Protocol = Literal[Conversation, "compact", "embeddings", "images", "image_edits", "replicate"]
"""All that a caller may speak, or a channel: beside conversations what is asked once and answered whole."""
Role = Literal["system", "developer", "user", "assistant"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ToolKind = Literal["function", "custom"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "other"]

NO_EXTRA: Final[Mapping[str, Any]] = {}
_CONVERSATIONS: Final = frozenset(get_args(Conversation))


def is_conversation(protocol: Protocol) -> TypeGuard[Conversation]:
    return protocol in _CONVERSATIONS


# Where the bytes of an image, a sound or a file are.


class Url(msgspec.Struct, frozen=True, kw_only=True):
    url: str


class Inline(msgspec.Struct, frozen=True, kw_only=True):
    """`data` is base64."""

    media_type: str
    data: str


class FileId(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was uploaded to the provider whose protocol this is; to others it means nothing."""

    file_id: str
    origin: Protocol


class PlainText(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    media_type: str = "text/plain"


Source = Url | Inline | FileId
FileSource = Url | Inline | FileId | PlainText

# Nodes.


class Text(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    text: str
    id: str | None = None
    phase: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class Image(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    source: Source
    detail: str | None = None
    id: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    source: Source
    transcript: str | None = None
    id: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class File(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    source: FileSource
    filename: str | None = None
    id: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    id: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """`content` is what the model thought, `summary` what its provider lets us read of it.

    `encrypted` belongs to the provider: an OpenAI item's encrypted content, a signature of Anthropic's, a thought
    signature of Gemini's. Nobody else can read it, and it is worth nothing without the item of `id`, where one is.
    """

    content: str | None = None
    summary: Sequence[str] = ()
    encrypted: str | None = None
    # Who made `encrypted`; it goes back to that protocol only.
    origin: Protocol | None = None
    id: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """`arguments` is text, as the model wrote it: JSON for a function, anything for a custom tool."""

    call_id: str
    name: str
    arguments: str
    kind: ToolKind = "function"
    # A thought signature that Gemini wants back with this very call.
    encrypted: str | None = None
    origin: Protocol | None = None
    id: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class ProviderItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that only one protocol knows, as it was written there."""

    origin: Protocol
    role: Role
    item_type: str
    body: Json
    id: str | None = None


ResultPart = Text | Image | File | ProviderItem


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    content: Sequence[ResultPart]
    kind: ToolKind = "function"
    # Some protocols ask for it, none but Gemini's keeps it beside the result.
    name: str | None = None
    is_error: bool = False
    id: str | None = None
    extra: Mapping[str, Any] = NO_EXTRA


Node = Text | Image | Audio | File | Refusal | Reasoning | ToolCall | ToolResult | ProviderItem

# A request.


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function with a JSON schema, or a custom tool with a `format`."""

    name: str
    kind: ToolKind = "function"
    description: str | None = None
    parameters: Json | None = None
    format: Json | None = None
    strict: bool | None = None
    extra: Mapping[str, Any] = NO_EXTRA


class NativeTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that one provider runs itself, as it was asked for."""

    origin: Protocol
    tool_type: str
    body: Json


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """`names` are the only tools that may be called; one name with `required` means that very tool."""

    mode: Literal["auto", "none", "required"]
    names: Sequence[str] = ()
    # A choice that only its own protocol knows.
    native: Json | None = None
    origin: Protocol | None = None


class ReasoningWish(msgspec.Struct, frozen=True, kw_only=True):
    effort: Effort | None = None
    budget_tokens: int | None = None
    # Whether and how the caller wants to read it: `auto`, `concise`, `detailed`, or None.
    summary: str | None = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Json | None = None
    strict: bool | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    input: Sequence[Node]
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_output_tokens: int | None = None
    reasoning: ReasoningWish | None = None
    tools: Sequence[Tool | NativeTool] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    stop: Sequence[str] = ()
    verbosity: str | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None
    # What the caller wrote at the top level and has no home above.
    origin: Protocol
    extra: Mapping[str, Any] = NO_EXTRA


# An answer.


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Totals include their parts: what came from the cache or went into it is part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    # All of what was written to a cache; how it splits is said only by providers that say it.
    cache_write_tokens: int = 0
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int = 0
    tool_prompt_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    web_searches: int = 0
    service_tier: str | None = None


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """`native` is the word of the protocol that said it, for callers who speak the same."""

    reason: FinishReason
    native: str | None = None
    origin: Protocol | None = None
    stop_sequence: str | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    output: Sequence[Node]
    finish: Finish
    usage: Usage | None = None
    created_at: int | None = None
    extra: Mapping[str, Any] = NO_EXTRA


# An answer that streams. Indexes count nodes from 0 in the order in which they began, whatever stands on the wire.


class Started(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    created_at: int | None = None
    # What is known of it already; Anthropic tells the input before the output.
    usage: Usage | None = None


class NodeStarted(msgspec.Struct, frozen=True, kw_only=True):
    """`node` is as empty as it begins: kind, role, ids and names are there, its content follows."""

    index: int
    node: Node


class TextDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More text of a Text, Refusal, or of the arguments of a ToolCall."""

    index: int
    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of a Reasoning: of its content, or of the part of its summary that `summary_index` counts."""

    index: int
    text: str
    summary_index: int | None = None


class NodeDone(msgspec.Struct, frozen=True, kw_only=True):
    """`node` is complete, whatever the deltas said."""

    index: int
    node: Node


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an answer, told once. `response` is complete and the only authority on what the answer was."""

    response: Response


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an answer that failed."""

    message: str
    code: str | None = None
    kind: str | None = None
    status: int | None = None
    usage: Usage | None = None


StreamEvent = Started | NodeStarted | TextDelta | ReasoningDelta | NodeDone | Done | Failed
