"""Machines that are processes: what holds of real ones when keepers die, agents misbehave and counters go on."""

import asyncio
import json
import os
import shlex
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop
from support.machines import BUSY, ProcessPlace, until, until_power

from monoize.control.compute.drivers.process.driver import ProcessDriver
from monoize.control.compute.drivers.process.folders import left_behind
from monoize.control.compute.model.machines import MachineRef, ProviderRefused, Reading, ToRead


@pytest.fixture
def place(process_place: ProcessPlace) -> ProcessPlace:
    return process_place


@pytest.fixture
async def driver(place: ProcessPlace) -> AsyncIterator[ProcessDriver]:
    opened = place.opened()
    yield opened
    for machine in await opened.list():
        await opened.destroy(MachineRef(machine.provider_id))


def script(text: str) -> str:
    return f"sh -c {shlex.quote(text)}"


def running(place: ProcessPlace, machine_id: str) -> dict[str, int]:
    told: dict[str, int] = json.loads((place.root / machine_id / "run.json").read_text())
    return told


async def read(driver: ProcessDriver, ref: MachineRef, before: Reading | None = None) -> Reading:
    return (await driver.read([ToRead(ref, 64, before)]))[ref.machine_id]


async def test_what_is_used_is_counted_over_restarts_and_processes_that_ended(
    place: ProcessPlace, driver: ProcessDriver
) -> None:
    """As the kernel counts it for whoever waits for them, to a tenth of a second."""
    work = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"
    children = f"for n in 1 2 3; do (({work})); done; cat /proc/$$/stat > .stat; mv .stat stat; sleep 1000"
    spec = place.spec(image=script(children))

    await driver.create(spec)
    stat = place.root / spec.machine_id / "work/stat"
    await until(lambda: asyncio.to_thread(stat.exists), bool)
    await driver.stop(spec.ref)
    first = await read(driver, spec.ref)
    ticks = sum(map(int, stat.read_text().rpartition(")")[2].split()[11:15]))

    assert ticks * 10 > 0
    assert abs(first.cpu_ms - ticks * 10) <= 100  # type: ignore[operator]
    stat.unlink()
    await driver.start(spec.ref)
    await until(lambda: asyncio.to_thread(stat.exists), bool)
    await driver.stop(spec.ref)
    second = await read(driver, spec.ref, first)

    assert first.epoch == second.epoch
    assert second.cpu_ms >= first.cpu_ms * 1.5  # type: ignore[operator]
    assert second.memory_mb_seconds >= first.memory_mb_seconds  # type: ignore[operator]
    assert second.storage_bytes > 0  # type: ignore[operator]


async def test_nothing_of_a_machine_is_left_when_it_is_stopped(place: ProcessPlace, driver: ProcessDriver) -> None:
    """Not those who left its session, and not those who do not listen."""
    daemon = "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & "
    spec = place.spec(image=script(f"{daemon}{daemon} sleep 1000 & wait"))
    await driver.create(spec)
    await until(lambda: asyncio.to_thread(left_behind, spec.machine_id), lambda pids: len(pids) >= 5)

    await driver.stop(spec.ref)

    assert [] == left_behind(spec.machine_id)
    assert "stopped" == (await driver.get(spec.ref)).power


async def test_a_killed_keeper_leaves_nobody_who_runs_twice(place: ProcessPlace, driver: ProcessDriver) -> None:
    spec = place.spec(image=script("setsid sleep 1000 & sleep 1000"))
    await driver.create(spec)
    await until(lambda: asyncio.to_thread(left_behind, spec.machine_id), lambda pids: len(pids) == 3)
    orphans = set(left_behind(spec.machine_id))

    os.kill(running(place, spec.machine_id)["keeper"], signal.SIGKILL)
    await until_power(driver, spec.ref, "stopped")
    await driver.start(spec.ref)
    now = await until(lambda: asyncio.to_thread(left_behind, spec.machine_id), lambda pids: len(pids) == 3)

    assert not orphans & set(now)


