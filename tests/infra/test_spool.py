"""What was acknowledged is on disk, whoever dies; what was left is found; what is full or broken refuses."""

import asyncio
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.at_once import alone, started

from monoize.infra.spool import Entry, Spool, SpoolBroken, SpoolFull, open_spool


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    opened = await open_spool(tmp_path)
    yield opened
    await opened.close()


async def reopened(spool: Spool, folder: Path) -> Spool:
    await spool.close()
    return await open_spool(folder)


def ids(entries: list[Entry] | tuple[Entry, ...]) -> list[str]:
    return [entry.id for entry in entries]


async def test_finished_entries_come_in_the_order_in_which_they_ended(spool: Spool):
    for id in ("c", "a", "b"):
        await spool.begin(id, b'"floor"')
    for id in ("b", "c", "a"):
        await spool.finish(id, b'{"charge":1}')

    found = await spool.oldest(10)

    assert [("b", b'{"charge":1}'), ("c", b'{"charge":1}'), ("a", b'{"charge":1}')] == [
        (entry.id, entry.content) for entry in found
    ]
    assert ["b", "c"] == ids(await spool.oldest(2))
    assert ["a"] == ids(await spool.oldest(10, posted=found[1]))


async def test_everything_outlives_its_process(tmp_path: Path):
    spool = await open_spool(tmp_path)
    await spool.begin("left", b'"floor"')
    await spool.begin("noted", b'"floor"')
    await spool.note("noted", b'"more"')
    await spool.begin("abandoned", b'"floor"')
    await spool.abandon("abandoned")
    await spool.begin("ended", b'"floor"')
    await spool.finish("ended", b'"charge"')

    spool = await reopened(spool, tmp_path)

    assert [Entry("left", b'"floor"'), Entry("noted", b'"more"')] == await spool.left_in_flight()
    assert [("ended", b'"charge"')] == [(entry.id, entry.content) for entry in await spool.oldest(10)]
    figures = await spool.figures()
    assert (2, 1, 0) == (figures.in_flight, figures.finished, figures.set_aside)
    await spool.close()


async def test_money_and_names_come_back_as_they_went_in(spool: Spool):
    content = '{"n":170141183460469231731687303715884105727,"t":"\\u0001 é 日本 \\" \\\\","f":1.50}'.encode()
    await spool.finish("ö/日本 '\"", content)

    assert [Entry("ö/日本 '\"", content, 1)] == await spool.oldest(1)


async def test_beginning_twice_is_beginning_once(spool: Spool):
    await spool.begin("a", b'"first"')
    await spool.begin("a", b'"second"')

    assert [Entry("a", b'"first"')] == await spool.left_in_flight()
    assert 1 == (await spool.figures()).in_flight


async def test_what_upstream_says_after_the_end_brings_nothing_back(spool: Spool):
    await spool.begin("a", b'"floor"')
    await spool.finish("a", b'"charge"')
    await spool.note("a", b'"more"')

    assert [] == await spool.left_in_flight()
    assert [b'"charge"'] == [entry.content for entry in await spool.oldest(10)]


async def test_an_entry_that_is_set_aside_is_out_of_the_way_and_kept(tmp_path: Path):
    spool = await open_spool(tmp_path)
    for id in ("a", "b"):
        await spool.finish(id, b'"charge"')
    await spool.set_aside((await spool.oldest(1))[0], "nobody can read it")

    spool = await reopened(spool, tmp_path)

    assert ["b"] == ids(await spool.oldest(10))
    assert 1 == (await spool.figures()).set_aside
    await spool.close()


async def test_a_full_spool_refuses_to_begin_and_lets_what_is_under_way_end(tmp_path: Path):
    spool = await open_spool(tmp_path, in_flight_most=3, finished_most=2)
    begun = await asyncio.gather(*(spool.begin(str(number), b"1") for number in range(5)), return_exceptions=True)
    assert [None, None, None] == [outcome for outcome in begun if outcome is None]
    assert {SpoolFull} == {type(outcome) for outcome in begun if outcome is not None}

    for number in range(3):
        await spool.finish(str(number), b"1")
    with pytest.raises(SpoolFull):
        await spool.begin("more", b"1")

    await spool.oldest(10, posted=(await spool.oldest(10))[-1])
    await spool.begin("more", b"1")
    await spool.close()


async def test_what_is_over_before_it_began_is_posted_like_the_others_while_there_is_room(tmp_path: Path):
    spool = await open_spool(tmp_path, finished_most=2)
    for number in range(2):
        await spool.record(str(number), b"1")
    with pytest.raises(SpoolFull):
        await spool.record("2", b"1")

    assert ["0", "1"] == ids(await spool.oldest(10))
    assert 0 == (await spool.figures()).in_flight
    await spool.close()


