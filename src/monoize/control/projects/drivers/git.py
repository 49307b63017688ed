"""Fetching one commit of a repository with git: arguments and never a shell, only over HTTP(S), bounded throughout.

The builder calls `fetch`. The name in the address is looked up once, and git is held to what was found, so that it
cannot be led to where credentials of the cloud lie. A credential travels in the environment of the process, never
in its arguments. Fails with `GitFailed`, whose message is what git said; cancelled, git and its children end.
"""

import asyncio
import base64
import collections
import contextlib
import ipaddress
import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

Said = Callable[[str], Awaitable[None]]

REPOSITORY_BYTES_MOST: Final = 2 * 1024**3
FETCH_S_MOST: Final = 600.0
_LINE_BYTES_MOST: Final = 65_536
_LAST_LINES: Final = 5
_WATCH_EVERY_S: Final = 1.0
_LOOKUP_S: Final = 10.0
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_CONTROLS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_SETTINGS: Final = {
    "core.hooksPath": "/dev/null",
    "protocol.version": "2",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "fetch.recurseSubmodules": "false",
    "credential.helper": "",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
    "gc.auto": "0",
}


class GitFailed(Exception):
    """Git is not there, was not let in, found nothing, or took more than it may."""


async def fetch(address: str, ref: str, folder: Path, *, credential: str | None, said: Said) -> str:
    """Check `ref` out in the empty `folder`; its commit. The caller has checked `address` and `ref`."""
    settings = {**_SETTINGS, "http.curloptResolve": await _pinned(address)}
    if credential:
        told = base64.b64encode(f"x-access-token:{credential}".encode()).decode()
        settings["http.extraHeader"] = f"Authorization: Basic {told}"
    environment = _environment(folder, settings)
    try:
        async with asyncio.timeout(FETCH_S_MOST):
            await _git(folder, environment, ["init", "--quiet"], said)
            await _git(
                folder,
                environment,
                ["fetch", "--progress", "--depth=1", "--no-tags", "--end-of-options", address, ref],
                said,
            )
            await _git(folder, environment, ["checkout", "--quiet", "--detach", "--force", "FETCH_HEAD"], said)
            commit = await _git(folder, environment, ["rev-parse", "HEAD"], _silently)
    except TimeoutError:
        raise GitFailed(f"git did not finish within {FETCH_S_MOST:.0f} seconds") from None
    return commit[-1]


def _environment(folder: Path, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Nothing of ours, nothing of this machine's configuration of git, and no questions."""
    told = {
        "PATH": _PATH,
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        told[f"GIT_CONFIG_KEY_{number}"] = key
        told[f"GIT_CONFIG_VALUE_{number}"] = value
    return told


async def _pinned(address: str) -> str:
    """HOST:PORT:ADDRESSES for curl. Link-local addresses are where a cloud hands out credentials."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_LOOKUP_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise GitFailed(f"the name {host} is not known") from None
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    for each in addresses:
        meant = each.ipv4_mapped or each if isinstance(each, ipaddress.IPv6Address) else each
        if meant.is_link_local or meant.is_multicast or meant.is_unspecified:
            raise GitFailed(f"{host} lies at an address from which nothing is fetched")
    shown = dict.fromkeys(f"[{each}]" if each.version == 6 else str(each) for each in addresses)
    return f"{host}:{port}:{','.join(shown)}"


async def _git(folder: Path, environment: Mapping[str, str], arguments: Sequence[str], said: Said) -> Sequence[str]:
    """Its last lines."""
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_BYTES_MOST,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise GitFailed("git is not installed on this server") from None
    try:
        async with asyncio.TaskGroup() as together:
            watching = together.create_task(_watch(folder))
            last = await _told(process, said)
            code = await process.wait()
            watching.cancel()
    except* GitFailed as grown:
        raise grown.exceptions[0] from None
    finally:
        # Also its children, which do the talking; and also when nobody waits for it any more.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(process.wait())
    if code != 0:
        raise GitFailed(" · ".join(last) or f"git ended with {code}")
    return last


async def _told(process: asyncio.subprocess.Process, said: Said) -> list[str]:
    """Pass on each line, progress by its end only; keep the last ones."""
    assert process.stdout is not None
    last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
    rest = b""
    while chunk := await process.stdout.read(_LINE_BYTES_MOST):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-_LINE_BYTES_MOST:]
        for line in lines:
            if shown := _shown(line):
                last.append(shown)
                await said(shown)
    if shown := _shown(rest):
        last.append(shown)
        await said(shown)
    return list(last)


def _shown(line: bytes) -> str:
    return _CONTROLS.sub("", line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")).strip()


async def _watch(folder: Path) -> None:
    """GitFailed as soon as the folder holds more than it may."""
    while True:
        await asyncio.sleep(_WATCH_EVERY_S)
        if await asyncio.to_thread(_size, folder) > REPOSITORY_BYTES_MOST:
            raise GitFailed(f"the repository is larger than {REPOSITORY_BYTES_MOST // 1024**2} MiB")


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            # What git has just renamed or removed is not there any more.
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total


async def _silently(_line: str) -> None:
    return
