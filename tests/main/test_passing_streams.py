"""A stream through the gateway and its own server, where most of it passes without waking anybody."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import uvicorn
from support.gateway import KEY, Bench, channel, open_bench, provider
from support.patience import PATIENCE_S
from support.provider import in_events, serving
from uvicorn.server import ServerState

from monoize.infra.alarm import Alarm
from monoize.main.http1.connection import Connection

PATHS: Final = {
    "chat_completion": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}
WORDS: Final = "word " * 400


def _event(document: object, name: str | None = None) -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(document).encode() + b"\n\n"


def _chat(number: int) -> Sequence[bytes]:
    def event(delta: object, finish: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return _event(
            {"id": "1", "created": 1, "model": "m", "object": "chat.completion.chunk", "choices": choices}
        )

    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    words = [event({"content": f"{each} {WORDS}"}) for each in range(number)]
    last = _event({"id": "1", "model": "m", "choices": [], "usage": usage})
    return [event({"role": "assistant", "content": ""}), *words, event({}, "stop"), last, b"data: [DONE]\n\n"]


def _messages(number: int) -> Sequence[bytes]:
    def event(kind: str, **more: object) -> bytes:
        return _event({"type": kind, **more}, kind)

    message = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": []}
    begins = event("message_start", message={**message, "usage": {"input_tokens": 10, "output_tokens": 1}})
    block = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    words = [
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": f"{each} {WORDS}"})
        for each in range(number)
    ]
    stops = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 20})
    return [begins, block, *words, event("content_block_stop", index=0), stops, event("message_stop")]


def _responses(number: int) -> Sequence[bytes]:
    def event(kind: str, **more: object) -> bytes:
        return _event({"type": kind, **more}, kind)

    response = {"id": "1", "object": "response", "model": "m", "status": "in_progress", "output": []}
    words = [
        event("response.output_text.delta", item_id="2", delta=f"{each} {WORDS}", sequence_number=each + 1)
        for each in range(number)
    ]
    done = {**response, "status": "completed", "usage": {"input_tokens": 10, "output_tokens": 20}}
    return [event("response.created", response=response), *words, event("response.completed", response=done)]


STREAMS: Final = {"chat_completion": _chat, "messages": _messages, "responses": _responses}


@contextlib.asynccontextmanager
async def _port_of(bench: Bench) -> AsyncIterator[int]:
    state = ServerState()
    config = uvicorn.Config(bench.gateway, lifespan="off", ws="none", log_config=None)
    config.load()
    alarm = Alarm(asyncio.get_running_loop())
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(config, state, {}, alarm=alarm), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]
        for connection in tuple(state.connections):
            connection.shutdown()


@pytest.mark.parametrize("type", PATHS)
async def test_a_caller_who_takes_little_at_a_time_gets_every_byte_in_order_and_is_charged_for_it(
    tmp_path: Path, type: str
):
    sent = STREAMS[type](400)
    body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 50}
    body["messages" if type != "responses" else "input"] = [{"role": "user", "content": "Hello."}]
    content = json.dumps(body).encode()
    head = f"POST {PATHS[type]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
    async with open_bench(tmp_path / "spool") as bench, serving(in_events(*sent)) as there, _port_of(bench) as port:
        bench.offer(provider(channel(there.base_url, type, "m")))
        question = f"{head}content-length: {len(content)}\r\n\r\n".encode() + content
        came = await asyncio.wait_for(_slowly_heard(port, question), PATIENCE_S)
        (charged,) = await bench.charged()

    assert b"".join(sent) == _unchunked(came)
    assert charged.log is not None
    assert (10, 20, "success") == (charged.log.input_tokens, charged.log.output_tokens, charged.log.status)


async def _slowly_heard(port: int, question: bytes) -> bytes:
    loop, came = asyncio.get_running_loop(), bytearray()
    with socket.socket() as caller:
        # So little that the server has to wait again and again.
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**13)
        caller.setblocking(False)
        await loop.sock_connect(caller, ("127.0.0.1", port))
        await loop.sock_sendall(caller, question)
        while piece := await loop.sock_recv(caller, 2**14):
            came += piece
            await asyncio.sleep(0.0005)
    return bytes(came)


def _unchunked(came: bytes) -> bytes:
    parts, at = [], came.index(b"\r\n\r\n") + 4
    while at < len(came):
        begin = came.index(b"\r\n", at) + 2
        size = int(came[at:begin], 16)
        parts.append(came[begin : begin + size])
        at = begin + size + 2
    return b"".join(parts)
