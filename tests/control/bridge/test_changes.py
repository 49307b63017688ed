"""Changes that those in other processes ask for, who are told as soon as there are some."""

import asyncio

from support.patience import PATIENCE_S

from monoize.control.bridge.wall import Changes

ABOUT = frozenset({"stop"})


async def test_whoever_waits_is_told_of_a_change_and_not_of_others() -> None:
    changes = Changes()
    asked = asyncio.ensure_future(changes.touched(ABOUT, changes.mark, within_s=PATIENCE_S))
    changes._keep((), "something else")
    await asyncio.sleep(0.01)
    assert not asked.done()

    changes.stops_moved()

    assert await asked
    assert not await changes.touched(ABOUT, changes.mark, within_s=0.01)


async def test_nobody_waits_for_a_control_plane_that_ends() -> None:
    changes = Changes()
    asked = asyncio.ensure_future(changes.touched(ABOUT, changes.mark, within_s=PATIENCE_S))
    await asyncio.sleep(0)
    changes.close()

    async with asyncio.timeout(PATIENCE_S / 2):
        assert not await asked
