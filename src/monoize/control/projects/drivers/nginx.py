"""A running nginx: its folder, its programs, and the proof that it serves what it was told to serve.

The folder holds every generation of the configuration under its own name, and a link to the one in force. nginx is
a daemon of its own, so that routes are served whatever becomes of us: a later start of Monoize finds it again.
Neither `nginx -t` nor a reload says whether a configuration is in force (both succeed while a port is taken by
somebody else), so after each reload nginx is asked for its generation.

Used by the proxy, one call at a time. Fails with `NginxTrouble`, whose words are nginx's own where it said any.
"""

import asyncio
import contextlib
import dataclasses
import fcntl
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx2

from monoize.control.projects.model.addresses import CHALLENGES
from monoize.control.projects.model.nginx_config import GENERATION_PATH, MAIN, SITES, Flavour, Listening, Rendered

COMMAND_S: Final = 15
PROOF_S: Final = 5
_PROBE_S: Final = 1
_POLL_S: Final = 0.02
_FROM_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_LOCK_POLL_S: Final = 0.05
_LEAVING_POLL_S: Final = 0.005
_LOG_READ_MOST: Final = 65_536
# A port that is taken is tried again for a while; any other trouble ends a reload at once.
_TRIES_AGAIN: Final = "bind()"
_GAVE_UP: Final = "still could not bind"
_SAID_CHARS_MOST: Final = 2_000
_LOG_BYTES_MOST: Final = 10_000_000
_LEAST_VERSION: Final = (1, 19, 4)
"""The first that can refuse a handshake for a name that it does not serve."""
_TEMP_PARTS: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_GENERATION: Final = re.compile(r"[0-9a-f]{64}")
_SHOWN: Final = re.compile(r"certs/([0-9a-f]{64})\.pem;")


class NginxTrouble(Exception):
    """nginx did not do what it was asked to do."""


