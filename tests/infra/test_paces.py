"""One contract for paces, whoever keeps them; and what happens to the shared ones without Redis."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from support.engines import REDIS
from support.redis_server import nobody, scratch_namespace, silence

from monoize.infra.paces import KEYS_MOST, MemoryPaces, Paces, Share, Taken, TooFast, TooMany
from monoize.infra.redis_paces import TIMEOUT_S, RedisPaces

Make = Callable[[], Paces]


@pytest.fixture
def namespace() -> Iterator[str]:
    with scratch_namespace() as prefix:
        yield prefix


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "memory":
        return MemoryPaces
    return functools.partial(RedisPaces, REDIS, namespace=request.getfixturevalue("namespace"))


@pytest.fixture
async def paces(make: Make) -> AsyncIterator[Paces]:
    made = make()
    yield made
    await made.close()


async def take(
    paces: Paces, key: str = "k", id: str = "i", *, at_once: int | None = None, **shares: tuple[int, int]
):
    return await paces.take(key, id, {name: Share(*share) for name, share in shares.items()}, at_once=at_once)


async def test_so_many_and_then_no_more(paces: Paces):
    outcomes = [await take(paces, a=(3, 1)) for _ in range(4)]

    assert [2, 1, 0] == [round(outcome.left["a"]) for outcome in outcomes[:3] if isinstance(outcome, Taken)]
    refused = outcomes[3]
    assert isinstance(refused, TooFast)
    assert 19 < refused.wait_s <= 20


async def test_a_bucket_fills_evenly(paces: Paces):
    assert isinstance(await take(paces, a=(600, 600)), Taken)
    assert isinstance(await take(paces, a=(600, 1)), TooFast)
    await asyncio.sleep(0.15)
    assert isinstance(await take(paces, a=(600, 1)), Taken)
    assert isinstance(await take(paces, a=(600, 5)), TooFast)


async def test_what_refuses_takes_nothing_from_the_others(paces: Paces):
    assert isinstance(await take(paces, a=(10, 1), b=(1, 1)), Taken)
    for _ in range(5):
        assert isinstance(await take(paces, a=(10, 1), b=(1, 1)), TooFast)
    assert isinstance(left := await take(paces, a=(10, 1)), Taken)
    assert 8 == round(left.left["a"])


async def test_more_than_a_whole_minutes_worth_may_go_once_and_is_paid_for_afterwards(paces: Paces):
    assert isinstance(left := await take(paces, a=(60, 180)), Taken)
    assert -120 == round(left.left["a"])
    assert isinstance(refused := await take(paces, a=(60, 1)), TooFast)
    assert 120 < refused.wait_s <= 121


async def test_only_so_many_are_under_way_at_once(paces: Paces):
    assert isinstance(await take(paces, id="1", at_once=2), Taken)
    assert isinstance(await take(paces, id="2", at_once=2), Taken)
    assert isinstance(await take(paces, id="3", at_once=2), TooMany)
    await paces.give_back("k", "1")
    await paces.give_back("k", "1")
    await paces.give_back("k", "nobody")
    assert isinstance(await take(paces, id="3", at_once=2), Taken)
    assert isinstance(await take(paces, id="4", at_once=2), TooMany)


async def test_who_is_refused_for_being_too_fast_is_not_under_way(paces: Paces):
    assert isinstance(await take(paces, id="1", at_once=2, a=(1, 1)), Taken)
    assert isinstance(await take(paces, id="2", at_once=2, a=(1, 1)), TooFast)
    assert isinstance(await take(paces, id="3", at_once=2), Taken)


async def test_each_key_goes_its_own_pace(paces: Paces):
    assert isinstance(await take(paces, "x", at_once=1, a=(1, 1)), Taken)
    assert isinstance(await take(paces, "y", at_once=1, a=(1, 1)), Taken)
    assert isinstance(await take(paces, "x", a=(1, 1)), TooFast)


async def test_many_at_the_same_moment_take_no_more_than_there_is(paces: Paces):
    outcomes = await asyncio.gather(*(take(paces, id=str(n), at_once=7, a=(100, 1)) for n in range(40)))

    assert 7 == sum(isinstance(outcome, Taken) for outcome in outcomes)


async def test_a_limit_that_was_changed_holds_at_once(paces: Paces):
    assert isinstance(await take(paces, a=(1000, 1)), Taken)
    assert isinstance(left := await take(paces, a=(5, 1)), Taken)
    assert 4 == round(left.left["a"])


async def test_in_memory_whoever_did_not_come_for_the_longest_time_begins_anew_but_not_who_is_under_way():
    paces = MemoryPaces()
    await take(paces, "busy", at_once=1)
    await take(paces, "idle", a=(1, 1))
    for number in range(KEYS_MOST):
        await take(paces, f"k{number}", a=(1, 1))

    assert isinstance(await take(paces, "busy", at_once=1), TooMany)
    assert isinstance(await take(paces, "idle", a=(1, 1)), Taken)


async def test_two_processes_share_one_pace(namespace: str):
    one, other = (RedisPaces(REDIS, namespace=namespace) for _ in range(2))
    assert isinstance(await take(one, id="1", at_once=1, a=(2, 1)), Taken)
    assert isinstance(await take(other, id="2", at_once=1), TooMany)
    # Only who took it gives it back.
    await other.give_back("k", "1")
    assert isinstance(await take(other, id="2", at_once=1), TooMany)
    await one.give_back("k", "1")
    assert isinstance(await take(other, id="2", at_once=1, a=(2, 1)), Taken)
    assert isinstance(await take(one, a=(2, 1)), TooFast)
    await one.close()
    await other.close()


async def test_what_is_under_way_counts_as_long_as_its_process_lives(namespace: str):
    dead, living = (RedisPaces(REDIS, namespace=namespace, lease_s=0.4) for _ in range(2))
    await take(dead, id="dead", at_once=2)
    await take(living, id="living", at_once=2)
    for _ in range(5):
        await asyncio.sleep(0.15)
        await living.renew()

    assert isinstance(await take(living, id="new", at_once=2), Taken)
    assert isinstance(await take(living, id="one more", at_once=2), TooMany)
    await dead.close()
    await living.close()


@pytest.mark.parametrize("absent", [nobody, silence])
async def test_without_redis_each_process_counts_for_itself_and_nobody_waits_long(
    absent: Callable[[], Iterator[str]],
):
    with absent() as url:
        paces = RedisPaces(url)
        started = time.monotonic()
        outcomes = [await take(paces, id=str(n), at_once=2, a=(9, 1)) for n in range(20)]
        await paces.renew()
        assert time.monotonic() - started < 3 * TIMEOUT_S
        assert [Taken, Taken, TooMany] == [type(outcome) for outcome in outcomes[:3]]
        await paces.give_back("k", "0")
        assert isinstance(await take(paces, id="x", at_once=2, a=(9, 1)), Taken)
        await paces.close()
