"""The protocols as the gateway uses them, each under the same names; and how a channel of each is called.

Four of them are for conversations, which each of their channels can hold. Of what is asked once and answered whole,
embeddings are told in one protocol only, and images in two.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, Protocol

import msgspec

from monoize.base.urls import endpoint
from monoize.contract.snapshot import ChannelType
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.request_in import asks_in_the_old_way, wants_usage
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.images.form import Form
from monoize.gateway.protocol.images.request_out import encode_edit
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Failed, Json, Request, Response, StreamEvent

Header = tuple[bytes, bytes]


class Seen(Protocol):
    """What was learned from the bytes of an answer that pass by."""

    @property
    def report(self) -> Json | None: ...
    @property
    def is_semantic(self) -> bool: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def error(self) -> Failed | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def output_chars(self) -> int: ...


class Watcher(Seen, Protocol):
    def see(self, event: str | None, data: bytes) -> None: ...
    def hears_words(self, event: str | None, data: bytes) -> bool:
        """Whether it is some more words and nothing else, and is noted as such; else it is still to be seen."""
        ...


class StreamDecoder(Protocol):
    def feed(self, event: str | None, data: bytes) -> list[StreamEvent]: ...
    def end(self) -> list[StreamEvent]: ...


class StreamEncoder(Protocol):
    def encode(self, event: StreamEvent) -> bytes: ...


def untold(*_: Any, **__: Any) -> NoReturn:
    """What a protocol has no words for: nobody who asks in it can be sent to a channel that would need them."""
    raise BadRequest("This is told in no other protocol, and not as a stream.")


class Dialect(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    name: urp.Protocol
    decode_request: Callable[[Json], Request] = untold
    encode_request: Callable[..., Json | Form] = untold
    decode_response: Callable[[Json], Response] = untold
    encode_response: Callable[..., Json] = untold
    stream_decoder: Callable[[], StreamDecoder] = untold
    stream_encoder: Callable[..., StreamEncoder] = untold
    watcher: Callable[[], Watcher] = untold
    watch_response: Callable[[bytes], Seen]
    error_body: Callable[..., Json]
    error_event: Callable[..., bytes]
    read_error: Callable[[int, bytes], Failed]

    @property
    def is_conversation(self) -> bool:
        return urp.is_conversation(self.name)

    def written(self, response: Response, naming: Naming, request: Request) -> Json:
        """A whole answer, for a caller who asked like this."""
        old = {"old_calls": asks_in_the_old_way(request)} if self.name == "chat" else {}
        return self.encode_response(response, model=request.model, naming=naming, **old)

    def encoder(
        self, naming: Naming, request: Request, *, origin: urp.Protocol | None = None, array: bool = False
    ) -> StreamEncoder:
        """Of an answer that comes in the protocol `origin`, to a caller who asked like this."""
        match self.name:
            case "chat":
                return self.stream_encoder(
                    naming,
                    request.model,
                    include_usage=wants_usage(request),
                    old_calls=asks_in_the_old_way(request),
                )
            case "gemini":
                return self.stream_encoder(naming, request.model, array=array)
            case "responses":
                return self.stream_encoder(naming, request.model, origin=origin)
            case _:
                return self.stream_encoder(naming, request.model)


_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "decode_request": ("request_in", "decode_request"),
    "encode_request": ("request_out", "encode_request"),
    "decode_response": ("answer_in", "decode_response"),
    "encode_response": ("answer_out", "encode_response"),
    "stream_decoder": ("stream_in", "StreamDecoder"),
    "stream_encoder": ("stream_out", "StreamEncoder"),
    "watcher": ("watch", "Watcher"),
    "watch_response": ("watch", "watch_response"),
    "error_body": ("problems", "error_body"),
    "error_event": ("problems", "error_event"),
    "read_error": ("problems", "read_error"),
}
"""The packages of all protocols have the same modules with the same names in them."""
_ERRORS: Final = ("error_body", "error_event", "read_error")


def _found_in(package: str, names: Iterable[str]) -> dict[str, Any]:
    found = {}
    for name in names:
        module, attribute = _PLACES[name]
        found[name] = getattr(importlib.import_module(f"monoize.gateway.protocol.{package}.{module}"), attribute)
    return found


def _conversation(name: urp.Conversation) -> Dialect:
    return Dialect(name=name, **_found_in(name, _PLACES))


def _operation(name: urp.Protocol, *names: str) -> Dialect:
    """All of them fail in OpenAI's words."""
    return Dialect(name=name, **_found_in(name, names), **_found_in("chat", _ERRORS))


CHAT: Final = _conversation("chat")
RESPONSES: Final = _conversation("responses")
MESSAGES: Final = _conversation("messages")
GEMINI: Final = _conversation("gemini")
COMPACT: Final = Dialect(name="compact", **_found_in("responses", ("watch_response", *_ERRORS)))
EMBEDDINGS: Final = _operation("embeddings", "watch_response")
IMAGES: Final = _operation(
    "images", "decode_request", "encode_request", "decode_response", "encode_response", "watch_response"
)
IMAGE_EDITS: Final = msgspec.structs.replace(IMAGES, name="image_edits", encode_request=encode_edit)
REPLICATE: Final = _operation("replicate", "encode_request", "decode_response", "watch_response")

OF_CHANNEL: Final[Mapping[ChannelType, Dialect]] = {
    "chat_completion": CHAT,
    "responses": RESPONSES,
    "messages": MESSAGES,
    "gemini": GEMINI,
    "openai_image": IMAGES,
    "replicate": REPLICATE,
}
"""In what a channel over HTTP is spoken to by who holds a conversation."""

_OPENAI_CHANNELS: Final = frozenset(("chat_completion", "responses", "openai_image"))
"""What OpenAI and whoever is like it serve under one base URL and with one key."""


def spoken_to(asked: Dialect, type: ChannelType) -> Dialect | None:
    """In what a channel is spoken to when this was asked; None for one that cannot do it."""
    if asked.is_conversation:
        return OF_CHANNEL.get(type)
    if type in _OPENAI_CHANNELS:
        return asked
    return REPLICATE if type == "replicate" and asked in (IMAGES, IMAGE_EDITS) else None


def can_serve(asked: Dialect, type: ChannelType) -> bool:
    """What takes more than a type is said by `fitting`, which knows why."""
    return asked is COMPACT or type == "echo" or spoken_to(asked, type) is not None


ANTHROPIC_VERSION: Final = b"2023-06-01"
_PATHS: Final[Mapping[urp.Protocol, str]] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "compact": "/v1/responses/compact",
    "messages": "/v1/messages",
    "embeddings": "/v1/embeddings",
    "images": "/v1/images/generations",
    "image_edits": "/v1/images/edits",
}


def address(dialect: Dialect, base_url: str, model: str, *, stream: bool) -> str:
    if dialect.name != "gemini":
        return endpoint(base_url, _PATHS[dialect.name])
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return endpoint(base_url, f"/v1beta/models/{model}:{verb}")


def credential_headers(dialect: Dialect, credential: str) -> list[Header]:
    secret = credential.encode()
    match dialect.name:
        case "messages":
            return [(b"x-api-key", secret)]
        case "gemini":
            return [(b"x-goog-api-key", secret)]
        case _:
            return [(b"authorization", b"Bearer " + secret)]
