"""The folder in which captures lie, one file for each request, named by its id.

Files come and go meanwhile: what is gone when it is asked for was never there.
"""

import asyncio
import contextlib
import datetime as dt
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from monoize.contract.captures import SUFFIX
from monoize.control.ledger.model.captures import CaptureFile

_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})" + re.escape(SUFFIX))


class CaptureFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def page(self, *, after: str | None, most: int) -> Sequence[CaptureFile]:
        """Newest first, which is by the ids of requests."""
        return await asyncio.to_thread(self._page, after, most)

    async def read(self, request_id: str) -> bytes | None:
        return await asyncio.to_thread(self.content, request_id)

    async def is_there(self, request_id: str) -> bool:
        """Also asked of requests whose ids are no names of ours: those are in no file."""
        if not _NAME.fullmatch(f"{request_id}{SUFFIX}"):
            return False
        return await asyncio.to_thread(self._path(request_id).exists)

    async def remove(self, request_id: str) -> None:
        await asyncio.to_thread(self._path(request_id).unlink, missing_ok=True)

    def _path(self, request_id: str) -> Path:
        return self._folder / f"{request_id}{SUFFIX}"

    def content(self, request_id: str) -> bytes | None:
        """For whoever runs in a thread already."""
        try:
            return self._path(request_id).read_bytes()
        except FileNotFoundError:
            return None

    def _page(self, after: str | None, most: int) -> Sequence[CaptureFile]:
        try:
            names = [_NAME.fullmatch(name) for name in os.listdir(self._folder)]
        except FileNotFoundError:
            return []
        ids = sorted((name[1] for name in names if name and (after is None or name[1] < after)), reverse=True)
        files = []
        for request_id in ids[:most]:
            with contextlib.suppress(FileNotFoundError):
                about = self._path(request_id).stat()
                kept_at = dt.datetime.fromtimestamp(about.st_mtime, dt.UTC)
                files.append(CaptureFile(request_id, kept_at, about.st_size))
        return files
