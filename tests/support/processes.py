"""Other processes that do something at the same moment, or die in the middle of it.

Each is a real Python process running one function of `deeds.py`. It says when it is ready and waits for the word,
so that several truly start together.
"""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
_WAIT_S: Final = 60


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def environment(**changes: str) -> dict[str, str]:
    """What a process of ours inherits: nothing that would change its settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MONOIZE_", "DATABASE_"))}
    return kept | changes


def together(*deeds: tuple[str, ...], cwd: Path | None = None) -> list[Outcome]:
    """Do all of them at once; `(name, *arguments)` calls that function of `deeds.py`."""
    running = [_started(deed, cwd) for deed in deeds]
    try:
        for process in running:
            assert process.stdout
            if process.stdout.readline() != "ready\n":
                raise AssertionError(f"the process did not start: {process.communicate()[1]}")
        for process in running:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return [_ended(process) for process in running]
    finally:
        for process in running:
            process.kill()
            process.communicate()


def alone(*deed: str, cwd: Path | None = None) -> Outcome:
    return together(deed, cwd=cwd)[0]


def _started(deed: tuple[str, ...], cwd: Path | None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "support.deeds", *deed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(PYTHONPATH=str(TESTS)),
    )


def _ended(process: subprocess.Popen[str]) -> Outcome:
    out, err = process.communicate(timeout=_WAIT_S)
    return Outcome(process.returncode, out, err)
