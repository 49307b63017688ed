"""The gateway counts what becomes of requests, by names that an operator chose, and how long it took by itself."""

import asyncio
import re
import time
from types import SimpleNamespace

from gateway.wishes import chat
from support.gateway import Bench, change, channel, provider
from support.provider import Said, in_events, in_json, serving

from monoize.base.exposition import line
from monoize.base.histogram import Histogram
from monoize.contract.events import Charged, RequestLog
from monoize.contract.snapshot import Breaker
from monoize.gateway.exchange import Exchange
from monoize.gateway.metrics import Metrics

PATH = "/v1/chat/completions"
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500},
}


def figures(bench: Bench) -> dict[str, float]:
    """By name with labels; every line is one that Prometheus reads, and told of before."""
    told: dict[str, float] = {}
    families: dict[str, str] = {}
    for text in "".join(bench.gateway.bystanders.figures()).splitlines():
        if text.startswith("# "):
            if found := re.fullmatch(r"# TYPE (monoize_\w+) (counter|gauge|histogram)", text):
                families[found[1]] = found[2]
            continue
        found = re.fullmatch(r'(monoize_\w+)(\{(?:\w+="(?:[^"\\\n]|\\.)*",?)+\})? (\S+)', text)
        assert found, text
        assert {found[1], re.sub("_(bucket|sum|count)$", "", found[1])} & families.keys(), text
        told[(found[1] + (found[2] or "")).removeprefix("monoize_")] = float(found[3])
    return told


def requests(bench: Bench) -> dict[str, float]:
    return {name: count for name, count in figures(bench).items() if name.startswith("requests_total")}


def an_exchange(*, body_takes_s: float = 0.0) -> Exchange:
    async def receive() -> dict[str, object]:
        await asyncio.sleep(body_takes_s)
        return {"type": "http.request", "body": b"{}"}

    async def send(_: object) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b""}
    return Exchange(scope, receive, send, request_id="1", ip=None)


def labelled(protocol: str, model: str, provider_name: str, status: int) -> str:
    labels = f'protocol="{protocol}",model="{model}",provider="{provider_name}",status="{status}"'
    return f"requests_total{{{labels}}}"


