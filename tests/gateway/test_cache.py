"""The very same is answered once more, for nothing, to the same key, and in no other case."""

import asyncio
import json
import math
from typing import Any

import pytest
from gateway.wishes import WISHES, Wish, chat
from support.gateway import USER, Bench, Reply, change, channel, provider
from support.provider import Asked, Said, in_events, in_json, serving

from monoize.base.ids import fingerprint, new_id
from monoize.gateway import answer_cache
from monoize.gateway.answer_cache import Answer, AnswerCache

PATH = "/v1/chat/completions"
every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


def said(reply: Reply) -> str | None:
    return reply.headers.get("x-monoize-cache")


def answer(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        **more,
    }


def counting(**more: Any) -> Any:
    """A provider whose answers are all different."""
    number = 0

    def next_answer(_: Asked) -> Said:
        nonlocal number
        number += 1
        return in_json(answer(number, **more))

    return next_answer


async def both(bench: Bench, first: Any = None, second: Any = None, **more: Any) -> tuple[Reply, Reply]:
    first = chat("hello") if first is None else first
    return await bench.ask(PATH, first), await bench.ask(PATH, first if second is None else second, **more)


@every_wish
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_same_is_answered_once_more_byte_for_byte_and_costs_nothing(
    bench: Bench, wish: Wish, stream: bool
):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)
    path, body = wish.stream_path if stream else wish.path, wish.body("one two", stream=stream)

    first, again = await bench.ask(path, body), await bench.ask(path, body)

    assert (200, "miss", "hit") == (again.status, said(first), said(again))
    assert first.body == again.body
    assert first.headers["content-type"] == again.headers["content-type"]
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    paid, free = await bench.charged()
    assert (True, 0, {}, None) == (paid.charge_nano > 0, free.charge_nano, free.budgets, free.call)
    assert free.log is not None and paid.log is not None
    assert (False, True, "success", "m") == (
        paid.log.cache_hit,
        free.log.cache_hit,
        free.log.status,
        free.log.model,
    )
    assert again.headers["x-request-id"] == free.request_id
    assert (0, 0) == await bench.held()


async def test_who_has_no_money_left_is_still_given_what_costs_nothing(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)
    assert 200 == (await bench.ask(PATH, chat("hello"))).status

    name = f"user:{USER}"
    assert await bench.holds.refresh(name, 0, await bench.holds.mark(name))

    assert (402, 200) == (
        (await bench.ask(PATH, chat("something else"))).status,
        (await bench.ask(PATH, chat("hello"))).status,
    )


async def test_without_the_wish_of_its_key_nothing_is_kept(bench: Bench):
    async with serving(counting()) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        first, again = await both(bench)

    assert (None, None, 2) == (said(first), said(again), len(there.asked))
    assert [None, None] == [charged.log and charged.log.cache_hit for charged in await bench.charged()]


@pytest.mark.parametrize(
    "other",
    [
        chat("hello "),
        chat("hello", temperature=0),
        chat("hello", stream=True),
        json.dumps(chat("hello"), indent=1).encode(),
    ],
    ids=["words", "member", "stream", "space"],
)
async def test_what_is_not_the_very_same_is_asked_anew(bench: Bench, other: Any):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)

    assert ("miss", "miss") == tuple(map(said, await both(bench, chat("hello"), other)))


async def test_another_key_of_the_same_user_gets_an_answer_of_its_own(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)
    (grant,) = bench.grants.values()
    other = "sk-" + "1" * 32
    bench.grants[fingerprint(other)] = type(grant)(
        key_id=new_id(), user_id=USER, tenant_id=grant.tenant_id, username="somebody", cache_ttl_s=60
    )

    assert ("miss", "miss") == tuple(map(said, await both(bench, key=other)))
    # And neither pushes out what the other has.
    assert ("hit", "hit") == tuple(map(said, await both(bench, key=other)))


async def test_an_answer_grows_too_old(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=1)
    assert ("miss", "hit") == tuple(map(said, await both(bench)))
    await asyncio.sleep(1.1)

    assert "miss" == said(await bench.ask(PATH, chat("hello")))


