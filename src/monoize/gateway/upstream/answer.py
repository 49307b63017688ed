"""The answer to one request: its head, and its body as it comes.

Whoever has one reads it to its end, or calls `release` or `abort`; an answer that is forgotten is closed by its
timeouts. Failure direction: what has arrived is delivered, then the problem is raised, each time it is asked for.
An end that nobody announced is never taken for the end. One task reads; whoever cancels it closes the connection.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NoReturn, Protocol

from monoize.gateway.upstream.errors import BodyTooLarge, UpstreamProblem

# Many small pieces take much more memory than they have bytes.
PIECES_MOST: Final = 64


class Source(Protocol):
    """The connection an answer comes from, as long as it does."""

    def resume(self) -> None: ...
    def abort(self) -> None: ...


class Answer:
    __slots__ = (
        "_is_complete",
        "_loop",
        "_pieces",
        "_problem",
        "_source",
        "_waiter",
        "headers",
        "listener",
        "shortcut",
        "size",
        "status",
    )

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        """Names in lower case."""
        self.size = 0
        """How much of the body has arrived and was not taken yet."""
        self.listener: Callable[[bytes], None] | None = None
        """Hears every piece that is taken."""
        self.shortcut: Callable[[bytes], bool] | None = None
        """Is offered what comes while the reader waits; what it takes wakes nobody, and is not listened to."""
        self._source: Source | None = source
        self._loop = loop
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._is_complete = False
        self._problem: UpstreamProblem | None = None

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name, in lower case."""
        return next((value for found, value in self.headers if found == name), None)

    async def read(self, most: int) -> bytes:
        """All of the body, or BodyTooLarge."""
        if self._is_complete:
            if self.size > most:
                self._refuse(most)
            return self._take()
        declared = self.header(b"content-length")
        if declared and int(declared) > most:
            self._refuse(most)
        pieces = []
        length = 0
        while piece := await self.next_chunk():
            length += len(piece)
            if length > most:
                self._refuse(most)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def next_chunk(self) -> bytes:
        """All that has arrived since the last time, as soon as there is anything; b"" at the end."""
        while not self._pieces:
            if self._problem:
                raise self._problem.with_traceback(None)
            if self._is_complete:
                return b""
            await self._wait()
        chunk = self._take()
        if self._source:
            self._source.resume()
        return chunk

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.next_chunk()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def release(self) -> None:
        """Done with it. A connection whose answer has ended is back in the pool already; another one is closed."""
        self.abort()

    def abort(self) -> None:
        """Close the connection, unless the answer has ended; it may serve somebody else by now."""
        if self._source:
            self._source.abort()

    # For the client and the connection only.

    async def wait_for_head(self) -> None:
        while not self.status:
            if self._problem:
                raise self._problem.with_traceback(None)
            await self._wait()

    def take_head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.status = status
        self.headers = headers

    def take_piece(self, piece: bytes) -> None:
        if (
            self.shortcut is not None
            and self._waiter is not None
            and not self._pieces
            and not self._waiter.done()
            and self.shortcut(piece)
        ):
            return
        self._pieces.append(piece)
        self.size += len(piece)
        if len(self._pieces) > PIECES_MOST:
            self._pieces[:] = [b"".join(self._pieces)]

    def end(self, problem: UpstreamProblem | None = None) -> None:
        """Nothing more comes: all was there, or this went wrong."""
        self._source = None
        self._is_complete = problem is None
        self._problem = problem
        self.wake()

    def wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self) -> bytes:
        chunk = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        if self.listener is not None:
            self.listener(chunk)
        return chunk

    async def _wait(self) -> None:
        if self._waiter:
            raise RuntimeError("an answer is read by one task")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiter = None

    def _refuse(self, most: int) -> NoReturn:
        self.abort()
        self._pieces.clear()
        self.size = 0
        self._problem = BodyTooLarge(f"the body has more than {most} bytes")
        raise self._problem
