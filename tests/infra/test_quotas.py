"""One contract for quotas, whoever keeps them; and what happens to the shared ones without Redis."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.engines import REDIS
from support.redis_server import nobody, scratch_namespace, silence

from monoize.base.clock import DAY_MS
from monoize.base.quotas import MINUTE_MS, Quota
from monoize.infra.quotas import KEYS_MOST, Admitted, MemoryQuotas, Quotas, Reached
from monoize.infra.redis_quotas import TIMEOUT_S, RedisQuotas

NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


class Clock:
    """A time of day that goes on when it is told to."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


Make = Callable[[], Quotas]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def namespace() -> Iterator[str]:
    with scratch_namespace() as prefix:
        yield prefix


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest, clock: Clock) -> Make:
    if request.param == "memory":
        return functools.partial(MemoryQuotas, clock_ms=clock)
    return functools.partial(RedisQuotas, REDIS, namespace=request.getfixturevalue("namespace"), clock_ms=clock)


@pytest.fixture
async def quotas(make: Make) -> AsyncIterator[Quotas]:
    made = make()
    yield made
    await made.close()


def minute(most: int, wanted: int = 1, counter: str = "m") -> Quota:
    return Quota(counter, "minute", most, wanted)


def day(most: int, wanted: int = 1, counter: str = "d") -> Quota:
    return Quota(counter, "day", most, wanted)