async def test_an_agent_that_ends_stops_its_machine_and_tells_how(
    place: ProcessPlace, driver: ProcessDriver
) -> None:
    spec = place.spec(image=script("exit 7"))
    await driver.create(spec)

    stopped = await until_power(driver, spec.ref, "stopped")

    assert "ended with 7" == stopped.said


async def test_more_memory_than_it_was_given_ends_it(place: ProcessPlace, driver: ProcessDriver) -> None:
    greedy = "import time; kept = bytearray(150 << 20); time.sleep(1000)"
    spec = place.spec(image=f"python3 -c {shlex.quote(greedy)}", memory_mb=100)
    await driver.create(spec)

    assert "ended with -9" == (await until_power(driver, spec.ref, "stopped")).said


async def test_what_it_says_is_kept_until_it_is_too_much(place: ProcessPlace, driver: ProcessDriver) -> None:
    spec = place.spec(image=script("echo begun; head -c 20000000 /dev/zero; sleep 3; echo still here; sleep 1000"))
    await driver.create(spec)

    output = place.root / spec.machine_id / "output"
    await until(lambda: asyncio.to_thread(output.read_bytes), lambda said: said == b"still here\n")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("no-such-program --x", "no-such-program: No such file or directory"),
        ("/etc/passwd", "Permission denied"),
        ("  ", "not a command line"),
        ("sh -c 'open", "No closing quotation"),
    ],
)
async def test_a_command_that_cannot_be_started_is_refused(
    place: ProcessPlace, driver: ProcessDriver, image: str, said: str
) -> None:
    with pytest.raises(ProviderRefused, match=said):
        await driver.create(place.spec(image=image))


async def test_its_files_are_written_and_its_secrets_are_nobody_elses(
    place: ProcessPlace, driver: ProcessDriver
) -> None:
    spec = place.spec(files={"/etc/agent/soul.md": "be kind"})
    await driver.create(spec)
    folder = place.root / spec.machine_id

    assert "be kind" == (folder / "work/etc/agent/soul.md").read_text()
    assert 0o600 == (folder / "machine.json").stat().st_mode & 0o777
    assert "token-1" not in Path(f"/proc/{running(place, spec.machine_id)['agent']}/cmdline").read_text()
    with pytest.raises(ValueError, match="leads out"):
        await driver.create(place.spec(files={"/../../escaped": "x"}))
    with pytest.raises(ValueError, match="not an id"):
        await driver.create(place.spec("../escaped"))


def test_nothing_that_we_have_open_is_open_in_an_agent(place: ProcessPlace) -> None:
    """Under either event loop: they start processes in ways of their own."""

    async def descriptors() -> list[list[str]]:
        driver = place.opened()
        spec = place.spec(image=script("sleep 1000"))
        kept, ours = os.pipe()
        os.set_inheritable(kept, True)
        try:
            await driver.create(spec)
            told = running(place, spec.machine_id)
            return [os.listdir(f"/proc/{told[who]}/fd") for who in ("agent", "keeper")]
        finally:
            os.close(kept)
            os.close(ours)
            await driver.destroy(spec.ref)

    for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop) as runner:
            agent, keeper = runner.run(descriptors())

        assert {"0", "1", "2"} == set(agent)
        assert len(keeper) <= 5


async def test_each_machine_has_a_port_of_its_own(place: ProcessPlace, driver: ProcessDriver) -> None:
    specs = [place.spec() for _ in range(5)]

    made = await asyncio.gather(*(driver.create(spec) for spec in specs))

    ports = {one.address.rpartition(":")[2] for one in made if one.address}
    assert 5 == len(ports)
    assert ports == {place.environment(spec.machine_id)["MONOIZE_AGENT_PORT"] for spec in specs}


async def test_whoever_left_its_parents_is_counted_while_it_runs(
    place: ProcessPlace, driver: ProcessDriver
) -> None:
    spec = place.spec(image=script(f"(setsid sh -c {shlex.quote(BUSY)} &); sleep 1000"))
    began = time.monotonic()
    await driver.create(spec)

    told = await until(lambda: read(driver, spec.ref), lambda reading: reading.cpu_ms > 300)

    assert told.cpu_ms <= (time.monotonic() - began + 1) * 1000
