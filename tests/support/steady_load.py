"""A constant load on one site: so many requests a second, each over a connection of its own, until stopped."""

import asyncio
import collections
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

from support.patience import PATIENCE_S

"""As long as people wait; a connection that is not taken at once is tried again by the system within it."""


class SteadyLoad:
    """`failures` says what became of each request that was not answered with 200; `bodies` counts what was said."""

    def __init__(self, port: int, host: str, *, rate: int, path: str = "/") -> None:
        self._port, self._rate = port, rate
        self._asked = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode()
        self.sent = 0
        self.failures: list[str] = []
        self.bodies: collections.Counter[str] = collections.Counter()
        self.took_ms: list[float] = []
        self._took_s = 0.0

    @property
    def per_s(self) -> float:
        return self.sent / self._took_s

    def percentile_ms(self, share: float) -> float:
        return sorted(self.took_ms)[int(len(self.took_ms) * share)]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        started_s = time.perf_counter()
        async with asyncio.TaskGroup() as together:
            going = together.create_task(self._go())
            try:
                yield
            finally:
                going.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await going
                self._took_s = time.perf_counter() - started_s

    async def _go(self) -> None:
        async with asyncio.TaskGroup() as together:
            due_s = time.perf_counter()
            while True:
                together.create_task(self._ask())
                due_s += 1 / self._rate
                # Behind its time it does not wait: the load is what was promised.
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))

    async def _ask(self) -> None:
        started_s = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE_S):
                status, body = await self._answer()
        except (OSError, TimeoutError, ValueError) as problem:
            self.sent += 1
            self.failures.append(f"{type(problem).__name__}: {problem}")
            return
        self.sent += 1
        self.took_ms.append((time.perf_counter() - started_s) * 1000)
        if status != 200:
            self.failures.append(f"HTTP {status}")
        self.bodies[body] += 1

    async def _answer(self) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._asked)
            answer = await reader.read()
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), body.decode().strip()


def summary(load: SteadyLoad, most: int = 3) -> str:
    several: Sequence[tuple[str, int]] = collections.Counter(load.failures).most_common(most)
    shown = "".join(f"; {count} × {what}" for what, count in several)
    return (
        f"{load.sent} requests at {load.per_s:.0f}/s, p50 {load.percentile_ms(0.5):.1f} ms,"
        f" p99 {load.percentile_ms(0.99):.1f} ms, {len(load.failures)} failed{shown}"
    )
