"""The program that keeps one machine of the driver `process`: starts its agent, counts what it uses, ends it.

Run as `python -I keeper.py FOLDER`; standard library only. It leaves the process that started it, so that machines
outlive the control plane. While it lives it holds a lock on FOLDER/lock: whoever asks the kernel who holds it
learns whether the machine runs, and there can be no second keeper. Exit codes of the start: 0 it is kept, 3 another
keeps it already, 1 it cannot be started and standard output says why.

FOLDER/usage.json holds counters since the machine was made; they go on over restarts of the agent. What was used
since the last look, two seconds at most, is lost if the keeper itself is killed. The agent runs as the same user:
this is bookkeeping among friends, no isolation.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

LOOK_EVERY_S = 2.0
TURN_S = 0.1
KEPT, CANNOT_START, KEPT_BY_ANOTHER = 0, 1, 3
FILES_MOST = 4096
PROCESSES_MOST = 512
OUTPUT_BYTES_MOST = 16 * 2**20
NICENESS = 5
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MIB = 2**20


def main(folder: Path) -> int:
    """Become a process of nobody's, and say how that went through a pipe to who started us."""
    # Whatever our parent has open is neither ours nor the agent's: its listeners, its database, its end of a pipe.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    read_end, write_end = os.pipe()
    if os.fork() > 0:
        os.close(write_end)
        said = b"".join(iter(lambda: os.read(read_end, 4096), b""))
        sys.stdout.write(said.decode(errors="replace"))
        return KEPT if said == b"kept" else KEPT_BY_ANOTHER if said == b"another" else CANNOT_START
    os.close(read_end)
    try:
        os.setsid()
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.write(write_end, b"another")
            return KEPT_BY_ANOTHER
        keeper = Keeper(folder)
        keeper.start()
        os.write(write_end, b"kept")
        os.close(write_end)
        _leave_terminal()
    except OSError as problem:
        os.write(write_end, (problem.strerror or "no reason").encode()[:300])
        return CANNOT_START
    keeper.keep()
    return KEPT


