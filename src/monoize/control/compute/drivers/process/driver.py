"""Machines that are processes of this computer: the provider that is there everywhere, for development and tests.

**No isolation**: an agent runs as the user who runs Monoize, can read what that user can, and goes around the
proxy if it wants to. Limits hold against accidents only. The preset's image is the command line, which only
operators set; no shell reads it. Machines outlive the control plane; after a reboot they are `stopped`.

Fails as `ProviderRefused` where the command cannot be started, as `ProviderAway` where files or time run out.
"""

import asyncio
import contextlib
import datetime as dt
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.compute.drivers.process import keeper
from monoize.control.compute.drivers.process.folders import Folders, Made, left_behind
from monoize.control.compute.model.environment import environment
from monoize.control.compute.model.machines import (
    ALL_METRICS,
    MachineRef,
    MachineSpec,
    Metric,
    Observed,
    Power,
    ProviderAway,
    ProviderRefused,
    Reading,
    ToRead,
    gone,
    machine_name,
)

NAME: Final = "process"
STOP_GRACE_S: Final = 10.0
_START_WITHIN_S: Final = 20.0
_END_WITHIN_S: Final = 10.0
"""Beyond the agent's grace."""
_ASK_EVERY_S: Final = 0.05
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

P = ParamSpec("P")
T = TypeVar("T")


def is_possible() -> bool:
    """It needs Linux."""
    return Path("/proc/self/stat").exists()


