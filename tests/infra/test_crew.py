"""A crew does one thing at a time for each key, and no more than it can; a failure harms nobody else."""

import asyncio

from support.patience import PATIENCE_S

from monoize.infra.background import Crew


async def settled(crew: Crew) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while crew.busy:
            await asyncio.sleep(0)


async def test_it_takes_on_one_piece_for_each_key_and_no_more_than_it_can() -> None:
    crew, gate, done = Crew("test", 2), asyncio.Event(), list[str]()

    async def work() -> None:
        await gate.wait()
        done.append("done")

    assert crew.send("a", work)
    assert not crew.send("a", work), "the same key twice"
    assert crew.send("b", work)
    assert not crew.send("c", work), "more than it can do"
    assert (set(crew.busy), crew.free) == ({"a", "b"}, 0)
    gate.set()
    await settled(crew)
    assert done == ["done", "done"]
    assert crew.send("a", work)
    await crew.stop()


async def test_a_failure_frees_its_place() -> None:
    crew = Crew("test", 1)

    async def fails() -> None:
        raise ValueError

    assert crew.send("a", fails)
    await settled(crew)
    assert crew.free == 1


async def test_stopping_waits_until_everybody_has_cleaned_up() -> None:
    crew, cleaned = Crew("test", 1), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("up")

    crew.send("a", work)
    await asyncio.sleep(0)
    await crew.stop()
    assert cleaned == ["up"] and not crew.busy