async def test_the_caller_may_want_a_new_one_or_none_kept(bench: Bench):
    async with serving(counting()) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        change(bench, cache_ttl_s=60)
        secret = await bench.ask(PATH, chat("hello"), headers={"cache-control": "max-age=0, No-Store"})
        first = await bench.ask(PATH, chat("hello"))
        anew = await bench.ask(PATH, chat("hello"), headers={"cache-control": "no-cache"})
        last = await bench.ask(PATH, chat("hello"))

    assert [None, "miss", "miss", "hit"] == [said(reply) for reply in (secret, first, anew, last)]
    assert ["1", "2", "3", "3"] == [reply.json["id"] for reply in (secret, first, anew, last)]


@pytest.mark.parametrize(
    "told",
    [
        in_json({"error": {"message": "no"}}, 400),
        in_json({"error": {"message": "no"}}, 500),
        in_events(b'data: {"choices":[{"index":0,"delta":{"content":"Ye"}}]}\n\n', cut=True),
        in_events(b'data: {"choices":[{"index":0,"delta":{"content":"Ye"}}]}\n\n'),
    ],
    ids=["refused", "failed", "cut", "without an end"],
)
async def test_what_went_wrong_is_not_told_twice(bench: Bench, told: Said):
    async with serving(told) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        change(bench, cache_ttl_s=60)
        await both(bench, chat("hello", stream=told.chunks is not None))

    assert 2 == len(there.asked)


async def test_an_answer_that_its_caller_did_not_wait_for_is_not_kept(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)
    body = chat("one two three four five\n/slow 20", stream=True)
    await bench.ask(PATH, body, leave_after=3)

    assert "miss" == said(await bench.ask(PATH, body))


async def test_an_answer_that_was_cut_for_want_of_money_is_not_kept(bench: Bench):
    async with serving(counting()) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        change(bench, cache_ttl_s=60)
        # Less than a model could write, and more than the prompt costs.
        bench.balances = {f"user:{USER}": 5_000_000}
        first, again = await both(bench)

    assert 2_000 < there.asked[0].json["max_completion_tokens"] < 2_500
    assert ("miss", "miss") == (said(first), said(again))


async def test_a_change_of_the_key_or_of_what_there_is_ends_what_was_kept(bench: Bench):
    async with serving(counting()) as there:
        offered = provider(channel(there.base_url, "chat_completion", "m"))
        bench.offer(offered)
        change(bench, cache_ttl_s=60)
        assert ("miss", "hit") == tuple(map(said, await both(bench)))
        change(bench, requests_per_minute=100)
        after_key = await bench.ask(PATH, chat("hello"))
        bench.offer(offered)
        after_channels = await bench.ask(PATH, chat("hello"))

    assert ("miss", "miss") == (said(after_key), said(after_channels))


async def test_a_key_that_may_not_use_the_model_any_more_gets_nothing(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)
    await bench.ask(PATH, chat("hello"))
    change(bench, models=frozenset({"other"}))

    assert 403 == (await bench.ask(PATH, chat("hello"))).status


async def test_the_limits_of_the_key_count_what_is_answered_once_more(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60, requests_per_minute=2)

    assert [200, 200, 429] == [(await bench.ask(PATH, chat("hello"))).status for _ in range(3)]


async def test_what_is_large_is_not_kept(bench: Bench):
    async with serving(counting(padding="x" * answer_cache.ANSWER_MOST)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        change(bench, cache_ttl_s=60)
        assert ("miss", "miss") == tuple(map(said, await both(bench)))
        long = chat("x" * answer_cache.BODY_MOST)
        assert (None, None) == tuple(map(said, await both(bench, long)))


async def test_what_was_not_used_for_longest_makes_room(bench: Bench):
    (grant,) = bench.grants.values()
    kept = Answer([], b"x" * 30, math.inf, grant, 1)
    by_bytes, by_number = AnswerCache(bench.meter, memory_most=100), AnswerCache(bench.meter, answers_most=3)
    for cache in (by_bytes, by_number):
        for name in (b"a", b"b", b"c"):
            cache.keep(name, kept)
        assert cache.find(b"a", grant, 1)
        cache.keep(b"d", kept)

        assert [b"a", b"c", b"d"] == [name for name in (b"a", b"b", b"c", b"d") if cache.find(name, grant, 1)]
        assert (3, 90) == (len(cache), cache.memory)
