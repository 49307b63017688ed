"""Captures: what a request asked, what channels were sent and answered, and what its caller was told, in a file.

Kept for keys that ask for it, where the operator has switched captures on. What is kept waits in memory until the
request is over and is written by the clock: no request ever waits for it, and none changes because of it. What is
too much is left out, and the file says how much that was; what cannot be written is dropped and counted.
"""

import asyncio
import contextlib
import os
import time
from collections import deque
from pathlib import Path
from typing import Final

import structlog

from monoize.contract.captures import SUFFIX
from monoize.contract.events import Charged
from monoize.contract.gates.telling import level_of
from monoize.gateway.job import Job
from monoize.gateway.recording import Recording, document_of

log = structlog.get_logger(__name__)

WAITING_MOST: Final = 64
"""Requests that are over and not written yet."""
MEMORY_MOST: Final = 256 * 2**20
"""Of all requests together, whether they are over or not."""
FOLDER_MOST: Final = 2**30
FILES_MOST: Final = 20_000
SWEEP_EVERY_S: Final = 300.0
WRITE_EVERY_S: Final = 0.2


class Captures:
    """`run` is called by the clock and writes what waits, `close` writes the rest."""

    def __init__(self, folder: Path, *, retention_s: float, folder_most: int = FOLDER_MOST) -> None:
        self._folder = folder
        self._retention_s = retention_s
        self.folder_most = folder_most
        self._folder_size = 0
        self._files = 0
        self._sweeps_at_s = 0.0
        self._waiting: deque[Recording] = deque()
        self._memory = 0
        self._is_troubled = False
        self.written = 0
        self.dropped = 0

    def begins(self, job: Job) -> Recording | None:
        governed = job.grant.governed
        if job.grant.capture == "off" or (governed is not None and level_of(governed.policy) != "metadata"):
            return None
        return Recording(job, self.grants_room)

    def ended(self, recording: Recording) -> None:
        job = recording.job
        wanted = job.grant.capture == "capture-all" or (job.charged is not None and is_abnormal(job.charged))
        if wanted and len(self._waiting) < WAITING_MOST:
            self._waiting.append(recording)
            return
        self.dropped += wanted
        self._memory -= recording.size

    def grants_room(self, size: int) -> int:
        """How much of so many bytes may be kept."""
        granted = max(0, min(size, MEMORY_MOST - self._memory))
        self._memory += granted
        return granted

    async def run(self) -> None:
        if time.monotonic() >= self._sweeps_at_s:
            await self.sweep()
        while self._waiting:
            recording = self._waiting.popleft()
            try:
                await asyncio.to_thread(self._write, recording)
            finally:
                self._memory -= recording.size

    async def sweep(self) -> None:
        self._sweeps_at_s = time.monotonic() + SWEEP_EVERY_S
        await asyncio.to_thread(self._sweep)

    async def close(self) -> None:
        await self.run()

    def _write(self, recording: Recording) -> None:
        try:
            content = document_of(recording)
            if self._folder_size + len(content) > self.folder_most or self._files >= FILES_MOST:
                raise OSError("as much is kept as may be")
            _put(self._folder, recording.job.exchange.request_id, content)
        except Exception as problem:  # The last rung: one that cannot be written must not hold up the others.
            self.dropped += 1
            if not self._is_troubled:
                log.exception("captures_dropped", folder=str(self._folder), problem=str(problem))
            self._is_troubled = True
            return
        self._is_troubled = False
        self._folder_size += len(content)
        self._files += 1
        self.written += 1

    def _sweep(self) -> None:
        """Forget what is old, and see how much is left. What is wrong with the folder, a write will tell."""
        files, size, oldest_s = 0, 0, time.time() - self._retention_s
        with contextlib.suppress(OSError), os.scandir(self._folder) as found:
            for file in found:
                with contextlib.suppress(OSError):
                    about = file.stat(follow_symlinks=False)
                    if about.st_mtime < oldest_s:
                        os.unlink(file.path)
                    else:
                        files, size = files + 1, size + about.st_size
        self._files, self._folder_size = files, size


def is_abnormal(charged: Charged) -> bool:
    """A channel failed, or did not say what was used, or says that nothing was."""
    about = charged.log
    if about is None or about.cache_hit:
        return False
    has_failed = about.status == "error" or '"status"' in about.tried_providers_json
    return has_failed or charged.is_estimated or not (about.input_tokens or about.output_tokens)


def _put(folder: Path, request_id: str, content: bytes) -> None:
    """All of it or nothing, for the eyes of its owner."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    growing = folder / f".{request_id}"
    with open(os.open(growing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    growing.rename(folder / f"{request_id}{SUFFIX}")
