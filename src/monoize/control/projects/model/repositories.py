"""Where source code comes from: which addresses, branches and paths of a repository are taken; how they compare."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

URL_MOST: Final = 512
REF_MOST: Final = 255
PATH_MOST: Final = 255
_HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_PATH: Final = r"[A-Za-z0-9._~/+-]{1,400}"
_WEB: Final = re.compile(rf"https?://{_HOST}(?::[0-9]{{1,5}})?/{_PATH}")
_SCP: Final = re.compile(rf"[A-Za-z0-9._-]{{1,64}}@({_HOST}):({_PATH})")
_SSH: Final = re.compile(rf"ssh://(?:[A-Za-z0-9._-]{{1,64}}@)?({_HOST})(?::[0-9]{{1,5}})?/({_PATH})")
_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}")
_REF_NEVER: Final = re.compile(r"\.\.|//|/\.|\.lock(/|$)|[/.]$")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*|\.[A-Za-z0-9_][A-Za-z0-9._+-]*")
_BUILD_ARGUMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SOUNDS_SECRET: Final = re.compile(r"(?i)password|passwd|secret|token|credential|api_?key|private_?key")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Where a service is built from."""

    service_id: int
    repository: str
    branch: str
    context: str
    dockerfile: str
    build_args: Mapping[str, str]
    auto_deploy: bool
    has_credential: bool


def clone_url(text: str) -> str:
    """An address that git may fetch from; ValueError for any other. Credentials are kept apart from it."""
    if len(text) > URL_MOST or not _WEB.fullmatch(text) or "/../" in f"{text}/" or "/./" in f"{text}/":
        raise ValueError("must be https://HOST/PATH, without a name or a password in it")
    try:
        port = urlsplit(text).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("has a port that is none")
    return text


def repository_key(address: str) -> str | None:
    """One spelling of the same repository, however it is addressed; None for what is no address."""
    if _WEB.fullmatch(address):
        parts = urlsplit(address)
        try:
            port = parts.port
        except ValueError:
            return None
        host = parts.hostname or ""
        if port and port != _DEFAULT_PORTS[parts.scheme]:
            host = f"{host}:{port}"
        path = parts.path
    elif found := _SSH.fullmatch(address) or _SCP.fullmatch(address):
        host, path = found[1], found[2]
    else:
        return None
    return f"{host}/{path.strip('/').removesuffix('.git')}".lower()


def git_ref(text: str) -> str:
    """A branch, tag or commit; ValueError for what git would refuse, or could take for an option."""
    if not _REF.fullmatch(text) or _REF_NEVER.search(text):
        raise ValueError("must be a branch, a tag or a commit")
    return text


def is_commit(text: str) -> bool:
    return _COMMIT.fullmatch(text) is not None


def inner_path(text: str) -> str:
    """A path within the repository: relative, without a way out; `.` is all of it."""
    parts = [part for part in text.split("/") if part != "."]
    if len(text) > PATH_MOST or text.startswith("/") or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("must be a path within the repository, without ..")
    return "/".join(parts) or "."


def build_argument(name: str) -> str:
    """ValueError for a name that is none, or that announces a secret: arguments stay readable in the image."""
    if not _BUILD_ARGUMENT.fullmatch(name):
        raise ValueError("must be a name of letters, digits and _")
    if _SOUNDS_SECRET.search(name):
        raise ValueError("sounds like a secret, and arguments of a build stay readable in its image")
    return name