class Nginx:
    def __init__(self, program: str, folder: Path, probe_port: int) -> None:
        self._program = program
        self._folder = folder.absolute()
        self._probe = f"http://127.0.0.1:{probe_port}{GENERATION_PATH}"
        self._flavour: Flavour | None = None

    async def flavour(self) -> Flavour:
        """What this build can do; asked once."""
        if self._flavour is None:
            code, said = await self._run("-V")
            flavour = _flavour(code, said)
            # Its workers are somebody else then, who may have no way through the folders above this one.
            reachable = os.geteuid() != 0 or all(folder.stat().st_mode & 1 for folder in self._folder.parents)
            self._flavour = flavour if reachable else dataclasses.replace(flavour, temp_paths=())
        return self._flavour

    async def check(self, rendered: Rendered, keys: Mapping[str, tuple[str, str]]) -> None:
        """Put a generation with its certificates beside the others, and let nginx read all of it."""
        with _written():
            await asyncio.to_thread(self._write, rendered, keys)
        code, said = await self._run("-t", "-c", f"generations/{rendered.generation}/{MAIN}")
        if code != 0:
            await asyncio.to_thread(shutil.rmtree, self._generation(rendered.generation), ignore_errors=True)
            raise NginxTrouble(said[:_SAID_CHARS_MOST])

    async def enforce(self, generation: str) -> None:
        """Make a generation that was checked the one that is served, proven; otherwise all is as before."""
        before, log_from = self._current(), self._log_end()
        workers = await asyncio.to_thread(self._accepting)
        with _written():
            await asyncio.to_thread(self._point_at, generation)
        try:
            await self._reload_or_start()
            await self._prove(generation, log_from)
            await self._await_leaving(workers)
        except NginxTrouble:
            if before is not None and before != generation:
                with _written():
                    await asyncio.to_thread(self._point_at, before)
                # It never left the old one, unless the proof merely came too late.
                with contextlib.suppress(NginxTrouble):
                    await self._reload_or_start()
            raise

    async def served(self) -> str | None:
        """The generation in force, by its own word; None where nobody answers."""
        async with _asking() as client:
            return await self._ask(client)

    async def challenge(self, listening: Listening, domain: str, token: str) -> str | None:
        """What it answers to a certificate authority that asks for a token of this domain."""
        host = _FROM_HERE.get(listening.addresses[0], listening.addresses[0])
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listening.http_port}{CHALLENGES}/{token}"
        async with _asking() as client:
            try:
                answer = await client.get(url, headers={"host": domain})
            except httpx2.HTTPError:
                return None
        return answer.text if answer.status_code == 200 else None

    def is_running(self) -> bool:
        return self._master() is not None

    def points_at(self, generation: str) -> bool:
        """Whether an nginx that is started now would serve this one."""
        return self._current() == generation

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Nobody else, in no other process, changes this folder meanwhile."""
        with _written():
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / "lock").open("w")
        with lock:
            until = time.monotonic() + COMMAND_S
            while not _taken(lock.fileno()):
                if time.monotonic() > until:
                    raise NginxTrouble("another process is changing its configuration")
                await asyncio.sleep(_LOCK_POLL_S)
            yield

    async def prune(self, kept: Collection[str]) -> None:
        """Take away generations that nobody returns to, and certificates that none of the others shows."""
        with _written():
            await asyncio.to_thread(self._prune, frozenset(kept))

    def reopen_large_log(self) -> None:
        """The error log of nginx has a bound; one older part of it is kept."""
        log = self._folder / "logs" / "error.log"
        master = self._master()
        if master is None or not log.exists() or log.stat().st_size < _LOG_BYTES_MOST:
            return
        log.replace(log.with_suffix(".log.1"))
        os.kill(master, signal.SIGUSR1)

    def _generation(self, generation: str) -> Path:
        assert _GENERATION.fullmatch(generation)
        return self._folder / "generations" / generation

    def _current(self) -> str | None:
        try:
            return (self._folder / "current").readlink().name
        except OSError:
            return None

    def _master(self) -> int | None:
        """The process that our pid file names, if it is the nginx of this folder and not a later stranger."""
        try:
            pid = int((self._folder / "nginx.pid").read_text("ascii"))
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid, b"nginx: master process") else None

    def _is_ours(self, pid: int, title: bytes) -> bool:
        try:
            told = Path(f"/proc/{pid}/cmdline").read_bytes()
            return told.startswith(title) and Path(f"/proc/{pid}/cwd").readlink() == self._folder.resolve()
        except OSError:
            return False

    def _accepting(self) -> frozenset[int]:
        """The workers that take new connections; those that only finish what they have say so in their title."""
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
        return frozenset(pid for pid in pids if self._accepts(pid))

    def _accepts(self, pid: int) -> bool:
        leaving = self._is_ours(pid, b"nginx: worker process is shutting down")
        return not leaving and self._is_ours(pid, b"nginx: worker process")

    def _dismiss_orphans(self) -> None:
        """Workers whose master was killed serve on, deaf to everybody, and hold the ports that a new one needs."""
        for pid in self._accepting():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)

    async def _await_leaving(self, workers: Collection[int]) -> None:
        """For a moment after the new ones have come the old ones still take connections."""
        until = time.monotonic() + COMMAND_S
        while any(map(self._accepts, workers)):
            if time.monotonic() > until:
                raise NginxTrouble("workers of the generation before go on answering")
            await asyncio.sleep(_LEAVING_POLL_S)

    async def _reload_or_start(self) -> None:
        master = self._master()
        if master is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(master, signal.SIGHUP)
                return
        await asyncio.to_thread(self._dismiss_orphans)
        code, said = await self._run("-c", f"current/{MAIN}")
        if code != 0:
            raise NginxTrouble(said[:_SAID_CHARS_MOST])

    async def _prove(self, generation: str, log_from: int) -> None:
        until = time.monotonic() + PROOF_S
        async with _asking() as client:
            while (answer := await self._ask(client)) != generation:
                trouble = self._trouble_since(log_from)
                if trouble or time.monotonic() > until:
                    told = f"it serves {answer[:12]}" if answer else "it does not answer"
                    raise NginxTrouble(f"{told}; {trouble or f'nothing else happened for {PROOF_S} s'}")
                await asyncio.sleep(_POLL_S)

    async def _ask(self, client: httpx2.AsyncClient) -> str | None:
        try:
            # A connection of its own each time: an old worker would go on answering on one that is kept.
            answer = await client.get(self._probe, headers={"connection": "close"})
        except httpx2.HTTPError:
            return None
        text = answer.text if answer.status_code == 200 else ""
        return text if _GENERATION.fullmatch(text) else None

    def _log_end(self) -> int:
        try:
            return (self._folder / "logs" / "error.log").stat().st_size
        except OSError:
            return 0

    def _trouble_since(self, begin: int) -> str | None:
        """What nginx wrote of a configuration that it gave up, once it did."""
        if self._log_end() <= begin:
            return None
        with (self._folder / "logs" / "error.log").open("rb") as log:
            log.seek(begin)
            lines = log.read(_LOG_READ_MOST).decode("utf-8", "replace").splitlines()
        fatal = [line for line in lines if "[emerg]" in line]
        if not fatal or (_TRIES_AGAIN in fatal[0] and _GAVE_UP not in fatal[-1]):
            return None
        return self._readable(fatal[0])[:_SAID_CHARS_MOST]

    def _write(self, rendered: Rendered, keys: Mapping[str, tuple[str, str]]) -> None:
        for part in ("generations", "certs", "logs", "tmp"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        for fingerprint, (chain, key) in keys.items():
            for suffix, text in (("pem", chain), ("key", key)):
                file = self._folder / "certs" / f"{fingerprint}.{suffix}"
                if not file.exists():
                    _write_file(file, text)
        folder = self._generation(rendered.generation)
        folder.mkdir(exist_ok=True)
        for name, text in rendered.files.items():
            _write_file(folder / name, text)
        _sync_folder(folder)

    def _point_at(self, generation: str) -> None:
        draft = self._folder / "current.draft"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path("generations") / generation)
        draft.replace(self._folder / "current")
        _sync_folder(self._folder)

    def _prune(self, kept: frozenset[str]) -> None:
        shown: set[str] = set()
        for folder in (self._folder / "generations").iterdir():
            if folder.name in kept or folder.name == self._current():
                shown.update(_SHOWN.findall((folder / SITES).read_text("utf-8")))
            else:
                shutil.rmtree(folder, ignore_errors=True)
        for file in (self._folder / "certs").iterdir():
            if file.stem not in shown:
                file.unlink(missing_ok=True)

    async def _run(self, *arguments: str) -> tuple[int, str]:
        command = (self._program, "-p", f"{self._folder}/", "-e", "logs/error.log", *arguments)
        with _written():
            (self._folder / "logs").mkdir(parents=True, exist_ok=True)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as problem:
            raise NginxTrouble(f"cannot run {self._program}: {problem.strerror}") from problem
        try:
            async with asyncio.timeout(COMMAND_S):
                _, said = await process.communicate()
        except TimeoutError as problem:
            raise NginxTrouble(f"{self._program} did not end within {COMMAND_S} s") from problem
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, self._readable(said.decode("utf-8", "replace"))

    def _readable(self, said: str) -> str:
        """Without where it lies on this machine, which is nobody's business who may only write routes."""
        return said.replace(f"{self._folder}/", "").strip()


