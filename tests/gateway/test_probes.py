"""Channels that rest are asked whether they work again: which, how often, and who pays."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway.test_money import ANSWER
from gateway.wishes import chat
from support.gateway import USER, Bench, channel, provider
from support.provider import Said, in_json, serving

from monoize.contract.snapshot import Breaker, Channel, ChannelType, Offer, Probing
from monoize.gateway.health import Place
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.probes import NOBODY, Probes
from monoize.gateway.upstream.client import Client
from monoize.infra.spool import open_spool

PATH = "/v1/chat/completions"
DOWN = in_json({"error": {"message": "down"}}, 503)
WORKS = in_json(ANSWER)
# Its rest is over as soon as it has begun.
BREAKER = Breaker(failures=1, cooldown_s=0, rate_limit_cooldown_s=0)
OFTEN = Probing(interval_s=0)


@pytest.fixture
async def probes(bench: Bench) -> AsyncIterator[Probes]:
    client = Client()
    yield Probes(HttpChannels(client), bench.health, bench.spool, lambda: bench.snapshot)
    await client.close()


def resting(bench: Bench, base_url: str, **facts: Any) -> Channel:
    """A channel that serves `m`, after a failure."""
    usual = {"type": "chat_completion", "breaker": BREAKER, "probing": OFTEN}
    made = channel(base_url, offers={"m": Offer("m")}, **(usual | facts))
    bench.offer(provider(made))
    bench.health.failed(Place(made.id, None), BREAKER, time.monotonic())
    return made


def is_resting(bench: Bench) -> bool:
    return bool(bench.health.to_probe(time.monotonic()))


async def test_a_channel_that_answers_is_healthy_again_before_any_caller_comes(bench: Bench, probes: Probes):
    async with serving(WORKS) as there:
        resting(bench, there.base_url)
        await probes.run()
        assert not is_resting(bench)
        await probes.run()

    (asked,) = there.asked
    assert ("m", 16) == (asked.json["model"], asked.json["max_tokens"])
    assert "Bearer their-key" == asked.headers["authorization"]


async def test_a_probe_costs_the_house_what_it_costs_and_nobody_is_charged(bench: Bench, probes: Probes):
    async with serving(WORKS) as there:
        resting(bench, there.base_url)
        await probes.run()

    (charged,) = await bench.charged()
    assert (NOBODY, None, 0, {}) == (charged.user_id, charged.api_key_id, charged.charge_nano, charged.budgets)
    assert charged.cost_nano and charged.cost_nano > 0
    assert charged.log and ("probe", "success") == (charged.log.request_kind, charged.log.status)
    assert charged.call and "somebody" == charged.call.provider
    assert (0, 0) == await bench.held()


async def test_one_that_fails_rests_again_and_is_not_in_the_request_log(bench: Bench, probes: Probes):
    breaker = Breaker(failures=1, cooldown_s=60, rate_limit_cooldown_s=10)
    async with serving(DOWN) as there:
        made = resting(bench, there.base_url, breaker=breaker)
        await probes.run()
        await probes.run()

    assert 1 == len(there.asked)
    assert [Place(made.id, None)] == bench.health.resting(time.monotonic() + 50)
    assert [] == bench.health.resting(time.monotonic() + 61)
    assert ([], (0, 0)) == (await bench.charged(), await bench.held())


async def test_one_that_is_told_to_come_later_rests_as_after_a_rate_limit(bench: Bench, probes: Probes):
    breaker = Breaker(failures=1, cooldown_s=60, rate_limit_cooldown_s=10)
    async with serving(in_json({}, 429)) as there:
        resting(bench, there.base_url, breaker=breaker)
        await probes.run()

    assert bench.health.resting(time.monotonic() + 9)
    assert [] == bench.health.resting(time.monotonic() + 11)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_one_that_refuses_the_probe_itself_works(bench: Bench, probes: Probes, status: int):
    async with serving(in_json({"error": {"message": "use another parameter"}}, status)) as there:
        resting(bench, there.base_url)
        await probes.run()

    assert not is_resting(bench)
    assert [] == await bench.charged()


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_model_that_is_not_there_proves_nothing_and_callers_find_out(
    bench: Bench, probes: Probes, status: int
):
    async with serving(in_json({}, status)) as there:
        resting(bench, there.base_url)
        await probes.run()
        assert is_resting(bench)
        there.answer = lambda _: WORKS
        assert 200 == (await bench.ask(PATH, chat("hello"))).status

    assert not is_resting(bench)


async def test_as_many_successes_in_a_row_as_are_asked_for(bench: Bench, probes: Probes):
    answers = iter([WORKS, DOWN, WORKS, WORKS, WORKS])
    async with serving(lambda _: next(answers)) as there:
        resting(bench, there.base_url, probing=Probing(interval_s=0, successes=3))
        seen = []
        for _ in range(5):
            await probes.run()
            seen.append(is_resting(bench))

    assert [True, True, True, True, False] == seen


async def test_it_is_asked_once_in_its_interval(bench: Bench, probes: Probes):
    async with serving(DOWN) as there:
        resting(bench, there.base_url, probing=Probing(interval_s=30))
        for _ in range(5):
            await probes.run()

    assert 1 == len(there.asked)


async def test_callers_are_sent_elsewhere_while_a_probe_is_under_way(bench: Bench, probes: Probes):
    async with serving(Said(200, WORKS.body, WORKS.headers, wait_s=0.3)) as there:
        resting(bench, there.base_url)
        _, reply = await asyncio.gather(probes.run(), _after(0.1, bench))

    assert 503 == reply.status
    assert 1 == len(there.asked)


async def _after(seconds: float, bench: Bench) -> Any:
    await asyncio.sleep(seconds)
    return await bench.ask(PATH, chat("hello"))


@pytest.mark.parametrize(
    "facts",
    [{"probing": None}, {"type": "echo"}, {"type": "replicate"}, {"type": "openai_image"}, {"breaker": None}],
)
async def test_who_is_not_to_be_asked_is_not_asked(bench: Bench, probes: Probes, facts: dict[str, Any]):
    async with serving(WORKS) as there:
        resting(bench, there.base_url, **facts)
        await probes.run()

    assert [] == there.asked
    assert is_resting(bench)


async def test_the_model_that_is_asked_for_is_the_one_that_was_chosen_or_rests_or_comes_first(
    bench: Bench, probes: Probes
):
    async def asked_for(model: str | None, probing: Probing) -> list[str]:
        async with serving(WORKS) as there:
            made = channel(there.base_url, "chat_completion", "b", "c", "a", breaker=BREAKER, probing=probing)
            bench.offer(provider(made, breaks_per_model=model is not None))
            bench.health.failed(Place(made.id, model), BREAKER, time.monotonic())
            await probes.run()
        return [asked.json["model"] for asked in there.asked]

    assert ["a"] == await asked_for(None, OFTEN)
    assert ["c"] == await asked_for("c", OFTEN)
    assert ["b"] == await asked_for(None, Probing(interval_s=0, model="b"))
    assert [] == await asked_for(None, Probing(interval_s=0, model="gone"))


async def test_one_probe_makes_all_models_of_a_channel_healthy(bench: Bench, probes: Probes):
    async with serving(WORKS) as there:
        made = channel(there.base_url, "chat_completion", "a", "b", breaker=BREAKER, probing=OFTEN)
        bench.offer(provider(made, breaks_per_model=True))
        for model in ("a", "b"):
            bench.health.failed(Place(made.id, model), BREAKER, time.monotonic())
        await probes.run()

    assert 1 == len(there.asked)
    assert not is_resting(bench)


async def test_a_channel_that_was_changed_is_not_asked_for_what_it_did_before(bench: Bench, probes: Probes):
    async with serving(WORKS) as there:
        resting(bench, there.base_url)
        (before,) = bench.snapshot.providers
        changed = msgspec.structs.replace(before, revision=7)
        bench.snapshot = msgspec.structs.replace(bench.snapshot, providers=[changed])
        await probes.run()

    assert [] == there.asked


async def test_where_nothing_can_be_written_down_nothing_is_asked(bench: Bench, tmp_path: Path):
    client = Client()
    spool = await open_spool(tmp_path / "another", finished_most=0)
    async with serving(WORKS) as there:
        resting(bench, there.base_url)
        await Probes(HttpChannels(client), bench.health, spool, lambda: bench.snapshot).run()
    await spool.close()
    await client.close()

    assert [] == there.asked
    assert is_resting(bench)


async def test_a_probe_that_a_stop_breaks_off_leaves_nothing_behind(bench: Bench, probes: Probes):
    async with serving(Said(wait_s=5)) as there:
        resting(bench, there.base_url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await probes.run()

    assert 1 == len(there.asked)
    assert ([], (0, 0)) == (await bench.charged(), await bench.held())


@pytest.mark.parametrize("type", ["chat_completion", "responses", "messages", "gemini"])
async def test_every_protocol_is_asked_in_its_own_words(bench: Bench, probes: Probes, type: ChannelType):
    async with serving(in_json({"error": {"message": "no"}}, 400)) as there:
        resting(bench, there.base_url, type=type)
        await probes.run()

    (asked,) = there.asked
    assert "Say ok." in asked.body.decode()
    assert "16" in asked.body.decode()
    assert USER not in asked.body.decode()
