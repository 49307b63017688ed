"""One contract for counters, whoever counts; and what happens to the shared ones without Redis."""

import asyncio
import contextlib
import functools
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import redis
from redis.exceptions import RedisError
from support.engines import REDIS, absent

from monoize.infra.counters import MAX_KEYS, Counters, MemoryCounters
from monoize.infra.redis_counters import TIMEOUT_S, RedisCounters


@pytest.fixture
def namespace() -> Iterator[str]:
    """A prefix in Redis that is ours alone, empty again afterwards."""
    prefix = f"monoize:test:{secrets.token_hex(6)}:"
    with redis.Redis.from_url(REDIS) as client:
        try:
            client.ping()
        except RedisError as problem:
            absent("redis", str(problem))
        yield prefix
        for key in list(client.scan_iter(f"{prefix}*")):
            client.delete(key)


@pytest.fixture(params=["memory", "redis"])
def make_counters(request: pytest.FixtureRequest) -> Callable[[], Counters]:
    if request.param == "memory":
        return MemoryCounters
    return functools.partial(RedisCounters, REDIS, namespace=request.getfixturevalue("namespace"))


@pytest.fixture
async def counters(make_counters: Callable[[], Counters]) -> AsyncIterator[Counters]:
    made = make_counters()
    yield made
    await made.close()


async def test_adding_counts_up_from_one(counters: Counters):
    assert [1, 2, 3] == [await counters.add("a", 60) for _ in range(3)]


async def test_each_key_counts_for_itself(counters: Counters):
    await counters.add("a", 60)
    await counters.add("a", 60)

    assert 1 == await counters.add("b", 60)
    assert [2, 1, 0] == [(await counters.peek(key))[0] for key in ("a", "b", "c")]


@pytest.mark.parametrize("key", ["", " ", "a:b*?[c]", "ü🦊", "x" * 1000, "a\nb\x00c"])
async def test_any_text_is_a_key(counters: Counters, key: str):
    assert [1, 2] == [await counters.add(key, 60), await counters.add(key, 60)]
    assert 2 == (await counters.peek(key))[0]
    await counters.forget(key)
    assert (0, 0) == await counters.peek(key)


async def test_peeking_tells_count_and_seconds_left_without_counting(counters: Counters):
    await counters.add("a", 60)
    for _ in range(3):
        count, left = await counters.peek("a")
        assert 1 == count
        assert 59 <= left <= 60


async def test_the_seconds_left_are_never_more_than_the_window_and_never_nought(counters: Counters):
    await counters.add("a", 1)
    for _ in range(3):
        assert (1, 1) == await counters.peek("a")
        await asyncio.sleep(0.15)


async def test_an_unknown_key_has_nothing_and_nothing_left(counters: Counters):
    assert (0, 0) == await counters.peek("a")


async def test_a_window_ends_its_time_after_the_first_event_and_the_next_begins_at_one(counters: Counters):
    await counters.add("a", 1)
    await asyncio.sleep(0.6)
    assert 2 == await counters.add("a", 1)
    await asyncio.sleep(0.45)

    assert (0, 0) == await counters.peek("a")
    assert 1 == await counters.add("a", 1)


async def test_a_forgotten_key_begins_again_and_leaves_the_others(counters: Counters):
    for key in ("a", "a", "b"):
        await counters.add(key, 60)
    await counters.forget("a")
    await counters.forget("never added")

    assert (0, 0) == await counters.peek("a")
    assert [1, 2] == [await counters.add("a", 60), await counters.add("b", 60)]


async def test_two_hundred_events_at_once_are_counted_exactly(counters: Counters):
    counts = await asyncio.gather(*(counters.add("a", 60) for _ in range(200)))

    assert list(range(1, 201)) == sorted(counts)
    assert 200 == (await counters.peek("a"))[0]


async def test_a_full_memory_drops_the_oldest_window_and_no_other():
    counters = MemoryCounters()
    for n in range(MAX_KEYS + 1):
        await counters.add(str(n), 60)

    assert (0, 0) == await counters.peek("0")
    assert [1, 1] == [(await counters.peek(key))[0] for key in ("1", str(MAX_KEYS))]


async def test_a_window_that_began_again_is_not_the_oldest():
    counters = MemoryCounters()
    await counters.add("renewed", 0)
    await counters.add("old", 60)
    await counters.add("renewed", 60)
    for n in range(MAX_KEYS - 1):
        await counters.add(str(n), 60)

    assert [0, 1] == [(await counters.peek(key))[0] for key in ("old", "renewed")]


async def test_two_processes_share_their_counts_through_redis(namespace: str):
    async with contextlib.AsyncExitStack() as stack:
        one, other = (RedisCounters(REDIS, namespace=namespace) for _ in range(2))
        for counters in (one, other):
            stack.push_async_callback(counters.close)
        await asyncio.gather(*(counters.add("a", 60) for _ in range(50) for counters in (one, other)))

        assert 100 == (await one.peek("a"))[0] == (await other.peek("a"))[0]
        await one.forget("a")
        assert (0, 0) == await other.peek("a")


async def test_what_redis_keeps_goes_away_by_itself(namespace: str):
    counters = RedisCounters(REDIS, namespace=namespace)
    await counters.add("a", 60)
    await counters.close()

    with redis.Redis.from_url(REDIS) as client:
        assert 59_000 < client.pttl(f"{namespace}a") <= 60_000


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a Redis that is not there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{bound.getsockname()[1]}/0"


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a Redis that takes connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        yield f"redis://127.0.0.1:{silent.getsockname()[1]}/0"


async def test_without_redis_a_process_counts_for_itself(nobody: str):
    counters = RedisCounters(nobody)

    assert [1, 2] == [await counters.add("a", 60), await counters.add("a", 60)]
    assert 2 == (await counters.peek("a"))[0]
    await counters.forget("a")
    assert (0, 0) == await counters.peek("a")
    await counters.close()


async def test_a_redis_that_hangs_is_given_up_soon(silence: str):
    counters = RedisCounters(silence)
    before = time.monotonic()

    assert 1 == await counters.add("a", 60)
    assert time.monotonic() - before < 2 * TIMEOUT_S
    await counters.close()
