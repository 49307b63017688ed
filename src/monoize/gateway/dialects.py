"""The protocols as the gateway uses them, each under the same names; and how a channel of each is called."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from monoize.base.urls import endpoint
from monoize.contract.snapshot import ChannelType
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.request_in import asks_in_the_old_way, wants_usage
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


class StreamDecoder(Protocol):
    def feed(self, event: str | None, data: bytes) -> list[StreamEvent]: ...
    def end(self) -> list[StreamEvent]: ...


class StreamEncoder(Protocol):
    def encode(self, event: StreamEvent) -> bytes: ...


class Dialect(msgspec.Struct, frozen=True):
    name: urp.Protocol
    decode_request: Callable[[Json], Request]
    encode_request: Callable[..., Json]
    decode_response: Callable[[Json], Response]
    encode_response: Callable[..., Json]
    stream_decoder: Callable[[], StreamDecoder]
    stream_encoder: Callable[..., StreamEncoder]
    watcher: Callable[[], Watcher]
    watch_response: Callable[[bytes], Seen]
    error_body: Callable[..., Json]
    error_event: Callable[..., bytes]
    read_error: Callable[[int, bytes], Failed]

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
            case "messages":
                return self.stream_encoder(naming, request.model)


def _dialect(name: urp.Protocol) -> Dialect:
    """The packages of all protocols have the same modules with the same names in them."""

    def of(module: str, function: str) -> Any:
        return getattr(importlib.import_module(f"monoize.gateway.protocol.{name}.{module}"), function)

    return Dialect(
        name,
        decode_request=of("request_in", "decode_request"),
        encode_request=of("request_out", "encode_request"),
        decode_response=of("answer_in", "decode_response"),
        encode_response=of("answer_out", "encode_response"),
        stream_decoder=of("stream_in", "StreamDecoder"),
        stream_encoder=of("stream_out", "StreamEncoder"),
        watcher=of("watch", "Watcher"),
        watch_response=of("watch", "watch_response"),
        error_body=of("problems", "error_body"),
        error_event=of("problems", "error_event"),
        read_error=of("problems", "read_error"),
    )


CHAT: Final = _dialect("chat")
RESPONSES: Final = _dialect("responses")
MESSAGES: Final = _dialect("messages")
GEMINI: Final = _dialect("gemini")

OF_CHANNEL: Final[Mapping[ChannelType, Dialect]] = {
    "chat_completion": CHAT,
    "responses": RESPONSES,
    "messages": MESSAGES,
    "gemini": GEMINI,
}
"""The channels that are spoken to over HTTP in one of the four protocols."""

ANTHROPIC_VERSION: Final = b"2023-06-01"
_PATHS: Final[Mapping[urp.Protocol, str]] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
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
