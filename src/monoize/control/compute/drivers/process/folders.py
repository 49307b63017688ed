"""The folders in which machines of the driver `process` live: one each, named for the machine.

A folder appears whole, by one rename, and so exists once or not at all; it goes the same way. Whether a keeper runs
in it is asked of the kernel. Blocking: called in a thread.
"""

import contextlib
import dataclasses
import datetime as dt
import fcntl
import json
import os
import secrets
import shutil
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

_PASSING: Final = "."
"""What begins so is on its way in or out."""
_NEW: Final = f"{_PASSING}new-"
_UNFINISHED_S: Final = 600
_FLOCK: Final = "hhqqi4x"
_WALKED_MOST: Final = 50_000
_MARK: Final = "MONOIZE_MACHINE_ID="


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """What is kept of a machine, all that its keeper needs."""

    machine_id: str
    argv: Sequence[str]
    env: Mapping[str, str] = dataclasses.field(repr=False)
    port: int
    cpu_millicores: int
    memory_mb: int
    disk_gb: int
    grace_s: float
    epoch: str
    created_at: dt.datetime


class Folders:
    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, machine_id: str) -> Path:
        # A machine's id comes from our own table, but it becomes a path.
        if PurePosixPath(machine_id).name != machine_id or machine_id.startswith(_PASSING):
            raise ValueError("not an id of a machine")
        return self._root / machine_id

    def add(self, made: Made, files: Mapping[str, str]) -> bool:
        """False if there is one already."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget_unfinished()
        new = self._root / f"{_NEW}{secrets.token_hex(8)}"
        try:
            (new / "work").mkdir(mode=0o700, parents=True)
            _write(new, made)
            _write_files(new / "work", files)
            new.rename(self.of(made.machine_id))
        except OSError:
            if self.of(made.machine_id).exists():
                return False
            raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return True

    def change(self, made: Made, files: Mapping[str, str]) -> None:
        folder = self.of(made.machine_id)
        _write(folder, made)
        _write_files(folder / "work", files)

    def read(self, machine_id: str) -> Made | None:
        try:
            said: dict[str, Any] = json.loads((self.of(machine_id) / "machine.json").read_text())
        except FileNotFoundError:
            return None
        return Made(**{**said, "created_at": dt.datetime.fromisoformat(said["created_at"])})

    def usage(self, machine_id: str) -> Mapping[str, Any] | None:
        try:
            said: dict[str, Any] = json.loads((self.of(machine_id) / "usage.json").read_text())
        except FileNotFoundError:
            return None
        return said

    def last_exit(self, machine_id: str) -> int | None:
        try:
            code: int | None = json.loads((self.of(machine_id) / "run.json").read_text())["exit"]
        except FileNotFoundError:
            return None
        return code

    def every(self) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError):
            yield from (entry.name for entry in os.scandir(self._root) if not entry.name.startswith(_PASSING))

    def remove(self, machine_id: str) -> None:
        """Out of the way at once, then gone; what was left of an earlier removal goes too."""
        with contextlib.suppress(FileNotFoundError):
            self.of(machine_id).rename(self._root / f"{_PASSING}gone-{machine_id}-{secrets.token_hex(4)}")
        for old in self._root.glob(f"{_PASSING}gone-{machine_id}-*"):
            shutil.rmtree(old, ignore_errors=True)

    def _forget_unfinished(self) -> None:
        """What somebody was about to make when they were killed."""
        for new in self._root.glob(f"{_NEW}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - new.stat().st_mtime > _UNFINISHED_S:
                    shutil.rmtree(new, ignore_errors=True)

    def keeper(self, machine_id: str) -> int | None:
        """The process that keeps the machine, as the kernel says; None if nobody does."""
        try:
            number = os.open(self.of(machine_id) / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(number, fcntl.F_GETLK, asked))
        finally:
            os.close(number)
        return None if kind == fcntl.F_UNLCK else pid

    def storage_bytes(self, machine_id: str) -> int:
        """What lies in the machine's folder; of very many files only the first are counted."""
        used = walked = 0
        for place, _, names in os.walk(self.of(machine_id)):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    used += os.lstat(os.path.join(place, name)).st_blocks * 512
            walked += len(names)
            if walked > _WALKED_MOST:
                break
        return used

    def free_port(self) -> int:
        """One that nobody listens on and no other machine was given."""
        taken = {made.port for machine_id in self.every() if (made := self.read(machine_id)) is not None}
        while True:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port: int = listener.getsockname()[1]
            if port not in taken:
                return port


def left_behind(machine_id: str) -> Sequence[int]:
    """Processes of a machine whose keeper was killed, known by their environment."""
    mark = f"{_MARK}{machine_id}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    found.append(int(entry))
    return found


def _write(folder: Path, made: Made) -> None:
    content = json.dumps({**dataclasses.asdict(made), "created_at": made.created_at.isoformat()})
    new = folder / ".machine.json"
    # It holds the agent's token.
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(number)
    new.replace(folder / "machine.json")


def _write_files(work: Path, files: Mapping[str, str]) -> None:
    """Their absolute paths are taken within the machine's folder."""
    for path, content in files.items():
        inside = PurePosixPath(path).relative_to("/")
        if ".." in inside.parts:
            raise ValueError(f"{path} leads out of the machine")
        file = work / inside
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
