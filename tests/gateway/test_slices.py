"""Long work is done in slices, one after the other, and nobody else waits for all of it."""

import asyncio
import time
from typing import Any

import pytest
from gateway.transforms.telling import request, user
from gateway.wishes import chat
from support.gateway import Bench, change, channel, provider
from support.governed import OWNER, governed

from monoize.gateway.govern.content import screened
from monoize.gateway.protocol.urp import ToolResult
from monoize.gateway.slices import Slices, breathe

PATH = "/v1/chat/completions"


def busy(steps: int, done: list[int] | None = None) -> int:
    """A millisecond each."""
    for step in range(steps):
        ends_at = time.perf_counter() + 0.001
        while time.perf_counter() < ends_at:
            pass
        breathe()
        if done is not None:
            done.append(step)
    return steps


async def test_others_have_their_turn_and_the_outcome_is_that_of_the_work():
    slices = Slices()
    every = asyncio.gather(*(slices.run(lambda: busy(100)) for _ in range(3)))
    turns = 0
    while not every.done():
        await asyncio.sleep(0)
        turns += 1

    assert [100, 100, 100] == await every
    assert turns > 50
    assert 5 == busy(5)


async def test_a_failure_is_told_as_it_is_and_the_next_one_has_its_turn():
    def fails() -> None:
        busy(5)
        raise LookupError("nothing there")

    slices = Slices()
    with pytest.raises(LookupError, match="nothing there"):
        await slices.run(fails)
    assert 1 == await slices.run(lambda: busy(1))


async def test_who_is_cancelled_ends_the_work_where_it_pauses():
    slices, done = Slices(), list[int]()
    work = asyncio.create_task(slices.run(lambda: busy(1_000, done)))
    while not done:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert len(done) < 1_000
    assert 1 == await slices.run(lambda: busy(1))


LARGE = "The scheduler takes one job after the other and writes to ann@example.com\n" * 14_000
POLICIES: Any = {"pii_policy_json": {"scan": ["input", "output", "tool_result"]}}


async def test_a_megabyte_is_looked_through_in_slices_with_the_outcome_of_one():
    found = governed(policies=POLICIES)
    asked = request(user(LARGE), ToolResult(call_id="c", content=(user(LARGE),)))
    work = asyncio.create_task(Slices().run(lambda: screened(asked, found)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 10
    assert screened(asked, found) == await work


async def test_while_large_requests_wait_for_each_other_small_ones_do_not(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, governed=governed(policies=POLICIES), tenant_id=OWNER)
    slices = bench.gateway._relay._stage.slices
    async with slices._turn:
        asked = asyncio.create_task(bench.ask(PATH, chat(LARGE, max_tokens=5)))
        assert 200 == (await bench.ask(PATH, chat("one two"))).status
        assert not asked.done()

    assert 200 == (await asked).status
