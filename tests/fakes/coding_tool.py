"""Somebody else's coding CLI, as far as the courier can tell: it has a version, notes how it was started, and does
what a test wants it to do to its own files.
"""

import os
import shlex
from pathlib import Path
from typing import Final

_PROGRAM: Final = """\
#!/bin/sh
if [ "${1:-}" = --version ]; then
    echo "NAME-cli $(cat FOLDER/version)"
    exit 0
fi
printf '%s\\n' "$@" > FOLDER/arguments
env > FOLDER/environment
echo started >> FOLDER/starts
. FOLDER/deed
"""


class CodingTool:
    def __init__(self, folder: Path, name: str = "codex", version: str = "0.169.0") -> None:
        self.bin = folder / "bin"
        self._folder = folder / "tool"
        self.bin.mkdir(parents=True, exist_ok=True)
        self._folder.mkdir(exist_ok=True)
        self.will("exit 0")
        self.is_version(version)
        program = self.bin / name
        program.write_text(_PROGRAM.replace("NAME", name).replace("FOLDER", shlex.quote(str(self._folder))))
        os.chmod(program, 0o755)

    def will(self, deed: str) -> None:
        """Lines of sh that it runs when it is started; the last one is how it ends."""
        (self._folder / "deed").write_text(deed)

    def is_version(self, version: str) -> None:
        (self._folder / "version").write_text(version)

    @property
    def starts(self) -> int:
        """How often it was really started."""
        return len(self._lines("starts"))

    @property
    def arguments(self) -> list[str]:
        """Of its last start."""
        return self._lines("arguments")

    @property
    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self._lines("environment") if "=" in line)

    def _lines(self, name: str) -> list[str]:
        file = self._folder / name
        return file.read_text().splitlines() if file.exists() else []