class ProcessDriver:
    name: Final = NAME
    metered: Final[frozenset[Metric]] = ALL_METRICS
    can_update: Final = True

    def __init__(self, root: Path, *, grace_s: float = STOP_GRACE_S) -> None:
        self._folders = Folders(root.absolute())
        self._grace_s = grace_s

    async def create(self, spec: MachineSpec) -> Observed:
        there = await _in_thread(self._folders.read, spec.machine_id)
        if there is None:
            made = await _in_thread(self._make, spec, None)
            await _in_thread(self._folders.add, made, spec.files)
        return await self._started(spec.ref)

    async def update(self, ref: MachineRef, spec: MachineSpec) -> Observed:
        there = await _in_thread(self._folders.read, ref.machine_id)
        if there is None:
            return await self.create(spec)
        made = await _in_thread(self._make, spec, there)
        if made == there:
            return await self._started(ref)
        await self.stop(ref)
        await _in_thread(self._folders.change, made, spec.files)
        return await self._started(ref)

    async def start(self, ref: MachineRef) -> None:
        await self._started(ref)

    async def stop(self, ref: MachineRef) -> None:
        until = time.monotonic() + self._grace_s + _END_WITHIN_S
        asked = False
        while await _in_thread(self._folders.keeper, ref.machine_id) is not None:
            late = time.monotonic() >= until
            if not asked or late:
                await _in_thread(self._signal_keeper, ref.machine_id, signal.SIGKILL if late else signal.SIGTERM)
                asked = True
            if time.monotonic() >= until + _END_WITHIN_S:
                raise ProviderAway(NAME, "the machine's processes do not end")
            await asyncio.sleep(_ASK_EVERY_S)
        await self._sweep(ref.machine_id)

    async def restart(self, ref: MachineRef) -> None:
        await self.stop(ref)
        await self._started(ref)

    async def destroy(self, ref: MachineRef) -> None:
        await self.stop(ref)
        await _in_thread(self._folders.remove, ref.machine_id)

    async def get(self, ref: MachineRef) -> Observed:
        return await _in_thread(self._observe, ref.machine_id) or gone(ref)

    async def list(self) -> Sequence[Observed]:
        return await _in_thread(self._observe_all)

    async def read(self, machines: Sequence[ToRead]) -> Mapping[str, Reading]:
        readings = await _in_thread(lambda: [self._read(machine.ref.machine_id) for machine in machines])
        return {
            machine.ref.machine_id: reading
            for machine, reading in zip(machines, readings, strict=True)
            if reading is not None
        }

    async def close(self) -> None:
        """Nothing is held open: machines live on."""

    async def _started(self, ref: MachineRef) -> Observed:
        if await _in_thread(self._folders.keeper, ref.machine_id) is None:
            await self._sweep(ref.machine_id)
            await self._launch(ref.machine_id)
        observed = await self.get(ref)
        if observed.power == "gone":
            raise ProviderRefused(NAME, "the machine does not exist", "other")
        return observed

    async def _launch(self, machine_id: str) -> None:
        folder = self._folders.of(machine_id)
        if not folder.exists():
            raise ProviderRefused(NAME, "the machine does not exist", "other")
        # Isolated and without site packages: it starts in the time of a shell, and nothing about us leaks into it.
        launcher = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", keeper.__file__, str(folder)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": _PATH, "LANG": "C.UTF-8"},
        )
        try:
            said, _ = await asyncio.wait_for(launcher.communicate(), _START_WITHIN_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                launcher.kill()
            await launcher.wait()
            raise ProviderAway(NAME, "the machine did not start in time") from None
        if launcher.returncode not in (keeper.KEPT, keeper.KEPT_BY_ANOTHER):
            raise ProviderRefused(
                NAME, f"the command cannot be started: {said.decode(errors='replace')}", "invalid"
            )

    async def _sweep(self, machine_id: str) -> None:
        """End what a killed keeper has left behind."""
        until = time.monotonic() + _END_WITHIN_S
        while left := await _in_thread(left_behind, machine_id):
            if time.monotonic() >= until:
                raise ProviderAway(NAME, "the machine's processes do not end")
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_ASK_EVERY_S)

    def _signal_keeper(self, machine_id: str, number: signal.Signals) -> None:
        """Through a handle on the process, so that no other can have got its number meanwhile."""
        with contextlib.suppress(ProcessLookupError):
            pid = self._folders.keeper(machine_id)
            if pid is None:
                return
            handle = os.pidfd_open(pid)
            try:
                if self._folders.keeper(machine_id) == pid:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)

    def _make(self, spec: MachineSpec, there: Made | None) -> Made:
        try:
            argv = shlex.split(spec.image)
        except ValueError as problem:
            raise ProviderRefused(NAME, f"the preset's image is not a command line: {problem}", "invalid") from None
        if not argv:
            raise ProviderRefused(NAME, "the preset's image is not a command line", "invalid")
        port = there.port if there else self._folders.free_port()
        work = self._folders.of(spec.machine_id) / "work"
        ours = {
            "PATH": _PATH,
            "LANG": "C.UTF-8",
            "HOME": str(work),
            "MONOIZE_MACHINE_ID": spec.machine_id,
        }
        return Made(
            machine_id=spec.machine_id,
            argv=argv,
            env={**ours, **environment(spec, this_computer="127.0.0.1", port=port)},
            port=port,
            cpu_millicores=spec.cpu_millicores,
            memory_mb=spec.memory_mb,
            disk_gb=spec.disk_gb,
            grace_s=self._grace_s,
            epoch=there.epoch if there else new_id(),
            created_at=there.created_at if there else utc_now(),
        )

    def _observe(self, machine_id: str) -> Observed | None:
        made = self._folders.read(machine_id)
        if made is None:
            return None
        power, said = self._power(machine_id)
        return Observed(
            provider_id=machine_id,
            name=machine_name(machine_id),
            power=power,
            said=said,
            machine_id=machine_id,
            address=f"127.0.0.1:{made.port}",
            created_at=made.created_at,
        )

    def _power(self, machine_id: str) -> tuple[Power, str]:
        if self._folders.keeper(machine_id) is not None:
            return "running", "running"
        code = self._folders.last_exit(machine_id)
        return "stopped", "stopped" if code is None else f"ended with {code}"

    def _observe_all(self) -> Sequence[Observed]:
        return [seen for machine_id in self._folders.every() if (seen := self._observe(machine_id)) is not None]

    def _read(self, machine_id: str) -> Reading | None:
        made, used = self._folders.read(machine_id), self._folders.usage(machine_id)
        if made is None:
            return None
        return Reading(
            epoch=made.epoch,
            at=dt.datetime.fromtimestamp(used["at"], dt.UTC) if used else made.created_at,
            cpu_ms=used["cpu_ms"] if used else 0,
            memory_mb_seconds=used["memory_mb_seconds"] if used else 0,
            storage_bytes=self._folders.storage_bytes(machine_id),
        )


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as problem:
        raise ProviderAway(NAME, f"{problem.strerror}: {problem.filename}") from problem
