"""One connection to an upstream: a request goes out, its answer comes in, and then the next one.

Fails closed on anything unexpected: bytes that nobody asked for, bytes beyond the end of an answer, a framing that
two readers could read differently. Such a connection is closed and never used again. Its memory is bounded: reading
stops while the reader of the answer is behind.

A body that ends with its connection is taken as whole when the server closes in order. Without TLS that cannot be
told from an end that somebody else has made: who needs to know looks for the end inside the body.
"""

import asyncio
import math
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.answer import Answer
from monoize.gateway.upstream.errors import Kind, Malformed, Stale, TooLarge, Truncated, UpstreamProblem
from monoize.infra.alarm import Alarm

READ_BYTES: Final = 64 * 1024
BUFFERED_MOST: Final = 256 * 1024
HEAD_BYTES_MOST: Final = 64 * 1024
HEADERS_MOST: Final = 200
ONE_WRITE_BYTES: Final = 64 * 1024
# A connection that was closed while idle says so within a round trip. Later, somebody may have worked for us.
STALE_S: Final = 1.0

_PAUSE_BYTES: Final = BUFFERED_MOST - READ_BYTES
_FIRST_BYTE: Final = ord("H")


class Home(Protocol):
    """The pool a connection belongs to."""

    def on_free(self, connection: "Connection") -> None:
        """Its answer has ended in order, and it can take the next request."""
        ...

    def on_gone(self, connection: "Connection") -> None:
        """It will never take a request again. Said once."""
        ...

    def on_lost(self, connection: "Connection") -> None:
        """Its socket is closed. Not said when opening it was given up half-way."""
        ...


