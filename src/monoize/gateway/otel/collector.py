"""A collector that is told over OTLP/HTTP, in the words of OpenTelemetry's own library.

The library is loaded with this module, and this module only where a collector is named. Of the library only what
makes spans and what sends them is used: it starts no threads and sets nothing for the whole process.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from monoize import __version__
from monoize.gateway.otel import names
from monoize.gateway.otel.ended import Attributes, Ended, metric_attributes, span_attributes

TIMEOUT_S: Final = 5.0

_SCOPE: Final = InstrumentationScope(names.SCOPE, __version__)


class OtlpCollector:
    """`endpoint` is the address before /v1/traces and /v1/metrics."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        base = endpoint.rstrip("/")
        sent = dict(headers)
        self._resource = Resource(
            {
                "service.name": "monoize",
                "service.version": __version__,
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        self._spans = OTLPSpanExporter(f"{base}/v1/traces", headers=sent, timeout=TIMEOUT_S)
        self._metrics = OTLPMetricExporter(f"{base}/v1/metrics", headers=sent, timeout=TIMEOUT_S)
        self._reader = InMemoryMetricReader()
        self._meters = MeterProvider([self._reader], resource=self._resource, shutdown_on_exit=False)
        meter = self._meters.get_meter(names.SCOPE, __version__)
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Tokens that models have read and written.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BOUNDS,
        )
        self._durations = meter.create_histogram(
            names.DURATION,
            "s",
            "From a request to the end of its answer.",
            explicit_bucket_boundaries_advisory=names.DURATION_BOUNDS_S,
        )
        self._first_chunks = meter.create_histogram(
            names.TIME_TO_FIRST_CHUNK,
            "s",
            "From a request to the beginning of its answer.",
            explicit_bucket_boundaries_advisory=names.DURATION_BOUNDS_S,
        )
        self._cost = meter.create_counter(names.COST_COUNTER, "{nano_usd}", "What providers charge for requests.")

    def tell(self, batch: Sequence[Ended]) -> bool:
        """Metrics are counted for every request; spans are told of those whose callers want them traced."""
        for ended in batch:
            self._count(ended)
        spans = [self._span(ended) for ended in batch if ended.has_span and ended.trace.is_sampled]
        are_told = not spans or self._spans.export(spans) is SpanExportResult.SUCCESS
        metrics = self._reader.get_metrics_data()
        if metrics is None:
            return are_told
        return self._metrics.export(metrics) is MetricExportResult.SUCCESS and are_told

    def close(self) -> None:
        self._spans.shutdown()  # type: ignore[no-untyped-call]  # the library does not say
        self._metrics.shutdown()
        self._meters.shutdown()

    def _count(self, ended: Ended) -> None:
        about = dict(metric_attributes(ended))
        failed: Attributes = {names.ERROR: ended.error} if ended.error else {}
        self._durations.record(ended.duration_s, {**about, **failed})
        if ended.first_byte_s is not None and ended.is_stream:
            self._first_chunks.record(ended.first_byte_s, about)
        charged = ended.charged
        if charged is None or charged.call is None:
            return
        usage = charged.call.usage
        self._tokens.record(usage.total_input_tokens, about | {names.TOKEN_TYPE: "input"})
        self._tokens.record(usage.output_tokens, about | {names.TOKEN_TYPE: "output"})
        self._cost.add(charged.cost_nano or 0, about)

    def _span(self, ended: Ended) -> ReadableSpan:
        trace = ended.trace
        return ReadableSpan(
            ended.name,
            context=_context(trace.trace_id, trace.span_id, trace.state),
            parent=_context(trace.trace_id, trace.parent_id, trace.state) if trace.parent_id else None,
            resource=self._resource,
            attributes=span_attributes(ended),
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.ERROR) if ended.error else Status(StatusCode.UNSET),
            start_time=ended.start_ns,
            end_time=ended.end_ns,
            instrumentation_scope=_SCOPE,
        )


def _context(trace_id: str, span_id: str, state: str | None) -> SpanContext:
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([state]) if state else None,
    )