def _asking() -> httpx2.AsyncClient:
    # Plain HTTP on this machine: reading every authority's certificate would take longer than all the rest.
    return httpx2.AsyncClient(timeout=_PROBE_S, trust_env=False, verify=False)


def _flavour(code: int, said: str) -> Flavour:
    found = re.search(r"nginx version: [^/]*/(\d+)\.(\d+)\.(\d+)", said)
    if code != 0 or found is None:
        raise NginxTrouble("this program does not say which nginx it is")
    version = (int(found[1]), int(found[2]), int(found[3]))
    if version < _LEAST_VERSION:
        raise NginxTrouble(f"nginx {'.'.join(map(str, _LEAST_VERSION))} or newer is needed")
    if "--with-http_ssl_module" not in said:
        raise NginxTrouble("this nginx was built without TLS")
    parts = (part for part in _TEMP_PARTS if f"--without-http_{part}_module" not in said)
    return Flavour(version, tuple(parts))


@contextlib.contextmanager
def _written() -> Iterator[None]:
    """A disk that is full is trouble of nginx's like any other."""
    try:
        yield
    except OSError as problem:
        raise NginxTrouble(f"its folder cannot be written: {problem.strerror}") from problem


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_file(file: Path, text: str) -> None:
    """Whole or not at all, on disk when this returns, and readable for nobody else."""
    draft = file.with_name(f".{file.name}")
    handle = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with open(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
