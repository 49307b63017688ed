"""Who is asked, in which order, how often, and what the caller hears of it."""

import asyncio
import json
import time

import pytest
from gateway.test_money import ANSWER, DONE, FINISH, chunk
from gateway.wishes import WISHES, Wish, chat, messages
from support.gateway import Bench, change, channel, provider
from support.provider import Asked, Said, in_events, in_json, serving

from monoize.contract.snapshot import Breaker, Offer, Redirect, Timeouts, TypeOverride

DOWN = in_json({"error": {"message": "down", "type": "server_error"}}, 503)
PATH = "/v1/chat/completions"


def http(base_url: str, *models: str, **facts: object):
    return channel(base_url, "chat_completion", *(models or ("m",)), **facts)


async def test_the_next_channel_is_asked_when_one_fails(bench: Bench):
    async with serving(DOWN) as first, serving(in_json(ANSWER)) as second:
        bench.offer(provider(http(first.base_url)), provider(http(second.base_url)))
        reply = await bench.ask(PATH, chat("hello"))

    assert (200, 1, 1) == (reply.status, len(first.asked), len(second.asked))
    (charged,) = await bench.charged()
    assert charged.log is not None
    assert [503, None] == [tried.get("status") for tried in json.loads(charged.log.tried_providers_json)]
    (failed,) = charged.failed_calls
    assert (503, "m") == (failed.status, failed.model)
    assert 0 <= failed.duration_ms <= (charged.log.duration_ms or 0)
    assert charged.at_ms <= failed.at_ms
    assert charged.call is not None and 0 == charged.call.tool_tokens


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_callers_own_mistake_is_told_as_it_is_and_to_nobody_else(bench: Bench, status: int):
    said = b'{"error": {"message":  "Too long, by far.", "odd": [1.0, 12345678901234567890]}}'
    async with (
        serving(Said(status, said, {"content-type": "application/json"})) as first,
        serving(in_json(ANSWER)) as second,
    ):
        bench.offer(provider(http(first.base_url)), provider(http(second.base_url)))
        reply = await bench.ask(PATH, chat("hello"))

    assert (status, said) == (reply.status, reply.body)
    assert [] == second.asked


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_credential_of_ours_that_fails_is_not_the_callers_trouble(bench: Bench, status: int):
    async with (
        serving(in_json({"error": {"message": "bad key"}}, status)) as first,
        serving(in_json(ANSWER)) as second,
    ):
        bench.offer(provider(http(first.base_url)), provider(http(second.base_url)))
        assert 200 == (await bench.ask(PATH, chat("hello"))).status
        bench.offer(provider(http(first.base_url)))
        assert 502 == (await bench.ask(PATH, chat("hello"))).status


