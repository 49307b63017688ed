"""One caller's connection: requests are parsed and answered one after the other, each within bounds.

What cannot be parsed, or has no end, is answered with a status of its own and ends the connection. A request that
comes before the last one was answered waits; while it does nothing more is read.
"""

import asyncio
import math
from collections import deque
from typing import Any, Final, NamedTuple, cast
from urllib.parse import unquote

import httptools
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from monoize.infra.alarm import Alarm
from monoize.main.http1.turn import Turn

HEAD_BYTES_MOST: Final = 2**16
_WEBSOCKET: Final = b"websocket"


class Patience(NamedTuple):
    """For how long a caller is waited for."""

    head_s: float = 20.0
    # Between two pieces of a body.
    body_s: float = 30.0
    # Until it takes more of an answer.
    taking_s: float = 60.0
    # Until it has sent what is left of a request that was refused, so that it hears why.
    lingering_s: float = 2.0


PATIENT: Final = Patience()


class Connection(asyncio.Protocol):
    """uvicorn makes one for each connection, and calls `shutdown` when it stops."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        alarm: Alarm,
        patience: Patience = PATIENT,
    ) -> None:
        self._config = config
        self._server = server_state
        self._app_state = app_state
        self._app = config.loaded_app
        self._loop = _loop or asyncio.get_running_loop()
        self._alarm = alarm
        self._patience = patience
        self._idle_s = float(config.timeout_keep_alive)
        self._parser = httptools.HttpRequestParser(self)
        self._wire: asyncio.Transport
        self._client: tuple[str, int] | None = None
        self._local: tuple[str, int] | None = None
        self._scheme = "http"
        # The one that is being read, the one that is being answered, and those that came too early.
        self._reading: Turn | None = None
        self._answering: Turn | None = None
        self._early: deque[Turn] = deque()
        self._is_held_back = False
        self._is_stopping = False
        self._is_deaf = False
        self.is_full = False
        self._room: asyncio.Future[None] | None = None
        self._closes_at = math.inf
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects_continue = False
        self._upgrade = b""
        self._is_in_head = False
        self._head_bytes = 0
        self._standing: list[tuple[bytes, bytes]] | None = None
        self._standing_lines = b""

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._client = _address(transport.get_extra_info("peername"))
        self._local = _address(transport.get_extra_info("sockname"))
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._alarm.watch(self)
        self._must(self._patience.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._alarm.forget(self)
        self._early.clear()
        self._made_room()
        for turn in (self._answering, self._reading):
            if turn is not None and not turn.is_over:
                turn.left()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        if self._reading is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgraded()
            return
        except httptools.HttpParserError:
            self._refuse(400)
            return
        if self._is_in_head and self._head_bytes > HEAD_BYTES_MOST:
            self._refuse(431)
        elif self._reading is not None:
            self._must(self._patience.body_s)

    def eof_received(self) -> None:
        """Whoever has nothing more to say has left: half-closed connections are not worth their doubts."""

    def pause_writing(self) -> None:
        if self._room is None:
            self.is_full, self._room = True, self._loop.create_future()

    def resume_writing(self) -> None:
        self._made_room()

    # What the parser says.

    def on_message_begin(self) -> None:
        self._url, self._headers, self._upgrade = b"", [], b""
        self._expects_continue = False
        self._is_in_head = True
        self._must(self._patience.head_s)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"expect":
            self._expects_continue = value.lower() == b"100-continue"
        elif name == b"upgrade":
            self._upgrade = value.lower()
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes = False, 0
        if self._is_websocket:
            return
        turn = self._reading = Turn(self, self._scope(), self._loop, standing_headers=self._standing_headers())
        turn.expects_continue = self._expects_continue
        turn.keeps_open = self._parser.should_keep_alive() and not self._is_stopping
        if self._answering is None:
            self._answer(turn)
        else:
            self._early.append(turn)
            self.hold_back()

    def on_body(self, body: bytes) -> None:
        if self._reading is not None:
            self._reading.feed(body)

    def on_message_complete(self) -> None:
        turn, self._reading = self._reading, None
        if turn is not None:
            turn.fed()
            if turn.is_over:
                self._next(turn)
            else:
                # While it is answered nobody waits for its caller.
                self._closes_at = math.inf

    # What a turn says.

    def say(self, data: bytes) -> None:
        self._wire.write(data)

    def hold_back(self) -> None:
        if not self._is_held_back and not self._wire.is_closing():
            self._is_held_back = True
            self._wire.pause_reading()

    def read_on(self) -> None:
        if self._is_held_back and not self._early and not self._wire.is_closing():
            self._is_held_back = False
            self._wire.resume_reading()

    async def has_taken(self) -> None:
        if self._room is None:
            return
        try:
            async with asyncio.timeout(self._patience.taking_s):
                await asyncio.shield(self._room)
        except TimeoutError:
            self._wire.abort()

    def turn_over(self, turn: Turn) -> None:
        self._server.total_requests += 1
        if self._wire.is_closing():
            return
        if turn is self._reading:
            # Its sender would not hear an answer if we hung up while it speaks.
            self._linger()
        else:
            self._next(turn)

    # What uvicorn and the clock say.

    def shutdown(self) -> None:
        self._is_stopping = True
        if self._answering is None:
            self._wire.close()
        else:
            self._answering.keeps_open = False

    def check(self, now: float) -> float:
        if now < self._closes_at:
            return self._closes_at
        if self._is_held_back and not self._is_deaf:
            # It is we who keep the caller from sending.
            self._closes_at = now + self._patience.body_s
            return self._closes_at
        turn = self._answering
        self._closes_at = math.inf
        is_sending = self._is_in_head or (turn is not None and turn is self._reading and not turn.is_over)
        if is_sending and not self._is_deaf:
            self._refuse(408)
        else:
            self._wire.close()
        return math.inf

    @property
    def _is_websocket(self) -> bool:
        is_spoken = self._config.ws_protocol_class is not None and self._answering is None
        return is_spoken and self._upgrade == _WEBSOCKET and bool(self._parser.should_upgrade())

    def _scope(self) -> Scope:
        address = httptools.parse_url(self._url)
        path = (address.path or b"/").decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self._parser.get_http_version(),
            "method": self._parser.get_method().decode("ascii"),
            "scheme": self._scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": address.path,
            "query_string": address.query or b"",
            "root_path": "",
            "headers": self._headers,
            "client": self._client,
            "server": self._local,
            "state": self._app_state.copy(),
        }

    def _standing_headers(self) -> bytes:
        """Those of the server, which makes them anew each second."""
        headers = self._server.default_headers
        if headers is not self._standing:
            self._standing = headers
            self._standing_lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._standing_lines

    def _answer(self, turn: Turn) -> None:
        self._answering = turn
        most = self._config.limit_concurrency
        if most is not None and max(len(self._server.connections), len(self._server.tasks)) >= most:
            turn.refuse(503)
            return
        task = self._loop.create_task(turn.run(self._app))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _next(self, turn: Turn) -> None:
        """A request was read and answered."""
        if turn is not self._answering:
            return
        self._answering = None
        if not turn.keeps_open or self._is_stopping:
            self._wire.close()
        elif self._early:
            self._answer(self._early.popleft())
            self.read_on()
        else:
            self._must(self._idle_s)

    def _refuse(self, status: int) -> None:
        """What is wrong with the bytes themselves: nothing that comes after them can be trusted."""
        self._early.clear()
        answering, reading = self._answering, self._reading
        for turn in (answering, reading):
            if turn is not None and not turn.is_over:
                turn.left()
        if answering is None or not answering.has_begun:
            nobody = {"method": "", "path": ""}
            Turn(self, nobody, self._loop, standing_headers=self._standing_headers()).refuse(status)
        self._linger()

    def _linger(self) -> None:
        """Nothing more is said, and what still comes is dropped: hanging up would drop what we said last, too."""
        self._is_deaf = True
        if self._wire.can_write_eof():
            self._wire.write_eof()
        self.read_on()
        self._must(self._patience.lingering_s)

    def _upgraded(self) -> None:
        if not self._is_websocket:
            # Whoever offers another protocol is served in this one, and then has to come again.
            if self._answering is not None:
                self._answering.keeps_open = False
            return
        self._server.connections.discard(self)
        self._alarm.forget(self)
        lines = [b"%b %b HTTP/1.1\r\n" % (self._parser.get_method(), self._url)]
        lines += [b"%b: %b\r\n" % header for header in self._headers]
        make: Any = self._config.ws_protocol_class
        context = {"config": self._config, "server_state": self._server, "app_state": self._app_state}
        successor = make(**context)
        successor.connection_made(self._wire)
        successor.data_received(b"".join([*lines, b"\r\n"]))
        self._wire.set_protocol(successor)

    def _must(self, within_s: float) -> None:
        self._closes_at = self._loop.time() + within_s
        self._alarm.not_after(self._closes_at)

    def _made_room(self) -> None:
        room, self._room = self._room, None
        self.is_full = False
        if room is not None and not room.done():
            room.set_result(None)


def _address(name: Any) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None
