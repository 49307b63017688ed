"""A provider for benchmarks: answers chats at once, or as a paced stream, and costs next to nothing itself.

Run as a module it prints its port and serves until it is stopped.
"""

import asyncio
import json
from typing import Any, Final

import httptools
import uvloop

EVENTS: Final = 50
PACE_S: Final = 0.01
_ABOUT: Final = {"id": "1", "created": 1, "model": "m"}
_USAGE: Final = {"prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250}


def _whole() -> bytes:
    message = {"role": "assistant", "content": "Yes. " * 100}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    answer = _ABOUT | {"object": "chat.completion", "choices": choices, "usage": _USAGE}
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(choices: list[object], **more: object) -> bytes:
    document = _ABOUT | {"object": "chat.completion.chunk", "choices": choices, **more}
    return _chunk(b"data: %s\n\n" % json.dumps(document).encode())


_WHOLE: Final = _whole()
_STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WORD: Final = _event([{"index": 0, "delta": {"role": "assistant", "content": "word "}, "finish_reason": None}])
_END: Final = (
    _event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    + _event([], usage=_USAGE)
    + _chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)


class Connection(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if b'"stream":true' in self._body.replace(b" ", b""):
            self._transport.write(_STREAM_HEAD)
            self._tell(EVENTS)
        else:
            self._transport.write(_WHOLE)

    def _tell(self, left: int) -> None:
        if self._transport.is_closing():
            return
        if not left:
            self._transport.write(_END)
            return
        self._transport.write(_WORD)
        asyncio.get_running_loop().call_later(PACE_S, self._tell, left - 1)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
