import asyncio
import time

from structlog.testing import capture_logs
from support.patience import PATIENCE_S

from monoize.infra.background import Background, Bell


async def test_work_is_done_again_and_again():
    done = asyncio.Semaphore(0)

    async def work() -> None:
        done.release()

    background = Background()
    background.every(0.01, "work", work)
    async with asyncio.timeout(2):
        for _ in range(3):
            await done.acquire()
    await background.stop()


async def test_work_that_fails_is_logged_and_tried_again_at_the_next_tick():
    tries: list[str] = []
    enough = asyncio.Event()

    async def work() -> None:
        tries.append("tried")
        if len(tries) == 3:
            enough.set()
        raise ValueError("no")

    background = Background()
    background.every(0.01, "work", work)
    with capture_logs() as logged:
        async with asyncio.timeout(2):
            await enough.wait()
        await background.stop()

    assert ("task_failed", "work") == (logged[0]["event"], logged[0]["task"])


async def test_work_never_overlaps_itself():
    running, most = 0, 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    background = Background()
    background.every(0.001, "work", work)
    await asyncio.sleep(0.1)
    await background.stop()

    assert 1 == most


async def test_stopping_ends_work_that_waits_and_work_that_runs():
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    background = Background()
    background.every(0.001, "runs", work)
    background.every(3600, "waits", work)
    await started.wait()
    before = time.monotonic()
    await background.stop()

    assert ended.is_set()
    assert time.monotonic() - before < 1
    assert [asyncio.current_task()] == list(asyncio.all_tasks())


async def test_a_bell_wakes_work_before_its_clock_does_and_what_rings_meanwhile_is_not_lost():
    bell, begun, may_end = Bell(), asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def work() -> None:
        begun.release()
        await may_end.acquire()

    background = Background()
    background.every(3_600, "work", work, bell=bell)
    async with asyncio.timeout(PATIENCE_S):
        bell.ring()
        await begun.acquire()
        bell.ring()
        may_end.release()
        await begun.acquire()
        may_end.release()
        bell.ring_in(0.01)
        await begun.acquire()
    await background.stop()


async def test_work_waits_until_there_is_reason_for_it_unless_it_failed():
    tries: list[str] = []
    has_reason = True

    def when() -> bool:
        nonlocal has_reason
        had, has_reason = has_reason, False
        return had

    async def work() -> None:
        tries.append("tried")
        if len(tries) < 3:
            raise ValueError("no")

    background = Background()
    with capture_logs():
        background.every(0.001, "work", work, when=when)
        await asyncio.sleep(0.2)
        await background.stop()

    assert 3 == len(tries)
