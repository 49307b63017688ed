"""What the gateway counts about the requests that it has answered, for whoever watches over it.

Counting adds to a few integers, once for each request; putting them into words is left to whoever reads. No name
that a caller chose becomes a label: a model is named once a channel was asked for it, and those are known.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from monoize.base.exposition import head, line, single
from monoize.base.histogram import Histogram
from monoize.base.money import usd_of_nano
from monoize.contract.events import RequestLog
from monoize.gateway.exchange import Exchange
from monoize.gateway.job import Job

SERIES_MOST: Final = 5_000
"""Models come and go, but what was counted stays for as long as the process does."""
CALLER_LEFT: Final = 499

_OVERHEAD_BOUNDS_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_LATENCY_BOUNDS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

_Series = tuple[str, str, str, int]
"""Protocol, model, id of the provider, status; no model and no provider where no channel was asked."""


class _Times:
    """Of one protocol."""

    def __init__(self) -> None:
        self.overhead = Histogram(_OVERHEAD_BOUNDS_S)
        self.first_byte = Histogram(_LATENCY_BOUNDS_S)
        self.duration = Histogram(_LATENCY_BOUNDS_S)


class _Tried(msgspec.Struct, frozen=True):
    """An attempt as the request log has it; one that did not fail has no status."""

    status: int | msgspec.UnsetType | None = msgspec.UNSET
    code: str | None = None


_attempts: Final = msgspec.json.Decoder(tuple[_Tried, ...])


class Metrics:
    def __init__(self, *, series_most: int = SERIES_MOST) -> None:
        self._series_most = series_most
        self._requests: dict[_Series, int] = {}
        self._times: dict[str, _Times] = {}
        self._failures: dict[str, int] = {}
        self._input_tokens = 0
        self._output_tokens = 0
        self._charged_nano = 0

    def ended(self, protocol: str, exchange: Exchange, job: Job | None) -> None:
        """`job` is None where the request was refused before it was known what it asks."""
        status = exchange.status or CALLER_LEFT
        charged = job.charged if job else None
        if job is None or charged is None or charged.log is None:
            self._count((protocol, "", "", status))
            return
        about = charged.log
        if about.status == "error":
            # Of a stream that broke, what it was broken by.
            status = about.error_http_status or status
        self._count((protocol, job.model if about.provider_id else "", about.provider_id or "", status))
        self._input_tokens += about.input_tokens or 0
        self._output_tokens += about.output_tokens or 0
        self._charged_nano += charged.charge_nano
        self._time(protocol, exchange)
        if '"status"' in about.tried_providers_json:
            self._count_failures(about)

    def _count(self, series: _Series) -> None:
        known = self._requests.get(series, 0)
        if not known and len(self._requests) >= self._series_most:
            series = series[0], "", "", series[3]
            known = self._requests.get(series, 0)
        self._requests[series] = known + 1

    def _time(self, protocol: str, exchange: Exchange) -> None:
        times = self._times.get(protocol)
        if times is None:
            times = self._times[protocol] = _Times()
        times.duration.add(time.monotonic() - exchange.started_s)
        if exchange.has_begun:
            first_byte_s = exchange.began_s - exchange.started_s
            times.first_byte.add(first_byte_s)
            times.overhead.add(first_byte_s - exchange.waited_s)

    def _count_failures(self, about: RequestLog) -> None:
        for tried in _attempts.decode(about.tried_providers_json):
            if tried.status is not msgspec.UNSET:
                reason = _reason(tried.status, tried.code or "")
                self._failures[reason] = self._failures.get(reason, 0) + 1

    def lines(self, providers: Mapping[str, str]) -> Iterator[str]:
        """`providers`: their names by their ids; one that is gone is called by its id."""
        yield head("requests_total", "counter", "Requests to the gateway, by how they ended.")
        for (protocol, model, provider_id, status), count in sorted(self._requests.items()):
            labels = (
                ("protocol", protocol),
                ("model", model),
                ("provider", providers.get(provider_id, provider_id)),
                ("status", str(status)),
            )
            yield line("requests_total", labels, count)
        yield head("attempts_failed_total", "counter", "Channels that were asked and failed, by reason.")
        for reason, count in sorted(self._failures.items()):
            yield line("attempts_failed_total", [("reason", reason)], count)
        yield from single("input_tokens_total", "counter", "Tokens that models have read.", self._input_tokens)
        yield from single("output_tokens_total", "counter", "Tokens that models have written.", self._output_tokens)
        yield from single(
            "charged_usd_total", "counter", "What requests were charged.", usd_of_nano(self._charged_nano)
        )
        yield from self._time_lines()

    def _time_lines(self) -> Iterator[str]:
        for name, help in (
            ("overhead", "From a request to the beginning of its answer, without waiting for others."),
            ("first_byte", "From a request to the beginning of its answer."),
            ("duration", "From a request to the end of its answer."),
        ):
            yield head(f"{name}_seconds", "histogram", help)
            for protocol, times in sorted(self._times.items()):
                histogram: Histogram = getattr(times, name)
                yield from histogram.lines(f"{name}_seconds", [("protocol", protocol)])


def _reason(status: int | None, code: str) -> str:
    """One of a few, where a provider's own codes are without number."""
    match status:
        case _ if code == "upstream_invalid":
            return "answer_invalid"
        case 504:
            return "timed_out"
        case _ if code.startswith("upstream_"):
            return "connection_lost"
        case 429:
            return "rate_limited"
        case 400 | 413 | 422:
            return "request_refused"
        case 401 | 402 | 403 | 404:
            return "credential_or_model_refused"
        case None:
            return "channel_unfit"
        case _:
            return "server_error"