class Wire(Protocol):
    """What it writes to: a transport of the loop, or TLS over one."""

    def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...
    def get_write_buffer_size(self) -> int: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """`buffer` may be shared by all connections of a loop: what is read into it is taken out at once."""

    def __init__(
        self,
        home: Home,
        origin: str,
        *,
        alarm: Alarm,
        loop: asyncio.AbstractEventLoop,
        buffer: memoryview,
        idle_s: float,
    ) -> None:
        self.origin = origin
        self.heard_at = loop.time()
        """While idle: since when."""
        self._home = home
        self._alarm = alarm
        self._loop = loop
        self._buffer = buffer
        self._idle_s = idle_s
        self._wire: Wire | None = None
        self._is_gone = False
        self._is_paused = False
        # About the answer under way.
        self._answer: Answer | None = None
        self._timeouts = Timeouts()
        self._ends_at = math.inf
        self._is_reused = False
        self._is_complete = False
        self._keeps_open = False
        self._ends_with_connection = False
        self._silent_bytes = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._parser = HttpResponseParser(self)

    @property
    def is_usable(self) -> bool:
        return not self._is_gone and self._wire is not None and not self._wire.is_closing()

    def start(self, head: bytes, body: bytes, timeouts: Timeouts, ends_at: float, *, is_reused: bool) -> Answer:
        """Send a request on a connection that is usable. From here on the server may have acted on it."""
        assert self._wire is not None and self._answer is None
        answer = self._answer = Answer(self, self._loop)
        self._timeouts = timeouts
        self._ends_at = ends_at
        self._is_reused = is_reused
        self._is_complete = False
        self._ends_with_connection = False
        self._silent_bytes = 0
        self.heard_at = self._loop.time()
        self._alarm.not_after(self._deadline()[0])
        if len(body) <= ONE_WRITE_BYTES:
            self._wire.write(head + body if body else head)
        else:
            self._wire.write(head)
            self._wire.write(body)
        return answer

    def resume(self) -> None:
        """The reader has taken all there was."""
        if self._is_paused:
            self._read_on()
            self.heard_at = self._loop.time()
            self._alarm.not_after(self._deadline()[0])

    def abort(self, problem: UpstreamProblem | None = None) -> None:
        """Close it at once; `problem` is what the answer under way comes to."""
        self._leave(problem or Truncated("closed on our side"))

    def check(self, now: float) -> float:
        deadline, kind = self._deadline()
        if now < deadline:
            return deadline
        self._leave(UpstreamProblem(kind, "the time is up", was_sent=True))
        return math.inf

    def _deadline(self) -> tuple[float, Kind]:
        answer = self._answer
        if answer is None:
            return self.heard_at + self._idle_s, "timeout_idle"
        kind: Kind = "timeout_idle"
        if not answer.status:
            at, kind = self.heard_at + self._timeouts.first_byte_ms / 1000, "timeout_first_byte"
        elif self._is_paused:
            # It is we who keep the server from sending.
            at = math.inf
        else:
            at = self.heard_at + self._timeouts.idle_ms / 1000
        return (at, kind) if at < self._ends_at else (self._ends_at, "timeout_total")

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(cast("asyncio.Transport", transport))

    def attach(self, wire: Wire) -> None:
        self._wire = wire
        if self._is_gone:
            wire.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer = self._answer
        if self._is_gone or answer is None:
            # Whose answer would these bytes be?
            self.abort()
            return
        had_head = answer.status
        problem = self._parse(answer, self._buffer[:nbytes])
        if self._is_complete:
            # What comes after the end of an answer spoils the connection, not the answer.
            self._finish(answer, is_clean=problem is None)
        elif problem:
            self._leave(problem)
        elif answer.status:
            self.heard_at = self._loop.time()
            if not had_head:
                self._alarm.not_after(self._deadline()[0])
            if answer.size > _PAUSE_BYTES:
                self._pause()
            if answer.size or not had_head:
                answer.wake()

    def eof_received(self) -> None:
        self._leave(self._cut_off(None))

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave(self._cut_off(exc))
        self._home.on_lost(self)

    # What the parser says.

    def on_message_begin(self) -> None:
        if self._is_complete:
            raise Malformed("more than one answer to a request")
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come here too, into a list that nobody looks at any more.
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        assert self._answer is not None
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0") or status < 100 or status == 101:
            raise Malformed(f"HTTP/{version} with status {status}")
        if len(self._headers) > HEADERS_MOST:
            raise TooLarge(f"more than {HEADERS_MOST} headers")
        if status < 200:
            return
        names = dict(self._headers)
        is_chunked = b"transfer-encoding" in names
        if is_chunked:
            encodings = [value.lower() for name, value in self._headers if name == b"transfer-encoding"]
            if encodings != [b"chunked"]:
                raise Malformed("a transfer encoding other than chunked")
        self._keeps_open = self._parser.should_keep_alive() and not (is_chunked and version == "1.0")
        self._ends_with_connection = not is_chunked and b"content-length" not in names
        self._silent_bytes = 0
        self._answer.take_head(status, self._headers)
        self._headers = []

    def on_body(self, body: bytes) -> None:
        assert self._answer is not None
        self._silent_bytes = 0
        self._answer.take_piece(body)

    def on_message_complete(self) -> None:
        assert self._answer is not None
        # Otherwise it was a 1xx, and the answer is still to come.
        if self._answer.status:
            self._is_complete = True

    def _parse(self, answer: Answer, data: memoryview) -> UpstreamProblem | None:
        """`silent_bytes` bounds what is not body: heads, trailers, and what surrounds chunks."""
        if not answer.status and not self._silent_bytes and data[0] != _FIRST_BYTE:
            return Malformed("not HTTP")
        room = HEAD_BYTES_MOST - self._silent_bytes
        self._silent_bytes += len(data)
        try:
            if not answer.status and len(data) > room:
                # The same head is refused, however it was cut into pieces on its way.
                self._parser.feed_data(data[:room])
                if not answer.status:
                    return TooLarge(f"a head of more than {HEAD_BYTES_MOST} bytes")
                data = data[room:]
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            ours = error.__context__
            return ours if isinstance(ours, UpstreamProblem) else Malformed(str(error))
        if self._silent_bytes > HEAD_BYTES_MOST:
            return TooLarge(f"more than {HEAD_BYTES_MOST} bytes in a row without any body")
        return None

    # What becomes of it.

    def _finish(self, answer: Answer, *, is_clean: bool) -> None:
        assert self._wire is not None
        self._answer = None
        answer.end()
        # A server that answers before it has read everything is still being sent the rest.
        if is_clean and self._keeps_open and not self._wire.get_write_buffer_size():
            self._read_on()
            self.heard_at = self._loop.time()
            self._alarm.not_after(self.heard_at + self._idle_s)
            self._home.on_free(self)
        else:
            self.abort()

    def _cut_off(self, exc: Exception | None) -> UpstreamProblem | None:
        """What the end of the connection means for the answer under way: None when it is its end."""
        answer = self._answer
        if answer and not answer.status and not self._silent_bytes:
            if self._is_reused and self._loop.time() < self.heard_at + STALE_S:
                return Stale("the server had closed the connection")
            return Truncated("the server closed the connection without an answer")
        if self._ends_with_connection and exc is None:
            return None
        return Truncated("the server closed the connection before the answer ended")

    def _leave(self, problem: UpstreamProblem | None) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        if self._wire:
            self._wire.abort()
        answer, self._answer = self._answer, None
        if answer:
            answer.end(problem)
        self._home.on_gone(self)

    def _pause(self) -> None:
        assert self._wire is not None
        self._is_paused = True
        self._wire.pause_reading()

    def _read_on(self) -> None:
        if self._is_paused and self.is_usable:
            assert self._wire is not None
            self._is_paused = False
            self._wire.resume_reading()
