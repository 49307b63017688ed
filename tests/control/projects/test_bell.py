"""What wakes a worker: a change that concerns it, at once, and its time; nothing else does."""

import asyncio
import datetime as dt
import time

from support.patience import PATIENCE_S

from monoize.base.clock import utc_now
from monoize.control.projects.actions.bell import EntryBell
from monoize.infra.audit_log import Entry


async def waited_s(bell: EntryBell, most_s: float, until: dt.datetime | None = None) -> float:
    began_s = time.monotonic()
    await bell.heard_by(until, most_s)
    return time.monotonic() - began_s


async def test_a_change_of_its_kind_wakes_a_worker_also_when_it_came_before():
    bell = EntryBell("build")
    async with asyncio.TaskGroup() as together:
        waiting = together.create_task(waited_s(bell, PATIENCE_S))
        await asyncio.sleep(0.01)
        await bell.changed(Entry("build.request", "build", "1", {}))
    assert waiting.result() < PATIENCE_S / 2

    await bell.changed(Entry("build.request", "build", "2", {}))
    assert await waited_s(bell, PATIENCE_S) < PATIENCE_S / 2
    # Seen to, it does not ring twice; and what concerns others does not ring at all.
    await bell.changed(Entry("user.create", "user", "3", {}))
    assert 0.04 < await waited_s(bell, 0.05)


async def test_a_worker_wakes_when_its_time_has_come():
    assert await waited_s(EntryBell(), PATIENCE_S, utc_now() - dt.timedelta(hours=1)) < PATIENCE_S / 2
    assert 0.04 < await waited_s(EntryBell(), 0.05, utc_now() + dt.timedelta(hours=1))
