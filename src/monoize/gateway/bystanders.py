"""Those who look on while requests are served: the list of what is under way, counters, captures and the cache.

A request passes them when it is known what it asks, and when its caller was answered; none of them is in its way.
"""

import time
from collections.abc import Callable, Iterator, Sequence

from monoize.base.exposition import head, line, single
from monoize.contract.snapshot import Snapshot
from monoize.contract.under_way import UnderWay
from monoize.gateway.answer_cache import AnswerCache
from monoize.gateway.captures import Captures
from monoize.gateway.exchange import Exchange
from monoize.gateway.health import Health
from monoize.gateway.job import Job
from monoize.gateway.metrics import Metrics
from monoize.gateway.otel.exporter import Exporter
from monoize.gateway.recording import Recording


class Bystanders:
    """`captures` and `exporter` are None where the operator has not switched them on."""

    def __init__(
        self,
        cache: AnswerCache,
        captures: Captures | None,
        health: Health,
        snapshot: Callable[[], Snapshot],
        exporter: Exporter | None = None,
    ) -> None:
        self._cache = cache
        self._captures = captures
        self._health = health
        self._snapshot = snapshot
        self._exporter = exporter
        self._metrics = Metrics()
        # By the id of the request, in the order in which they came.
        self._under_way: dict[str, tuple[Job, Recording | None]] = {}

    def begins(self, job: Job) -> None:
        recording = None
        if self._captures is not None and (recording := self._captures.begins(job)):
            job.witness = recording
        self._under_way[job.exchange.request_id] = job, recording

    def ended(self, protocol: str, exchange: Exchange) -> None:
        """Of every request, also of one that was refused before it was known what it asks."""
        job, recording = self._under_way.pop(exchange.request_id, (None, None))
        self._metrics.ended(protocol, exchange, job)
        if job is not None and job.cache_hit is False:
            self._cache.ended(job)
        if recording is not None and self._captures is not None:
            self._captures.ended(recording)
        if job is not None and self._exporter is not None:
            self._exporter.ended(exchange, job)

    def under_way(self) -> Sequence[UnderWay]:
        return [_told(job) for job, _ in self._under_way.values()]

    def figures(self) -> Iterator[str]:
        """In the text format of Prometheus."""
        snapshot = self._snapshot()
        yield from self._metrics.lines({provider.id: provider.name for provider in snapshot.providers})
        under_way = len(self._under_way)
        yield from single("requests_under_way", "gauge", "Requests whose answers have not ended.", under_way)
        yield from self._resting(snapshot)
        yield head("cache_requests_total", "counter", "Requests whose key wants answers to be given once more.")
        yield line("cache_requests_total", [("result", "hit")], self._cache.hits)
        yield line("cache_requests_total", [("result", "miss")], self._cache.misses)
        yield from single("cache_answers", "gauge", "Answers that can be given once more.", len(self._cache))
        yield from single("cache_bytes", "gauge", "How much memory they take.", self._cache.memory)
        if self._captures is not None:
            written, dropped = self._captures.written, self._captures.dropped
            yield from single("captures_written_total", "counter", "Captures that were written.", written)
            yield from single("captures_dropped_total", "counter", "Captures that could not be.", dropped)
        if self._exporter is not None:
            yield from self._exporter.figures()

    def _resting(self, snapshot: Snapshot) -> Iterator[str]:
        yield head("channel_resting", "gauge", "1 while a channel, or a model on it, is left alone after failures.")
        resting = {place.channel_id for place in self._health.resting(time.monotonic())}
        for provider in snapshot.providers:
            for channel in provider.channels:
                labels = (("provider", provider.name), ("channel", channel.name))
                yield line("channel_resting", labels, int(channel.id in resting))


def _told(job: Job) -> UnderWay:
    return UnderWay(
        request_id=job.exchange.request_id,
        user_id=job.grant.user_id,
        api_key_id=job.grant.key_id,
        model=job.facts.model,
        request_kind=job.dialect.name,
        is_stream=job.facts.stream,
        request_ip=job.exchange.ip,
        created_at_unix_ms=job.at_ms,
    )
