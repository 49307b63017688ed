"""The real command, run as people and scripts run it: a process of its own, with or without a terminal."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from support.forks import forks
from support.processes import Outcome, environment

RUN_S: Final = 60
COMMAND: Final = (sys.executable, "-m", "monoize")


class CommandLine:
    """Somebody with a home and a profile file of their own, which `profiles` is."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.profiles = home / "config" / "profiles.toml"
        own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "xdg"), "MONOIZE_PROFILES": str(self.profiles)}
        self._environment = environment(**own, **variables)

    def run(self, *arguments: str, stdin: str = "", **variables: str) -> Outcome:
        env = self._environment | variables
        done = forks().run(arguments, stdin=stdin, cwd=self.home, env=env, within_s=RUN_S)
        assert "Traceback" not in done.err, done.err
        return done

    def does(self, *arguments: str, stdin: str = "", **variables: str) -> Outcome:
        """Run what is expected to succeed."""
        done = self.run(*arguments, stdin=stdin, **variables)
        assert done.code == 0, done.err
        return done

    def json(self, *arguments: str, stdin: str = "") -> Any:
        return json.loads(self.does(*arguments, "--json", stdin=stdin).out)

    def on_terminal(self, *arguments: str) -> "Terminal":
        return Terminal([*COMMAND, *arguments], self.home, self._environment)


class Terminal:
    """The command in front of somebody who reads stderr and types."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self._seen = ""
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            cwd=folder,
            env=env,
            start_new_session=True,
            # Whoever runs the tests in the background has it ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(theirs)

    def expect(self, words: str) -> "Terminal":
        until = time.monotonic() + RUN_S
        while words not in self._seen:
            assert time.monotonic() < until, self._seen
            assert self._read(), self._seen
        return self

    def type(self, text: str) -> "Terminal":
        os.write(self._ours, f"{text}\n".encode())
        return self

    def interrupt(self) -> "Terminal":
        """As often as it takes: Python does not see one that comes just before it begins to read."""
        until = time.monotonic() + RUN_S
        while self._process.poll() is None:
            assert time.monotonic() < until, self._seen
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
        return self

    def end(self) -> tuple[int, str]:
        """(exit code, everything that stood on the terminal)."""
        while self._read():
            pass
        os.close(self._ours)
        return self._process.wait(RUN_S), self._seen

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], RUN_S)
        assert ready, self._seen
        try:
            chunk = os.read(self._ours, 4096)
        except OSError:
            return False
        self._seen += chunk.decode()
        return bool(chunk)
