"""The client: one for each process and event loop, used by whatever calls an upstream.

    answer = await client.send(target, "POST", "/v1/messages", headers, body, timeouts)
    try:
        async for chunk in answer: …
    finally:
        await answer.release()

`send` returns once the head of the answer is there.

Failure direction: a request is sent once. The one exception is a connection that the server had closed while it was
idle, and that says so at once and before any byte of an answer: then it is sent again on a fresh one. Everything
else is an UpstreamProblem, and says whether the server may have acted. Who is cancelled in here closes their
connection.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.answer import Answer
from monoize.gateway.upstream.dial import Until
from monoize.gateway.upstream.errors import Stale, UpstreamProblem
from monoize.gateway.upstream.pool import Pool
from monoize.gateway.upstream.request import head_of
from monoize.gateway.upstream.target import Target

__all__ = ["Answer", "Client"]


class Client:
    """Made inside the loop it is used in."""

    def __init__(
        self,
        *,
        connections_most: int = 1000,
        per_target_most: int = 200,
        idle_s: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(
            connections_most=connections_most,
            per_target_most=per_target_most,
            idle_s=idle_s,
            ssl_context=ssl_context,
        )

    async def send(
        self,
        target: Target,
        method: str,
        path: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timeouts: Timeouts,
        *,
        leaving: Callable[[], None] = lambda: None,
    ) -> Answer:
        """`connect_ms` covers waiting for a connection and making it, `first_byte_ms` everything from sending the
        request to the whole head of its answer, `idle_ms` silence after that, `total_ms` all of it. `leaving` hears
        when there is a connection and the request goes out.
        """
        head = head_of(target, method, path, headers, len(body))
        return await self.send_head(target, head, body, timeouts, leaving=leaving)

    async def send_head(
        self,
        target: Target,
        head: bytes,
        body: bytes,
        timeouts: Timeouts,
        *,
        leaving: Callable[[], None] = lambda: None,
    ) -> Answer:
        """A request whose head `request` has made already."""
        ends_at = self._loop.time() + timeouts.total_ms / 1000
        connection = self._pool.take_idle(target)
        is_reused = True
        if connection is None:
            connection, is_reused = await self._pool.acquire(target, self._until(timeouts, ends_at))
        leaving()
        answer = connection.start(head, body, timeouts, ends_at, is_reused=is_reused)
        try:
            await answer.wait_for_head()
        except Stale:
            answer = await self._send_afresh(target, head, body, timeouts, ends_at)
        return answer

    async def close(self) -> None:
        """Whoever waits gets an UpstreamProblem of kind "connect"; returns when no socket is left."""
        await self._pool.close()

    async def _send_afresh(
        self, target: Target, head: bytes, body: bytes, timeouts: Timeouts, ends_at: float
    ) -> Answer:
        try:
            connection, _ = await self._pool.acquire(target, self._until(timeouts, ends_at), is_fresh=True)
        except UpstreamProblem as problem:
            # It was sent once, to a server that most likely never saw it: in doubt it did.
            raise UpstreamProblem(problem.kind, problem.detail, was_sent=True) from problem
        answer = connection.start(head, body, timeouts, ends_at, is_reused=False)
        await answer.wait_for_head()
        return answer

    def _until(self, timeouts: Timeouts, ends_at: float) -> Until:
        connected_by = self._loop.time() + timeouts.connect_ms / 1000
        if connected_by < ends_at:
            return Until(connected_by, "timeout_connect")
        return Until(ends_at, "timeout_total")