async def test_who_leaves_while_the_disk_is_busy_leaves_nothing_half_done(spool: Spool):
    async def begin_and_leave(id: str) -> None:
        waiting = asyncio.create_task(spool.begin(id, b"1"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await spool.abandon(id)

    await asyncio.gather(*(begin_and_leave(str(number)) for number in range(50)))
    assert [] == await spool.left_in_flight()

    await spool.begin("ends", b"1")
    ending = asyncio.create_task(spool.finish("ends", b"1"))
    await asyncio.sleep(0)
    ending.cancel()
    assert ["ends"] == ids(await spool.oldest(10))


async def test_living_processes_have_a_file_each_and_take_nothing_from_each_other(tmp_path: Path):
    first, second = await open_spool(tmp_path), await open_spool(tmp_path)
    await first.begin("first", b"1")
    await second.begin("second", b"1")
    third = await open_spool(tmp_path)

    assert [] == await third.left_in_flight()
    assert 3 == len({first.owner, second.owner, third.owner})
    assert [] == third.taken_over
    await first.close()
    await second.close()
    assert ["0.db", "1.db", "2.db"] == sorted(file.name for file in tmp_path.glob("*.db"))

    await third.close()
    heir = await open_spool(tmp_path)
    assert ["first", "second"] == ids(await heir.left_in_flight())
    assert (first.owner, {second.owner, third.owner}) == (heir.owner, set(heir.taken_over))
    await heir.close()


async def test_only_its_owner_can_read_it(tmp_path: Path):
    spool = await open_spool(tmp_path / "deep" / "spool")
    await spool.begin("a", b"1")

    assert 0o700 == stat.S_IMODE((tmp_path / "deep" / "spool").stat().st_mode)
    for file in (tmp_path / "deep" / "spool").iterdir():
        assert 0o600 == stat.S_IMODE(file.stat().st_mode), file
    await spool.close()


async def test_a_closed_spool_refuses(tmp_path: Path):
    spool = await open_spool(tmp_path)
    await spool.close()

    with pytest.raises(SpoolBroken):
        await spool.begin("a", b"1")


@pytest.mark.parametrize("moment_s", [0.02, 0.1, 0.3])
async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, moment_s: float):
    with tempfile.TemporaryFile("w+") as err:
        process = started("spool_until_killed", str(tmp_path), "20", stderr=err)
        try:
            assert process.stdin and process.stdout
            process.stdin.write("go\n")
            process.stdin.flush()
            first = process.stdout.readline()
            time.sleep(moment_s)
            process.kill()
            # The last line may be cut off in the middle.
            acknowledged = [line.strip() for line in (first + process.stdout.read()).splitlines(True)]
            acknowledged = [id for id in acknowledged if id]
        finally:
            process.kill()
            process.communicate()

    spool = await open_spool(tmp_path)
    finished = ids(await spool.oldest(1_000_000))
    left = ids(await spool.left_in_flight())
    await spool.close()

    assert len(finished) == len(set(finished))
    assert set() == set(finished) & set(left)
    assert set(acknowledged[:-1]) <= set(finished)
    assert len(left) <= 20


def test_a_full_disk_is_refused_and_what_was_taken_before_stays(tmp_path: Path):
    ended = alone("spool_without_room", str(tmp_path), "400000")

    taken, refused = ended.lines[:-1], int(ended.lines[-1].removeprefix("refused "))
    assert taken and refused, ended

    async def kept() -> list[str]:
        spool = await open_spool(tmp_path)
        found = ids(await spool.left_in_flight())
        await spool.close()
        return found

    assert set(taken) == set(asyncio.run(kept()))


class SpoolMachine(RuleBasedStateMachine):
    """A spool beside the two dictionaries that it should be, opened anew at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.spool = self.runner.run(open_spool(Path(self.folder.name)))
        self.in_flight: dict[str, bytes] = {}
        self.finished: list[tuple[str, bytes]] = []

    def teardown(self) -> None:
        self.runner.run(self.spool.close())
        self.runner.close()
        self.folder.cleanup()

    some_id = st.sampled_from("abcde")
    some_content = st.integers(0, 9).map(lambda number: str(number).encode())

    @rule(id=some_id, content=some_content)
    def begin(self, id: str, content: bytes) -> None:
        self.runner.run(self.spool.begin(id, content))
        self.in_flight.setdefault(id, content)

    @rule(id=some_id, content=some_content)
    def note(self, id: str, content: bytes) -> None:
        self.runner.run(self.spool.note(id, content))
        if id in self.in_flight:
            self.in_flight[id] = content

    @rule(id=some_id, content=some_content)
    def finish(self, id: str, content: bytes) -> None:
        self.runner.run(self.spool.finish(id, content))
        self.in_flight.pop(id, None)
        self.finished.append((id, content))

    @rule(id=some_id)
    def abandon(self, id: str) -> None:
        self.runner.run(self.spool.abandon(id))
        self.in_flight.pop(id, None)

    @rule(
        wishes=st.lists(
            st.tuples(st.sampled_from(["begin", "finish", "abandon"]), some_id), unique_by=lambda wish: wish[1]
        )
    )
    def several_at_once(self, wishes: list[tuple[str, str]]) -> None:
        async def together() -> None:
            await asyncio.gather(
                *(
                    self.spool.abandon(id) if verb == "abandon" else getattr(self.spool, verb)(id, b"7")
                    for verb, id in wishes
                )
            )

        self.runner.run(together())
        for verb, id in wishes:
            if verb == "begin":
                self.in_flight.setdefault(id, b"7")
            else:
                self.in_flight.pop(id, None)
        self.finished += [(id, b"7") for verb, id in wishes if verb == "finish"]

    @precondition(lambda self: self.finished)
    @rule(most=st.integers(1, 4))
    def post(self, most: int) -> None:
        taken = self.runner.run(self.spool.oldest(most))
        self.runner.run(self.spool.oldest(0, posted=taken[-1]))
        del self.finished[: len(taken)]

    @rule()
    def open_anew(self) -> None:
        self.runner.run(self.spool.close())
        self.spool = self.runner.run(open_spool(Path(self.folder.name)))

    @invariant()
    def it_is_what_it_should_be(self) -> None:
        left = self.runner.run(self.spool.left_in_flight())
        finished = self.runner.run(self.spool.oldest(1000))
        figures = self.runner.run(self.spool.figures())

        assert self.in_flight == {entry.id: entry.content for entry in left}
        assert self.finished == [(entry.id, entry.content) for entry in finished]
        assert (len(left), len(finished)) == (figures.in_flight, figures.finished)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = hypothesis_settings(max_examples=15, stateful_step_count=20, deadline=None)
