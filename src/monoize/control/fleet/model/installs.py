"""Install links as text: where they lie, and the one line that somebody runs on a host. Pure."""

import datetime as dt
import re
import shlex
from typing import Final

from monoize.base.urls import canonical_base
from monoize.control.fleet.errors import BaseUrlUnusable

INSTALL_TTL: Final = dt.timedelta(minutes=30)
INSTALL_PATH: Final = "/install/"
BASE_URL_MOST: Final = 200
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:/@\[\]%+-]+")


def installer_base(url: str) -> str:
    """The address that goes into scripts: in its one spelling, and without anything that a shell could read."""
    try:
        base = canonical_base(url)
    except ValueError:
        raise BaseUrlUnusable from None
    if len(base) > BASE_URL_MOST or not _PLAIN.fullmatch(base):
        raise BaseUrlUnusable
    return base


def shell_command(url: str) -> str:
    """Without curl's -f, so that what explains a refusal reaches the shell, which then fails as it should."""
    return f"script=$(curl -sS {shlex.quote(url)}) && printf '%s\\n' \"$script\" | sh"


def key_place(digest: str) -> tuple[str, str, str]:
    """What the sealed key of an install link is bound to."""
    return "install_tokens", "sealed_key", digest