@pytest.mark.parametrize(
    "said",
    [
        Said(200, b"<html>Welcome</html>", {"content-type": "text/html"}),
        Said(200, b"", {"content-type": "application/json"}),
        in_json({"error": {"message": "overloaded", "code": 529}}),
        in_json({"choices": []}),
        in_json([]),
    ],
    ids=["html", "nothing", "an error with 200", "no choices", "a list"],
)
async def test_what_is_no_answer_is_never_passed_on_as_one(bench: Bench, said: Said):
    async with serving(said) as first, serving(in_json(ANSWER)) as second:
        bench.offer(provider(http(first.base_url)), provider(http(second.base_url)))
        reply = await bench.ask(PATH, chat("hello"))

    assert (200, "Yes.") == (reply.status, reply.json["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    "said",
    [
        Said(200, b"<html>", {"content-type": "text/html"}),
        in_json({"error": {"message": "overloaded"}}),
        in_events(b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'),
        in_events(b": ping\n\n", b": ping\n\n"),
        in_events(cut=True),
        in_events(b"data: no json\n\n"),
    ],
    ids=["html", "json error", "error event", "only pings", "cut at once", "no json"],
)
async def test_a_stream_is_begun_only_by_its_first_real_event(bench: Bench, said: Said):
    whole = in_events(chunk(role="assistant", content="Yes."), FINISH, DONE)
    async with serving(said) as first, serving(whole) as second:
        bench.offer(provider(http(first.base_url)), provider(http(second.base_url)))
        reply = await bench.ask(PATH, chat("hello", stream=True))

    assert (200, 1) == (reply.status, len(second.asked))
    assert b"Yes." in reply.body
    assert b"overloaded" not in reply.body


async def test_bytes_of_equal_protocols_pass_as_they_are(bench: Bench):
    odd = {**ANSWER, "vendor": {"z": 1, "a": 12345678901234567890}, "n": 0.10000000000000001}
    said = json.dumps(odd, indent=1).encode()
    asked = b'"messages":[{"role":"user","content":"\\u00e9"}],"zz":{"b":1.50,"a":12345678901234567890} }'
    body = b'{ "model":"m", ' + asked
    async with serving(Said(200, said, {"content-type": "application/json; charset=utf-8"})) as there:
        bench.offer(provider(http(there.base_url, offers={"m": Offer("m-2026")})))
        reply = await bench.ask(PATH, body)

    assert said == reply.body
    assert body.replace(b'"m"', b'"m-2026"') == there.asked[0].body


async def test_headers_of_ours_stay_here_and_theirs_are_sent(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(http(there.base_url)))
        await bench.ask(
            PATH, chat("hello"), headers={"x-api-key": "sk-mine", "cookie": "a=b", "x-forwarded-for": "1.1.1.1"}
        )

    sent = there.asked[0].headers
    assert "Bearer their-key" == sent["authorization"]
    assert set() == {"x-api-key", "cookie", "x-forwarded-for"} & sent.keys()


async def test_what_claude_code_tells_anthropic_is_passed_on(bench: Bench):
    async with serving(DOWN) as there:
        bench.offer(provider(channel(there.base_url, "messages", "m")))
        told = {"anthropic-version": "2024-01-01", "anthropic-beta": "a,b", "anthropic-new": "x"}
        await bench.ask("/v1/messages?beta=true", messages("hello"), headers=told)

    sent = there.asked[0].headers
    assert told == {name: sent.get(name) for name in told}
    assert "their-key" == sent["x-api-key"]


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_every_protocol_is_served_by_a_channel_of_another(bench: Bench, wish: Wish, stream: bool):
    def answer(asked: Asked) -> Said:
        if not asked.json.get("stream"):
            return in_json(ANSWER)
        return in_events(chunk(role="assistant", content="Yes."), FINISH, DONE)

    async with serving(answer) as there:
        bench.offer(provider(http(there.base_url)))
        reply = await bench.ask(wish.stream_path if stream else wish.path, wish.body("hello there", stream=stream))

    assert 200 == reply.status, reply.body
    assert "Yes." == (wish.told(reply.body) if stream else wish.said(reply.json))
    assert "/v1/chat/completions" == there.asked[0].path
    assert "hello there" in there.asked[0].body.decode()


async def test_one_channel_is_tried_as_often_as_its_provider_says(bench: Bench):
    async with serving(DOWN) as there:
        bench.offer(provider(http(there.base_url), tries_per_channel=3, retry_interval_ms=1))
        await bench.ask(PATH, chat("hello"))

    assert 3 == len(there.asked)


async def test_a_provider_is_tried_on_so_many_channels_at_most(bench: Bench):
    async with serving(DOWN) as there:
        bench.offer(provider(*(http(there.base_url) for _ in range(5)), tries_most=2))
        await bench.ask(PATH, chat("hello"))

    assert 2 == len(there.asked)


async def test_a_channel_rests_after_failures_and_is_tried_again_later(bench: Bench):
    breaker = Breaker(failures=2, window_s=30, cooldown_s=1)
    async with serving(DOWN) as there:
        bench.offer(provider(http(there.base_url, breaker=breaker)))
        statuses = [(await bench.ask(PATH, chat("hello"))).status for _ in range(4)]
        assert [502, 502, 503, 503] == statuses
        there.answer = lambda _: in_json(ANSWER)
        await asyncio.sleep(1.05)
        assert 200 == (await bench.ask(PATH, chat("hello"))).status

    assert 3 == len(there.asked)


async def test_a_rate_limit_is_not_slept_out_while_another_channel_is_there(bench: Bench):
    limited = in_json({"error": {"message": "slow down"}}, 429, **{"retry-after": "30"})
    async with serving(limited) as first, serving(in_json(ANSWER)) as second:
        bench.offer(provider(http(first.base_url), tries_per_channel=3), provider(http(second.base_url)))
        started = time.monotonic()
        assert 200 == (await bench.ask(PATH, chat("hello"))).status
        assert time.monotonic() - started < 2
        bench.offer(provider(http(first.base_url)))
        reply = await bench.ask(PATH, chat("hello"))

    assert (429, "30") == (reply.status, reply.headers["retry-after"])


@pytest.mark.parametrize("limit", ["first_byte_ms", "total_ms"])
async def test_a_provider_that_does_not_answer_is_given_up(bench: Bench, limit: str):
    async with serving(Said(wait_s=5)) as there:
        bench.offer(provider(http(there.base_url), timeouts=Timeouts(**{limit: 200})))
        started = time.monotonic()
        reply = await bench.ask(PATH, chat("hello"))

    assert 504 == reply.status
    assert time.monotonic() - started < 2


async def test_weights_divide_the_requests(bench: Bench):
    async with serving(in_json(ANSWER)) as light, serving(in_json(ANSWER)) as heavy:
        bench.offer(provider(http(light.base_url, weight=1), http(heavy.base_url, weight=9)))
        for _ in range(200):
            await bench.ask(PATH, chat("hello"))

    assert 200 == len(light.asked) + len(heavy.asked)
    assert 5 <= len(light.asked) <= 45


@pytest.mark.parametrize(
    ("groups", "served"),
    [(None, True), (frozenset(), False), (frozenset({"blue"}), False), (frozenset({"red", "blue"}), True)],
)
async def test_a_provider_with_groups_serves_those_who_share_one(
    bench: Bench, groups: frozenset[str] | None, served: bool
):
    bench.offer(provider(channel("", "echo", "m"), groups=frozenset({"red"})))
    change(bench, groups=groups)

    assert (200 if served else 404) == (await bench.ask(PATH, chat("hello"))).status


async def test_a_ceiling_of_the_multiplier_is_exact(bench: Bench):
    bench.offer(provider(channel("", "echo", offers={"m": Offer("m", 1_000_000_001)})))
    change(bench, multiplier_most=1_000_000_000)
    assert 404 == (await bench.ask(PATH, chat("hello"))).status
    change(bench, multiplier_most=1_000_000_001)
    assert 200 == (await bench.ask(PATH, chat("hello"))).status


async def test_redirects_of_a_key_come_before_its_limits(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, redirects=(Redirect("gpt-.*", "m"),), models=frozenset({"m"}))

    assert 200 == (await bench.ask(PATH, chat("hello") | {"model": "gpt-4o"})).status
    assert 403 == (await bench.ask(PATH, chat("hello") | {"model": "claude"})).status


async def test_a_model_can_be_spoken_to_in_another_protocol_than_its_channels(bench: Bench):
    override = (TypeOverride("m", "echo"),)
    bench.offer(provider(http("http://127.0.0.1:9"), type_overrides=override))

    assert 200 == (await bench.ask(PATH, chat("hello"))).status
