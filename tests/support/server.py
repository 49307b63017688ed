"""A real server process: started in a folder of its own, asked over TCP, stopped by its process id."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from support.forks import Forked, forks
from support.processes import environment

START_S: Final = 120
STOP_S: Final = 30
LOG_CHARS: Final = 4000
LOGGED_BYTES_MOST: Final = 16 * 1024 * 1024
ARGUMENTS: Final = ("serve", "--port", "0")
SERVE: Final = (sys.executable, "-m", "monoize", *ARGUMENTS)
Process = subprocess.Popen[str] | Forked


class Server:
    """`address`, and `link` when this start offered to make the first account."""

    def __init__(self, process: Process, log: IO[str], started: float) -> None:
        self.process = process
        self._log = log
        self.link: str | None = None
        self.address = self._read_address(started)
        with urllib.request.urlopen(f"{self.address}/healthz", timeout=START_S) as answer:
            assert answer.status == 200
        self.ready_s = time.monotonic() - started
        # The API is loaded beside the start; on a busy machine that takes longer than many clients wait.
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{self.address}/api/nowhere", timeout=START_S).close()

    def read_link(self) -> str:
        """The secret of the printed link; only a house without accounts prints one."""
        while self.link is None:
            self.link = _found(r"/setup\?link=(\w+)", self._line())
        return self.link

    def logged(self) -> str:
        """What it has written to its log so far."""
        # Not by seeking: the server writes where this file's position is.
        return os.pread(self._log.fileno(), LOGGED_BYTES_MOST, 0).decode()

    def stop(self) -> int:
        """Ask it to stop, as a service manager does; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """No goodbye: kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.communicate(timeout=STOP_S)
        return self.process.wait()

    def _read_address(self, started: float) -> str:
        while True:
            address = _found(r"ready at (http://127\.0\.0\.1:\d+)", self._line())
            if address:
                return address
            if time.monotonic() - started > START_S:
                raise AssertionError("the server did not come up in time")

    def _line(self) -> str:
        output: IO[str] | None = self.process.stdout
        assert output is not None
        line = output.readline()
        if not line:
            raise AssertionError(f"the server ended with exit code {self.process.wait()}")
        return line


@contextlib.contextmanager
def serving(
    folder: Path,
    *,
    command: Sequence[str] = SERVE,
    env: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[Server]:
    """A server in `folder` with these MONOIZE_ variables, stopped at the end unless it already was."""

    def start(log: IO[str]) -> Process:
        given = environment(**settings) if env is None else dict(env)
        return subprocess.Popen(command, cwd=folder, env=given, stdout=subprocess.PIPE, stderr=log, text=True)

    with _stopped_at_the_end(start) as server:
        yield server


@contextlib.contextmanager
def forked_server(
    folder: Path,
    *,
    arguments: Sequence[str] = ARGUMENTS,
    env: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[Server]:
    """The same for tests in which it does not matter how a server starts: loading it takes longer than most."""

    def start(log: IO[str]) -> Process:
        given = environment(**settings) if env is None else env
        return forks().start("command", arguments, cwd=folder, env=given, stderr=log)

    with _stopped_at_the_end(start) as server:
        yield server


@contextlib.contextmanager
def _stopped_at_the_end(start: Callable[[IO[str]], Process]) -> Iterator[Server]:
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = start(log)
        try:
            server = Server(process, log, started)
            yield server
            server.stop()
        except AssertionError:
            log.seek(0)
            sys.stderr.write(log.read()[-LOG_CHARS:])
            raise
        finally:
            process.kill()
            process.communicate()


def _found(pattern: str, line: str) -> str | None:
    match = re.search(pattern, line)
    return match[1] if match else None
