"""What the SDK takes, what Anthropic takes, and what was recorded of its streams."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from anthropic.types import (
    ContentBlockParam,
    ErrorResponse,
    Message,
    MessageCreateParams,
    RawMessageStreamEvent,
    ToolUnionParam,
)
from pydantic import TypeAdapter
from support.urp_strategies import frames_of

from monoize.gateway.protocol.messages.stream_in import StreamDecoder
from monoize.gateway.protocol.urp import Response

Frames = list[tuple[str | None, bytes]]

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(file.stem for file in RECORDED.glob("*.sse"))
FAILING = {"overloaded", "overloaded_at_once"}
WHOLE = [name for name in NAMES if name not in FAILING]

_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
_ERROR: TypeAdapter[Any] = TypeAdapter(ErrorResponse)
_REQUEST: TypeAdapter[Any] = TypeAdapter(MessageCreateParams)
_BLOCK: TypeAdapter[Any] = TypeAdapter(ContentBlockParam)
_TOOL: TypeAdapter[Any] = TypeAdapter(ToolUnionParam)
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def recorded(name: str) -> Frames:
    return frames_of((RECORDED / f"{name}.sse").read_bytes())


def decoded(frames: Frames) -> tuple[list[Any], StreamDecoder]:
    decoder = StreamDecoder()
    events = [event for name, data in frames for event in decoder.feed(name, data)]
    return events + decoder.end(), decoder


def response_of(frames: Frames) -> Response:
    *_, last = decoded(frames)[0]
    return last.response


def written(body: Any) -> bytes:
    return msgspec.json.encode(body)


def assert_message(body: Any) -> Message:
    """What an SDK that took nothing on trust would say."""
    return Message.model_validate_json(written(body), strict=True)


def assert_event(name: str | None, data: bytes) -> None:
    body = msgspec.json.decode(data)
    assert name == body["type"]
    if name == "error":
        _ERROR.validate_json(data, strict=True)
    elif name != "ping":
        _EVENT.validate_json(data, strict=True)


def assert_stream(wire: bytes) -> Frames:
    """Every event is right by itself, and they come in the only order there is."""
    frames = frames_of(wire)
    for name, data in frames:
        assert_event(name, data)
    names = [name for name, _ in frames if name != "ping"]
    if names[-1:] == ["error"]:
        return frames
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    assert 1 == names.count("message_delta") == names.count("message_start") == names.count("message_stop")
    _assert_blocks(
        [msgspec.json.decode(data) for name, data in frames if name and name.startswith("content_block")]
    )
    return frames


def _assert_blocks(bodies: list[Any]) -> None:
    open_one, next_index, signatures = None, 0, 0
    for body in bodies:
        if body["type"] == "content_block_start":
            assert open_one is None
            assert next_index == body["index"]
            open_one, next_index, signatures = body["content_block"], next_index + 1, 0
            continue
        assert open_one is not None
        assert next_index - 1 == body["index"]
        if body["type"] == "content_block_stop":
            assert (open_one["type"] == "thinking") == signatures
            open_one = None
        else:
            assert not signatures, "nothing comes after the signature"
            signatures += body["delta"]["type"] == "signature_delta"
    assert open_one is None


def assert_typed(body: Any) -> None:
    """What the SDK would let its users send. It looks into no list by itself."""
    _REQUEST.validate_python(body)
    for message in body["messages"]:
        for block in message["content"]:
            _BLOCK.validate_python(block)
    for tool in body.get("tools", ()):
        _TOOL.validate_python(tool)


def assert_sendable(body: Any) -> None:
    """What Anthropic answers with 400 to, of all that can be seen from the body alone."""
    assert isinstance(body["max_tokens"], int)
    sides = [message["role"] for message in body["messages"]]
    assert sides, "somebody has said something"
    assert all(one != other for one, other in itertools.pairwise(sides)), "turns alternate"
    for block in _blocks(body):
        assert block["type"] != "text" or block["text"].strip(), "no text is empty"
    unanswered: list[str] = []
    seen: set[str] = set()
    for message in body["messages"]:
        blocks = message["content"]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert unanswered == results
        kinds = [block["type"] == "tool_result" for block in blocks]
        assert kinds == sorted(kinds, reverse=True), "results come first"
        unanswered = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert not (seen & {*unanswered}), "each call has its own id"
        assert len(unanswered) == len({*unanswered})
        assert all(_ID.fullmatch(id) for id in unanswered)
        seen |= {*unanswered}
        assert blocks
    assert not unanswered
    assert "tool_choice" not in body or body["tools"]


def _blocks(body: Any) -> Iterator[Any]:
    yield from body.get("system", ())
    for message in body["messages"]:
        yield from message["content"]
        for block in message["content"]:
            if block["type"] == "tool_result":
                yield from block.get("content", ())