async def test_so_many_a_day_and_then_none_until_midnight_of_utc(quotas: Quotas, clock: Clock):
    outcomes = [await quotas.take("k", [day(3)]) for _ in range(4)]

    assert [1, 2, 3] == [outcome.used["d"] for outcome in outcomes[:3]]
    assert Reached(day(3), 3, NOON_MS, NOON_MS + DAY_MS // 2) == outcomes[3]
    clock.now_ms = NOON_MS + DAY_MS // 2 - 1
    assert isinstance(await quotas.take("k", [day(3)]), Reached)
    clock.now_ms += 1
    assert {"d": 1} == (await quotas.take("k", [day(3)])).used


async def test_a_minute_slides_so_that_no_sixty_seconds_see_more_than_the_limit(quotas: Quotas, clock: Clock):
    for second in range(10):
        clock.now_ms = NOON_MS + second * 1000
        assert isinstance(await quotas.take("k", [minute(10)]), Admitted)

    clock.now_ms = NOON_MS + 30_000
    assert Reached(minute(10), 10, clock.now_ms, NOON_MS + MINUTE_MS) == await quotas.take("k", [minute(10)])
    clock.now_ms = NOON_MS + MINUTE_MS - 1
    assert isinstance(await quotas.take("k", [minute(10)]), Reached)
    clock.now_ms += 1
    assert {"m": 10} == (await quotas.take("k", [minute(10)])).used
    assert isinstance(await quotas.take("k", [minute(10)]), Reached)


async def test_it_says_when_there_is_room_for_all_that_is_wanted(quotas: Quotas, clock: Clock):
    for second in range(10):
        clock.now_ms = NOON_MS + second * 1000
        await quotas.take("k", [minute(10)])

    assert NOON_MS + 2_000 + MINUTE_MS == (await quotas.take("k", [minute(10, 3)])).resets_at_ms
    assert clock.now_ms + MINUTE_MS == (await quotas.take("k", [minute(10, 11)])).resets_at_ms
    clock.now_ms = NOON_MS + 2_000 + MINUTE_MS
    assert {"m": 10} == (await quotas.take("k", [minute(10, 3)])).used


async def test_more_than_a_window_holds_is_refused_whole(quotas: Quotas):
    for quota in (minute(10, 11), day(10, 11)):
        refused = await quotas.take("k", [quota])
        assert (Reached, 0) == (type(refused), refused.used)
    assert {"m": 10, "d": 10} == (await quotas.take("k", [minute(10, 10), day(10, 10)])).used


async def test_nothing_may_be_had_of_nothing(quotas: Quotas):
    assert isinstance(await quotas.take("k", [minute(0)]), Reached)
    assert isinstance(await quotas.take("k", [day(0)]), Reached)
    assert isinstance(await quotas.take("k", []), Admitted)


async def test_the_first_that_has_no_room_answers_and_none_of_the_others_is_touched(quotas: Quotas):
    await quotas.take("k", [minute(2), day(9)])
    await quotas.take("k", [day(2, counter="full", wanted=2)])
    asked = [minute(2), day(9), day(2, counter="full"), day(0, counter="later")]

    for _ in range(5):
        assert "full" == (await quotas.take("k", asked)).quota.counter

    assert {"m": 1, "d": 1, "full": 2, "later": 0} == (await quotas.used("k", asked)).used


async def test_to_look_takes_nothing(quotas: Quotas, clock: Clock):
    for _ in range(3):
        assert Admitted(NOON_MS, {"m": 0, "d": 0}) == await quotas.used("k", [minute(1), day(1)])

    assert isinstance(await quotas.take("k", [minute(1), day(1)]), Admitted)
    clock.now_ms += MINUTE_MS
    assert {"m": 0, "d": 1} == (await quotas.used("k", [minute(1), day(1)])).used


async def test_what_was_not_needed_may_be_had_again(quotas: Quotas, clock: Clock):
    both = [minute(5, 3), day(5, 3)]
    taken = await quotas.take("k", both)
    clock.now_ms += 10
    later = await quotas.take("k", [minute(5, 2), day(5, 2)])

    await quotas.give_back("k", both, taken.at_ms)

    assert {"m": 2, "d": 2} == (await quotas.used("k", both)).used
    assert {"m": 5, "d": 5} == (await quotas.take("k", both)).used
    assert isinstance(later, Admitted)


async def test_nothing_is_given_back_twice_or_to_a_window_that_is_over(quotas: Quotas, clock: Clock):
    wanted = [minute(5), day(5)]
    taken = await quotas.take("k", wanted)
    for _ in range(3):
        await quotas.give_back("k", wanted, taken.at_ms)
    assert {"m": 0, "d": 0} == (await quotas.used("k", wanted)).used

    taken = await quotas.take("k", wanted)
    clock.now_ms += DAY_MS
    await quotas.take("k", wanted)
    await quotas.give_back("k", wanted, taken.at_ms)
    assert {"m": 1, "d": 1} == (await quotas.used("k", wanted)).used


async def test_each_key_and_each_counter_has_its_own(quotas: Quotas):
    assert isinstance(await quotas.take("x", [day(1)]), Admitted)
    assert isinstance(await quotas.take("y", [day(1)]), Admitted)
    assert isinstance(await quotas.take("x", [day(1, counter="other")]), Admitted)
    assert isinstance(await quotas.take("x", [minute(1, counter="d")]), Admitted)
    assert isinstance(await quotas.take("x", [day(1)]), Reached)


async def test_a_limit_that_was_changed_holds_at_once(quotas: Quotas):
    await quotas.take("k", [day(10, 5)])

    assert 5 == (await quotas.take("k", [day(3)])).used
    assert {"d": 6} == (await quotas.take("k", [day(6)])).used


@pytest.mark.parametrize("window", [minute, day])
async def test_of_a_hundred_at_once_exactly_as_many_are_admitted_as_there_may_be(
    quotas: Quotas, window: Callable[..., Quota]
):
    outcomes = await asyncio.gather(*(quotas.take("k", [window(50)]) for _ in range(100)))

    assert 50 == sum(isinstance(outcome, Admitted) for outcome in outcomes)


@given(
    steps=st.lists(st.tuples(st.integers(0, MINUTE_MS), st.integers(0, 4), st.booleans()), min_size=1, max_size=25)
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_memory_and_redis_say_the_same_of_every_history(steps: list[tuple[int, int, bool]]):
    async def told(quotas: Quotas, clock: Clock) -> list[object]:
        answers: list[object] = []
        for pause_ms, wanted, is_given_back in steps:
            clock.now_ms += pause_ms
            asked = [minute(5, wanted), day(20, wanted)]
            answers.append(answer := await quotas.take("k", asked))
            if is_given_back and isinstance(answer, Admitted):
                await quotas.give_back("k", asked, answer.at_ms)
            answers.append(await quotas.used("k", asked))
        await quotas.close()
        return answers

    async def compare(prefix: str) -> None:
        one, other = Clock(), Clock()
        memory, shared = MemoryQuotas(clock_ms=one), RedisQuotas(REDIS, namespace=prefix, clock_ms=other)
        assert await told(memory, one) == await told(shared, other)

    with scratch_namespace() as prefix:
        asyncio.run(compare(prefix))


async def test_two_processes_share_what_there_is_by_the_clock_of_redis(namespace: str):
    one, other = (RedisQuotas(REDIS, namespace=namespace) for _ in range(2))
    outcomes = await asyncio.gather(*(each.take("k", [minute(50)]) for each in (one, other) for _ in range(50)))

    assert 50 == sum(isinstance(outcome, Admitted) for outcome in outcomes)
    assert abs(outcomes[0].at_ms / 1000 - time.time()) < 5
    await one.close()
    await other.close()


async def test_what_is_counted_is_forgotten_some_time(namespace: str):
    quotas = RedisQuotas(REDIS, namespace=namespace)
    await quotas.take("k", [minute(5), day(5)])

    keys = [key async for key in quotas._redis.scan_iter(f"{namespace}*")]
    assert 3 == len(keys)
    assert all([0 < await quotas._redis.pttl(key) <= 2 * DAY_MS for key in keys])
    await quotas.close()


async def test_in_memory_whoever_did_not_come_for_the_longest_time_begins_anew():
    quotas = MemoryQuotas()
    await quotas.take("idle", [day(1)])
    await quotas.take("busy", [day(1)])
    for number in range(KEYS_MOST - 1):
        await quotas.take(f"k{number}", [day(1)])
        if number == 0:
            await quotas.take("busy", [day(1)])

    assert isinstance(await quotas.take("busy", [day(1)]), Reached)
    assert isinstance(await quotas.take("idle", [day(1)]), Admitted)


@pytest.mark.parametrize("absent", [nobody, silence])
async def test_without_redis_each_process_counts_for_itself_and_nobody_waits_long(
    absent: Callable[[], Iterator[str]],
):
    with absent() as url:
        quotas = RedisQuotas(url)
        started = time.monotonic()
        outcomes = [await quotas.take("k", [day(2)]) for _ in range(20)]
        assert {"d": 2} == (await quotas.used("k", [day(2)])).used
        await quotas.give_back("k", [day(2)], outcomes[0].at_ms)
        assert time.monotonic() - started < 3 * TIMEOUT_S
        assert [Admitted, Admitted, Reached] == [type(outcome) for outcome in outcomes[:3]]
        assert isinstance(await quotas.take("k", [day(2)]), Admitted)
        await quotas.close()


async def test_an_hour_and_a_second_are_those_of_the_clock(quotas: Quotas, clock: Clock):
    hour, second = Quota("h", "hour", 2), Quota("s", "second", 1)

    assert isinstance(await quotas.take("k", [second, hour]), Admitted)
    reached = await quotas.take("k", [second, hour])
    assert isinstance(reached, Reached) and (reached.quota, NOON_MS + 1_000) == (second, reached.resets_at_ms)
    clock.now_ms += 1_000
    assert isinstance(await quotas.take("k", [second, hour]), Admitted)
    clock.now_ms += 1_000
    reached = await quotas.take("k", [second, hour])
    assert isinstance(reached, Reached) and (hour, 2, NOON_MS + 3_600_000) == (
        reached.quota,
        reached.used,
        reached.resets_at_ms,
    )
    clock.now_ms = NOON_MS + 3_600_000
    assert isinstance(await quotas.take("k", [second, hour]), Admitted)
