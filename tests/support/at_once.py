"""Other processes that do something at the same moment, or die in the middle of it.

Each runs one function of `deeds.py`. It says when it is ready and waits for the word, so that several truly start
together.
"""

import contextlib
import tempfile
from pathlib import Path
from typing import IO

from support.forks import Forked, forks
from support.patience import PATIENCE_S
from support.processes import Outcome, environment


def together(*deeds: tuple[str, ...], cwd: Path | None = None) -> list[Outcome]:
    """Do all of them at once; `(name, *arguments)` calls that function of `deeds.py`."""
    with contextlib.ExitStack() as stack:
        errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in deeds]
        running = [started(*deed, stderr=err, cwd=cwd) for deed, err in zip(deeds, errors, strict=True)]
        for process in running:
            stack.callback(process.communicate)
            stack.callback(process.kill)
        for process in running:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return [_ended(process, err) for process, err in zip(running, errors, strict=True)]


def alone(*deed: str, cwd: Path | None = None) -> Outcome:
    return together(deed, cwd=cwd)[0]


def started(name: str, *arguments: str, stderr: IO[str], cwd: Path | None = None) -> Forked:
    """One that waits for the word."""
    process = forks().start("deed", (name, *arguments), cwd=cwd or Path.cwd(), env=environment(), stderr=stderr)
    assert process.stdout
    if process.stdout.readline() != "ready\n":
        stderr.seek(0)
        raise AssertionError(f"the process did not start: {stderr.read()}")
    return process


def _ended(process: Forked, stderr: IO[str]) -> Outcome:
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode is not None
    stderr.seek(0)
    return Outcome(process.returncode, out, stderr.read())
