"""Processes of ours that are forked from one which has loaded everything already.

Each is a process of its own, with its own input, output, folder and environment, as people have it. Only loading,
which takes most of the time of most of them, is done once. They end when their program has ended: what Python
tidies up after that takes longer than most commands. This file is also the process that forks:
`python -m support.forks SOCKET`.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, NoReturn

from support.processes import TESTS, Outcome, environment

LISTENING_MOST: Final = 64
LOADED: Final = (
    *("httpcore2", "httpx2", "yaml", "support.deeds"),
    *("monoize.cli.app", "monoize.main.schema", "monoize.main.server", "monoize.main.application"),
    # What a server loads beside its start.
    *("monoize.control.app", "monoize.dashboard.app"),
)
"""What nearly everybody here loads."""
_NUMBER_BYTES: Final = 4


class Ends(NamedTuple):
    """What are to be its input, output and error output."""

    stdin: int
    stdout: int
    stderr: int


class Forked:
    """A running one; like a `subprocess.Popen`, as far as anybody needs that. It dies with whoever started it.

    What it writes and nobody reads has to fit into a pipe.
    """

    def __init__(self, line: socket.socket, stdin: IO[str] | None, stdout: IO[str] | None) -> None:
        self.stdin, self.stdout = stdin, stdout
        self.returncode: int | None = None
        self._line = line
        self.pid = self._number()

    def poll(self) -> int | None:
        with contextlib.suppress(BlockingIOError):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._line.settimeout(timeout)
            self.returncode = self._number()
            self._line.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        if self.stdin:
            self.stdin.close()
        self.wait(timeout)
        if self.stdout is None or self.stdout.closed:
            return "", ""
        with self.stdout:
            return self.stdout.read(), ""

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            # It may have ended, and whoever forked it may be about to say so.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        said = self._line.recv(_NUMBER_BYTES, socket.MSG_WAITALL)
        assert said, "the process that forks has ended"
        return int.from_bytes(said, "big", signed=True)


class Forks:
    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp()
        self._path = f"{self._folder}/forks"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.forks", self._path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(
                PYTHONPATH=os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
            ),
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def run(
        self, arguments: Sequence[str], *, stdin: str, cwd: Path, env: Mapping[str, str], within_s: float
    ) -> Outcome:
        """A command, from its beginning to its end."""
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin.encode())
            given.seek(0)
            ends = Ends(given.fileno(), out.fileno(), err.fileno())
            code = Forked(self._asked("command", arguments, cwd, env, ends), None, None).wait(within_s)
            out.seek(0)
            err.seek(0)
            return Outcome(code, out.read().decode(), err.read().decode())

    def start(
        self, program: str, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stderr: IO[str]
    ) -> Forked:
        """One of PROGRAMS, whose input and output are pipes."""
        given, stdin = os.pipe()
        stdout, said = os.pipe()
        try:
            line = self._asked(program, arguments, cwd, env, Ends(given, said, stderr.fileno()))
        finally:
            os.close(given)
            os.close(said)
        return Forked(line, open(stdin, "w"), open(stdout))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder)

    def _asked(
        self, program: str, arguments: Sequence[str], cwd: Path, env: Mapping[str, str], ends: Ends
    ) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.connect(self._path)
        spec = json.dumps({"program": program, "arguments": list(arguments), "cwd": str(cwd), "env": dict(env)})
        socket.send_fds(line, [len(spec).to_bytes(_NUMBER_BYTES, "big")], ends)
        line.sendall(spec.encode())
        return line


@functools.cache
def forks() -> Forks:
    """Those of this process, for as long as it lives."""
    made = Forks()
    atexit.register(made.close)
    return made


def _command(arguments: Sequence[str]) -> None:
    from monoize.cli.app import main as command

    sys.argv[1:] = arguments
    command()


def _deed(arguments: Sequence[str]) -> None:
    from support import deeds

    deeds.main(*arguments)


PROGRAMS: Final[dict[str, Callable[[Sequence[str]], None]]] = {"command": _command, "deed": _deed}


class _Forking:
    """Forks whoever is asked for, and says how each has ended."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._events = selectors.DefaultSelector()
        self._events.register(listener, selectors.EVENT_READ, self._fork)
        # Nothing is said there: it becomes readable when the tests have ended, however they did.
        self._events.register(sys.stdin, selectors.EVENT_READ, self._end)
        self._children: set[int] = set()

    def run(self) -> NoReturn:
        while True:
            for key, _ in self._events.select():
                key.data()

    def _fork(self) -> None:
        line, _ = self._listener.accept()
        length, files, _, _ = socket.recv_fds(line, _NUMBER_BYTES, len(Ends._fields))
        spec = json.loads(line.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL))
        child = os.fork()
        if child == 0:
            self._close()
            line.close()
            _become(files, spec)
        for file in files:
            os.close(file)
        self._children.add(child)
        watched = os.pidfd_open(child)
        line.sendall(child.to_bytes(_NUMBER_BYTES, "big"))
        self._events.register(watched, selectors.EVENT_READ, functools.partial(self._ended, child, watched, line))
        # Nothing more is said on it: it becomes readable when whoever asked has gone.
        self._events.register(line, selectors.EVENT_READ, functools.partial(self._left, child, line))

    def _ended(self, child: int, watched: int, line: socket.socket) -> None:
        _, status = os.waitpid(child, 0)
        self._children.remove(child)
        self._events.unregister(watched)
        os.close(watched)
        if line.fileno() in self._events.get_map():
            self._events.unregister(line)
            with contextlib.suppress(BrokenPipeError):
                line.sendall(os.waitstatus_to_exitcode(status).to_bytes(_NUMBER_BYTES, "big", signed=True))
            line.close()

    def _left(self, child: int, line: socket.socket) -> None:
        self._events.unregister(line)
        line.close()
        os.kill(child, signal.SIGKILL)

    def _end(self) -> NoReturn:
        for child in self._children:
            os.kill(child, signal.SIGKILL)
        sys.exit()

    def _close(self) -> None:
        """All of it, in a child, which has nothing to do with the others."""
        for key in list(self._events.get_map().values()):
            os.close(key.fd)
        self._events.close()


def _become(files: Sequence[int], spec: dict[str, Any]) -> NoReturn:
    """The process that this program would be."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.environ.clear()
    os.environ.update(spec["env"])
    os.chdir(spec["cwd"])
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    code = _run(spec["program"], spec["arguments"])
    for output in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            output.flush()
    os._exit(code)


def _run(program: str, arguments: Sequence[str]) -> int:
    """Its exit code, as Python makes it of how the program ends."""
    try:
        PROGRAMS[program](arguments)
    except SystemExit as ended:
        if not isinstance(ended.code, str):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001 - said as Python says it
        traceback.print_exc()
        return 1
    return 0


def main(path: str) -> None:
    for name in LOADED:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(LISTENING_MOST)
        # What is here already is never looked at again, and so stays shared.
        gc.freeze()
        print("ready", flush=True)
        _Forking(listener).run()


if __name__ == "__main__":
    main(sys.argv[1])