class Keeper:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._machine: dict[str, Any] = json.loads((folder / "machine.json").read_text())
        used = _read(folder / "usage.json")
        self._cpu_before_s: float = used.get("cpu_ms", 0) / 1000
        self._cpu_s = self._cpu_before_s
        self._memory_mb_s: float = used.get("memory_mb_seconds", 0)
        self._agent = 0
        self._ended: int | None = None
        self._kill_at: float | None = None
        self._looked_at = time.monotonic()

    def start(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGTERM, self._asked_to_end)
        trouble_read, trouble_write = os.pipe()
        self._agent = os.fork()
        if self._agent == 0:
            try:
                self._become_the_agent()
            except OSError as problem:
                os.write(trouble_write, f"{self._machine['argv'][0][:100]}: {problem.strerror}".encode())
            finally:
                os._exit(127)
        os.close(trouble_write)
        trouble = os.read(trouble_read, 300)
        os.close(trouble_read)
        if trouble:
            os.waitpid(self._agent, 0)
            raise OSError(0, trouble.decode(errors="replace"))
        self._write("run.json", {"keeper": os.getpid(), "agent": self._agent, "exit": None})

    def _become_the_agent(self) -> None:
        machine = self._machine
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.nice(NICENESS)
        os.sched_setaffinity(0, _some_of(sorted(os.sched_getaffinity(0)), -(-machine["cpu_millicores"] // 1000)))
        for limit, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, FILES_MOST),
            # A bound on each process, which reserves more than it uses; all of them together are looked at.
            (resource.RLIMIT_DATA, 2 * machine["memory_mb"] * _MIB),
            (resource.RLIMIT_FSIZE, (machine["disk_gb"] or 1) * 2**30),
        ):
            hard = resource.getrlimit(limit)[1]
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (bound, bound))
        work = self._folder / "work"
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(self._folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(work)
        os.execvpe(machine["argv"][0], machine["argv"], machine["env"])  # noqa: S606

    def keep(self) -> None:
        """Until nobody of the machine is left."""
        while True:
            self._reap()
            now = time.monotonic()
            if self._ended is not None and self._kill_at is None:
                # The agent has gone: what it left behind goes as well.
                self._asked_to_end()
            if now - self._looked_at >= LOOK_EVERY_S or self._kill_at is not None:
                members = self._look(now)
                if self._ended is not None and not members:
                    break
                if self._kill_at is not None and now >= self._kill_at:
                    _signal(members, signal.SIGKILL)
            time.sleep(TURN_S)
        with contextlib.suppress(OSError):
            self._write("run.json", {"keeper": None, "agent": None, "exit": self._ended})

    def _asked_to_end(self, *_: object) -> None:
        if self._kill_at is None:
            grace_s = float(self._machine["grace_s"])
            self._kill_at = time.monotonic() + (grace_s if self._ended is None else 0)
            _signal(_descendants(), signal.SIGTERM)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._agent:
                self._ended = os.waitstatus_to_exitcode(status)

    def _look(self, now: float) -> list[int]:
        """Who belongs to the machine; what they use is written down. Too much, or too many, ends it at once."""
        members = _descendants()
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = self._cpu_before_s + ended.ru_utime + ended.ru_stime + sum(map(_cpu_s, members))
        # One that ended while we looked may be missing this once; a counter never runs backwards.
        self._cpu_s = max(self._cpu_s, cpu_s)
        memory_mb = sum(map(_memory_bytes, members)) / _MIB
        self._memory_mb_s += memory_mb * (now - self._looked_at)
        self._looked_at = now
        if memory_mb > self._machine["memory_mb"] or len(members) > PROCESSES_MOST:
            self._kill_at = now
        figures = {
            "epoch": self._machine["epoch"],
            "at": time.time(),
            "cpu_ms": round(self._cpu_s * 1000),
            "memory_mb_seconds": round(self._memory_mb_s),
        }
        # A disk may be full for a while: the next look writes what this one could not.
        with contextlib.suppress(OSError):
            self._write("usage.json", figures)
            self._bound_output()
        return members

    def _bound_output(self) -> None:
        """It begins anew rather than grow: the agent appends, and does not notice."""
        output = self._folder / "output"
        if output.stat().st_size > OUTPUT_BYTES_MOST:
            os.truncate(output, 0)

    def _write(self, name: str, content: dict[str, Any]) -> None:
        new = self._folder / f".{name}"
        new.write_text(json.dumps(content))
        os.replace(new, self._folder / name)


def _some_of(cpus: list[int], wanted: int) -> list[int]:
    """So many of them, not the same for every machine."""
    first = os.getpid() % len(cpus)
    return (cpus[first:] + cpus[:first])[: max(1, wanted)]


def _leave_terminal() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content


def _descendants() -> list[int]:
    """All below this process. Nobody can leave: an orphan becomes our own child, since we are the subreaper."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            stat = _stat(int(entry))
            # A zombie uses nothing more, and counts as ended once it is reaped.
            if stat and stat[0] != "Z":
                parents[int(entry)] = int(stat[1])
    members: set[int] = {os.getpid()}
    found = True
    while found:
        below = {pid for pid, parent in parents.items() if parent in members} - members
        members |= below
        found = bool(below)
    return sorted(members - {os.getpid()})


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; nothing if it has gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode().split()
    except OSError:
        return []


def _cpu_s(pid: int) -> float:
    """Its own time and that of its children who have ended."""
    stat = _stat(pid)
    return sum(map(int, stat[11:15])) * _TICK_S if stat else 0


def _memory_bytes(pid: int) -> int:
    """What is its own; pages that it shares with others are not counted."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _, resident, shared = map(int, file.read().split()[:3])
    except (OSError, ValueError):
        return 0
    return max(0, resident - shared) * _PAGE_BYTES


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