async def test_requests_are_counted_by_how_they_ended(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    await bench.ask(PATH, chat("hello"))
    await bench.ask(PATH, chat("hello", stream=True))
    await bench.ask(PATH, chat("/fail 503"))
    await bench.ask(PATH, chat("/cut 1\nhello there", stream=True))
    await bench.ask(PATH, chat("hello"), key="sk-unknown-key")
    await bench.ask(PATH, b"{")
    await bench.ask("/v1/messages", chat("hello", model="never-heard-of"))
    await bench.ask("/v1/models", method="GET")

    assert {
        labelled("chat", "m", "provider", 200): 2,
        labelled("chat", "m", "provider", 503): 1,
        labelled("chat", "m", "provider", 502): 1,
        labelled("chat", "", "", 401): 1,
        labelled("chat", "", "", 400): 1,
        labelled("messages", "", "", 404): 1,
        labelled("chat", "", "", 200): 1,
    } == requests(bench)


async def test_no_name_that_a_caller_chose_becomes_a_label(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    for number in range(20):
        await bench.ask(PATH, chat("hello", model=f"made-up-{number}"))
        await bench.ask(f"/v1/made-up-{number}", {})

    assert "made-up" not in "".join(bench.gateway.bystanders.figures())


def test_there_is_a_bound_to_what_is_counted_apart():
    counted = Metrics(series_most=3)
    about = RequestLog("m", provider_id="p")
    charged = Charged(id="1", request_id="1", user_id="u", at_ms=0, charge_nano=0, log=about)
    for number in range(10):
        counted.ended("chat", an_exchange(), SimpleNamespace(model=f"m-{number}", charged=charged))

    told = [text for text in counted.lines({}) if text.startswith("monoize_requests_total{")]
    assert [1, 1, 1, 7] == sorted(int(text.split()[-1]) for text in told)


async def test_tokens_and_charges_add_up(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        for _ in range(3):
            await bench.ask(PATH, chat("hello"))

    told = figures(bench)
    assert (3_000, 1_500) == (told["input_tokens_total"], told["output_tokens_total"])
    charged = sum(event.charge_nano for event in await bench.charged())
    assert f"monoize_charged_usd_total {charged / 10**9:g}\n" in "".join(bench.gateway.bystanders.figures())


async def test_attempts_that_failed_are_counted_by_reason_whatever_a_provider_calls_it(bench: Bench):
    said = [
        (in_json({"error": {"message": "no", "code": "their_own_word"}}, 500), "server_error"),
        (in_json({"error": {"message": "no"}}, 429), "rate_limited"),
        (in_json({"error": {"message": "no"}}, 401), "credential_or_model_refused"),
        (Said(200, b"<html>", {"content-type": "text/html"}), "answer_invalid"),
        (Said(200, b"{", {"content-type": "application/json"}, chunks=[b"{"], cut=True), "connection_lost"),
        (in_json({"error": {"message": "no"}}, 400), "request_refused"),
    ]
    for answer, _ in said:
        async with serving(answer) as there:
            bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
            await bench.ask(PATH, chat("hello"))

    counted = {name: count for name, count in figures(bench).items() if name.startswith("attempts_failed")}
    assert {f'attempts_failed_total{{reason="{reason}"}}': 1.0 for _, reason in said} == counted


async def test_a_channel_that_rests_is_shown(bench: Bench):
    async with serving(in_json({}, 503)) as there:
        broken = channel(there.base_url, "chat_completion", "m", name='the "first"', breaker=Breaker(failures=1))
        bench.offer(provider(broken), provider(channel("", "echo", "m", name="second")))
        await bench.ask(PATH, chat("hello"))

    resting = {name: on for name, on in figures(bench).items() if name.startswith("channel_resting")}
    assert {
        'channel_resting{provider="provider",channel="the \\"first\\""}': 1,
        'channel_resting{provider="provider",channel="second"}': 0,
    } == resting


async def test_the_cache_and_what_is_under_way_are_counted(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)
    for _ in range(3):
        await bench.ask(PATH, chat("hello"))
    async with asyncio.TaskGroup() as together:
        together.create_task(bench.ask(PATH, chat("/slow 100\nhello")))
        await asyncio.sleep(0.05)
        during = figures(bench)

    told = figures(bench)
    assert (2, 2) == tuple(told[f'cache_requests_total{{result="{result}"}}'] for result in ("hit", "miss"))
    assert told["cache_answers"] == 2 and told["cache_bytes"] > 0
    assert (1, 0) == (during["requests_under_way"], told["requests_under_way"])


async def test_overhead_is_what_the_gateway_takes_and_not_what_it_waits_for(bench: Bench):
    frames = [b'data: {"choices":[{"index":0,"delta":{"content":"Yes"}}]}\n\n', b"data: [DONE]\n\n"]
    slow = Said(200, in_json(ANSWER).body, {"content-type": "application/json"}, wait_s=0.3)
    for answer, stream in ((slow, False), (in_events(*frames, pause_s=0.3), True)):
        async with serving(answer) as there:
            bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
            began_s = time.monotonic()
            await bench.ask(PATH, chat("hello", stream=stream))
            assert time.monotonic() - began_s > 0.3

    told = figures(bench)
    assert 2 == told['overhead_seconds_count{protocol="chat"}']
    assert 0 < told['overhead_seconds_sum{protocol="chat"}'] < 0.2
    assert told['first_byte_seconds_sum{protocol="chat"}'] > 0.6
    assert told['duration_seconds_sum{protocol="chat"}'] > 0.9


async def test_waiting_between_two_tries_is_no_overhead(bench: Bench):
    async with serving(in_json({}, 503)) as there:
        busy = channel(there.base_url, "chat_completion", "m")
        bench.offer(provider(busy, tries_per_channel=2, retry_interval_ms=300))
        await bench.ask(PATH, chat("hello"))

    assert figures(bench)['overhead_seconds_sum{protocol="chat"}'] < 0.2


async def test_a_body_that_comes_slowly_is_no_overhead():
    exchange = an_exchange(body_takes_s=0.1)
    await exchange.body(100)
    await exchange.answer(200, b"{}")

    assert 0.1 <= exchange.waited_s
    assert exchange.began_s - exchange.started_s - exchange.waited_s < 0.05


def test_a_histogram_counts_each_value_once_and_adds_up():
    histogram = Histogram((0.0001, 1.0))
    for seconds in (0, 0.0001, 0.0002, 1.0, 1.5):
        histogram.add(seconds)

    assert [
        'monoize_took_bucket{le="0.0001"} 2\n',
        'monoize_took_bucket{le="1.0"} 4\n',
        'monoize_took_bucket{le="+Inf"} 5\n',
        "monoize_took_sum 2.500300\n",
        "monoize_took_count 5\n",
    ] == list(histogram.lines("took", ()))


def test_a_label_is_written_so_that_it_ends_where_it_ends():
    assert r'monoize_a{b="\\\"\n"} 1' + "\n" == line("a", [("b", '\\"\n')], 1)
