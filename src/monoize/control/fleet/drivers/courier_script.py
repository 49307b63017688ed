"""The courier as hosts get it: the one file of this installation, read once."""

import dataclasses
import datetime as dt
import functools
import hashlib
from importlib import resources
from pathlib import Path
from typing import Final

import monoize

_FILE: Final = ("courier", "courier.py")


@dataclasses.dataclass(frozen=True, slots=True)
class CourierScript:
    version: str
    sha256: str
    updated_at: dt.datetime
    text: bytes = dataclasses.field(repr=False)


@functools.cache
def courier_script() -> CourierScript:
    with resources.as_file(resources.files(monoize).joinpath(*_FILE)) as path:
        return _read(path)


def _read(path: Path) -> CourierScript:
    text = path.read_bytes()
    updated_at = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    return CourierScript(monoize.__version__, hashlib.sha256(text).hexdigest(), updated_at, text)
