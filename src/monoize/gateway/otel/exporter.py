"""Requests that are over wait here to be told to a collector.

No request waits for that: the queue is bounded, what does not fit is dropped, and what is dropped is counted.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import structlog

from monoize.base.exposition import head, line, single
from monoize.contract.gates.telling import is_sampled, level_of
from monoize.contract.policies.telemetry import Always
from monoize.gateway.exchange import Exchange
from monoize.gateway.job import Job
from monoize.gateway.metrics import CALLER_LEFT
from monoize.gateway.otel.ended import Ended

log = structlog.get_logger(__name__)

WAITING_MOST: Final = 8_192
BATCH: Final = 512
EXPORT_EVERY_S: Final = 2.0
_FAILED_FROM: Final = 400


class Collector(Protocol):
    """Blocks while it tells."""

    def tell(self, batch: Sequence[Ended]) -> bool:
        """Whether the collector has taken it."""
        ...

    def close(self) -> None: ...


class Exporter:
    def __init__(self, collector: Collector, *, waiting_most: int = WAITING_MOST) -> None:
        self._collector = collector
        self._waiting_most = waiting_most
        self._waiting: deque[Ended] = deque()
        self._told = 0
        self._dropped = 0
        self._failed = 0

    def ended(self, exchange: Exchange, job: Job) -> None:
        governed = job.grant.governed
        level = "metadata" if governed is None else level_of(governed.policy)
        if level == "off":
            return
        if len(self._waiting) >= self._waiting_most:
            self._dropped += 1
            return
        self._waiting.append(
            Ended(
                trace=job.trace,
                protocol=job.dialect.name,
                request_id=exchange.request_id,
                model=job.facts.model,
                is_stream=job.facts.stream,
                user_id=job.grant.user_id,
                tenant_id=job.grant.tenant_id,
                agent_id=job.grant.agent_id,
                at_ms=job.at_ms,
                duration_s=time.monotonic() - exchange.started_s,
                first_byte_s=exchange.began_s - exchange.started_s if exchange.has_begun else None,
                status=exchange.status or CALLER_LEFT,
                charged=job.charged,
                has_span=level == "metadata" and _is_sampled(exchange, job),
            )
        )

    async def run(self) -> None:
        """All that waits, a batch at a time; stops at a batch that is not taken, which is lost."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not await asyncio.to_thread(self._collector.tell, batch):
                self._failed += len(batch)
                log.warning("collector_not_told", requests=len(batch))
                return
            self._told += len(batch)

    async def close(self) -> None:
        await self.run()
        await asyncio.to_thread(self._collector.close)

    def figures(self) -> Iterator[str]:
        yield from single("otel_told_total", "counter", "Requests that a collector was told of.", self._told)
        yield head("otel_lost_total", "counter", "Requests that it was not, by reason.")
        yield line("otel_lost_total", [("reason", "queue_full")], self._dropped)
        yield line("otel_lost_total", [("reason", "not_taken")], self._failed)


def _is_sampled(exchange: Exchange, job: Job) -> bool:
    governed = job.grant.governed
    if governed is None:
        return True
    kinds: set[Always] = set()
    if (exchange.status or CALLER_LEFT) >= _FAILED_FROM:
        kinds.add("error")
    for decision in job.decisions:
        if decision.verdict == "deny":
            kinds.add("approval" if decision.code == "approval_required" else "blocked")
    return is_sampled(governed.policy, job.trace.trace_id, frozenset(kinds))
