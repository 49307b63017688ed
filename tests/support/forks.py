"""Runs the command in processes that are forked from one which has loaded it already.

Each run is a process of its own, with its own input, output, folder and environment, as people have it. Only
loading, which takes most of the time of most runs, is done once. This file is also that process:
`python -m support.forks SOCKET`.
"""

import atexit
import functools
import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from support.processes import TESTS, Outcome, environment

LISTENING_MOST: Final = 64
_SPEC_BYTES_MOST: Final = 1 << 20


@functools.cache
def forks() -> "Forks":
    """Those of this process, for as long as it lives."""
    made = Forks()
    atexit.register(made.close)
    return made


class Forks:
    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp()
        self._path = f"{self._folder}/forks"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.forks", self._path],
            stdout=subprocess.PIPE,
            env=environment(PYTHONPATH=str(TESTS)),
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def run(
        self, arguments: Sequence[str], *, stdin: str, cwd: Path, env: Mapping[str, str], within_s: float
    ) -> Outcome:
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            socket.socket(socket.AF_UNIX) as line,
        ):
            given.write(stdin.encode())
            given.seek(0)
            line.settimeout(within_s)
            line.connect(self._path)
            spec = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
            files = [given.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(line, [len(spec).to_bytes(4, "big")], files)
            line.sendall(spec)
            code = json.loads(line.makefile().readline())
            out.seek(0)
            err.seek(0)
            return Outcome(code, out.read().decode(), err.read().decode())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder)


def main(path: str) -> None:
    import httpx2  # noqa: F401 - what nearly every command loads, loaded once for all
    import yaml  # noqa: F401

    import monoize.cli.app
    import monoize.main.schema
    import monoize.main.server  # noqa: F401

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(LISTENING_MOST)
    # What is here already is never looked at again, and so stays shared.
    gc.freeze()
    print("ready", flush=True)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _watch(line)
        line.close()
        # Of the earlier ones, whoever has ended.
        while _reaped():
            pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _watch(line: socket.socket) -> NoReturn:
    """Has it run by a child of its own, and says how that ended."""
    length, files, _, _ = socket.recv_fds(line, 4, 3)
    spec: dict[str, Any] = json.loads(line.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL))
    child = os.fork()
    if child == 0:
        line.close()
        _become(files, spec)
    _, status = os.waitpid(child, 0)
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(files: Sequence[int], spec: dict[str, Any]) -> NoReturn:
    """The process that `python -m monoize` would be."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.environ.clear()
    os.environ.update(spec["env"])
    os.chdir(spec["cwd"])
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv[1:] = spec["arguments"]
    from monoize.cli.app import main as command

    command()


if __name__ == "__main__":
    main(sys.argv[1])
