import asyncio
import time

from structlog.testing import capture_logs

from monoize.infra.background import Background


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
