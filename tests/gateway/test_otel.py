"""A collector is told of every request, in the words of OpenTelemetry, and no request waits for it."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.wishes import chat
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from support.gateway import USER, Bench, channel, provider
from support.provider import Provider, Said, serving

from monoize.gateway.bystanders import Bystanders
from monoize.gateway.otel.collector import OtlpCollector
from monoize.gateway.otel.ended import Ended
from monoize.gateway.otel.exporter import Exporter

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "the prompt is nobody's business"
TAKEN = Said(200, headers={"content-type": "application/x-protobuf"})


class Recorder:
    """A collector that keeps what it is told, or refuses it."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.told: list[Ended] = []

    def tell(self, batch: Sequence[Ended]) -> bool:
        self.told += batch
        return self.takes

    def close(self) -> None:
        pass


def watched_by(bench: Bench, exporter: Exporter) -> None:
    gateway = bench.gateway
    before = gateway.bystanders
    gateway.bystanders = Bystanders(before._cache, None, bench.health, lambda: bench.snapshot, exporter)


def plain(attributes: Sequence[KeyValue]) -> dict[str, Any]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes}


def spans_of(there: Provider) -> Iterator[Any]:
    for asked in there.asked:
        if asked.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(asked.body).resource_spans:
                assert "monoize" == plain(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    yield from scope.spans


def metrics_of(there: Provider) -> dict[str, Any]:
    asked = [each for each in there.asked if each.path == "/v1/metrics"][-1]
    (resource,) = ExportMetricsServiceRequest.FromString(asked.body).resource_metrics
    return {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}


async def test_a_collector_hears_of_every_request_by_the_names_of_the_conventions(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    async with serving(TAKEN) as there:
        collector = await asyncio.to_thread(OtlpCollector, there.base_url, {"authorization": "Bearer collect"})
        exporter = Exporter(collector)
        watched_by(bench, exporter)
        traced = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
        not_traced = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-00"}
        await bench.ask("/v1/chat/completions", chat(SECRET), headers=traced)
        await bench.ask("/v1/chat/completions", chat(SECRET), headers=not_traced)
        await bench.ask("/v1/chat/completions", chat("/fail 503", stream=True))
        await exporter.close()

    charged, _, failed = await bench.charged()
    assert {"Bearer collect"} == {asked.headers["authorization"] for asked in there.asked}
    went_well, broken = spans_of(there)
    assert ("chat m", TRACE_ID, SPAN_ID) == (
        went_well.name,
        went_well.trace_id.hex(),
        went_well.parent_span_id.hex(),
    )
    assert charged.call is not None
    assert charged.call.span_id == went_well.span_id.hex()
    told = plain(went_well.attributes)
    usage = charged.call.usage
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": charged.call.provider,
        "gen_ai.request.model": "m",
        "gen_ai.response.model": charged.call.model,
        "gen_ai.usage.input_tokens": usage.total_input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "app.gen_ai.cost.total_nano_usd": charged.cost_nano,
    }.items() <= told.items()
    assert went_well.start_time_unix_nano < went_well.end_time_unix_nano
    assert "error.type" not in told
    assert failed.log is not None
    assert failed.log.error_code == plain(broken.attributes)["error.type"]

    metrics = metrics_of(there)
    counts = [point.count for point in metrics["gen_ai.client.operation.duration"].histogram.data_points]
    assert 3 == sum(counts)
    tokens = {
        plain(point.attributes)["gen_ai.token.type"]: point.sum
        for point in metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert 2 * usage.output_tokens == tokens["output"]
    every = b"".join(asked.body for asked in there.asked)
    assert SECRET.encode() not in every
    assert USER.encode() not in every


async def test_what_does_not_fit_is_dropped_and_what_is_not_taken_is_lost_and_both_are_counted(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    recorder = Recorder()
    exporter = Exporter(recorder, waiting_most=2)
    watched_by(bench, exporter)

    for _ in range(3):
        assert 200 == (await bench.ask("/v1/chat/completions", chat("hello"))).status
    await exporter.run()
    recorder.takes = False
    await bench.ask("/v1/chat/completions", chat("hello"))
    await exporter.run()

    assert 3 == len(recorder.told)
    figures = "".join(bench.gateway.bystanders.figures())
    for told in (
        "monoize_otel_told_total 2\n",
        'monoize_otel_lost_total{reason="queue_full"} 1\n',
        'monoize_otel_lost_total{reason="not_taken"} 1\n',
    ):
        assert told in figures
