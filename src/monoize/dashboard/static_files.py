"""Style sheets, scripts and icons. Addresses carry a hash of the content, so browsers may keep them for a year."""

import functools
import hashlib
import re
from pathlib import Path
from typing import Final

from starlette import staticfiles
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Scope

MOUNT: Final = "/static"
_FOLDER: Final = Path(__file__).parent / "static"
_VERSION_CHARS: Final = 12


@functools.cache
def _version(name: str) -> str:
    return hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:_VERSION_CHARS]


def address(name: str) -> str:
    return f"{MOUNT}/{name}?v={_version(name)}"


def is_there(name: str) -> bool:
    """Whether a file was fetched at set-up (`bin/assets`); pages work without those."""
    return (_FOLDER / name).is_file()


@functools.cache
def icons() -> tuple[str, ...]:
    """The names of what icons.svg holds."""
    return tuple(re.findall(r'<symbol id="(\w+)"', (_FOLDER / "icons.svg").read_text()))


class StaticFiles(staticfiles.StaticFiles):
    def __init__(self) -> None:
        super().__init__(directory=_FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        asked = QueryParams(scope["query_string"]).get("v")
        # An address with another version is asked for by a page older or newer than this file.
        lasting = answer.status_code < 400 and asked == _version(path)
        answer.headers["cache-control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return answer
