"""A real Docker engine of one's own: started for a test session, with images made of busybox, gone afterwards.

It has its own folder and socket, no default bridge, and a pool of addresses that other engines on this machine do
not use. Engines share the one firewall of the kernel, and each flushes the chains of the others when it starts: so
all leave it alone, except for one whose rules are what is tested (`has_firewall`). Ports are shown without it.
"""

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx2

from support.engines import absent
from support.patience import PATIENCE_S

_BUSYBOX: Final = Path("/bin/busybox")
_READY_S: Final = 60
_STOPPED_S: Final = 30
_ENTRYPOINT: Final = 'CMD ["httpd", "-f", "-v", "-p", "80", "-h", "/www"]'
_TOOLS: Final = (
    "sh",
    "httpd",
    "sleep",
    "cat",
    "echo",
    "nc",
    "env",
    "id",
    "ls",
    "wget",
    "head",
    "yes",
    "kill",
    "true",
)


class DockerEngine:
    """One dockerd; `stop` and `start` (or `kill`, then `start`) are for tests in which it goes away."""

    def __init__(self, folder: Path, *, has_firewall: bool = False) -> None:
        self.folder = folder
        self._has_firewall = has_firewall
        self.socket = folder / "docker.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None
        self._network = _Network()

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # What a killed one leaves behind keeps the next from starting.
        for left in (self.folder / "docker.pid", self.folder / "run/containerd/containerd.pid"):
            left.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
            deadline = time.monotonic() + _READY_S
            while not self._answers():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"dockerd did not start: {(self.folder / 'log').read_text()[-2000:]}")
                time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of the engine and of its containerd; what runs in containers goes on."""
        self._ended(signal.SIGKILL)
        pid_file = self.folder / "run/containerd/containerd.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.kill(int(pid_file.read_text()), signal.SIGKILL)

    def stop(self) -> None:
        self._ended(signal.SIGTERM)

    def remove(self) -> None:
        """Stop it and take away all it made."""
        if self._process is not None:
            with contextlib.suppress(httpx2.HTTPError):
                self._remove_everything()
            self.stop()
        _unmount(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._network.give_back()

    def import_image(self, name: str, files: dict[str, str] | None = None, changes: Sequence[str] = ()) -> str:
        """An image of busybox that serves /www on port 80; `files` are put beside it. Its id."""
        repo, _, tag = name.rpartition(":")
        query: list[tuple[str, str | int | float | bool | None]] = [("fromSrc", "-"), ("repo", repo), ("tag", tag)]
        query += [("changes", one) for one in changes or (_ENTRYPOINT,)]
        with self._client() as client:
            made = client.post("/images/create", params=query, content=busybox_tar(files or {}), timeout=60)
            made.raise_for_status()
            return str(client.get(f"/images/{name}/json").raise_for_status().json()["Id"])

    def containers(self, *labels: str) -> list[dict[str, object]]:
        """All containers that bear the labels, running or not."""
        filters = '{"label":[' + ",".join(f'"{label}"' for label in labels) + "]}"
        with self._client() as client:
            found = client.get("/containers/json", params={"all": "true", "filters": filters}).raise_for_status()
            return list(found.json())

    def _command(self) -> list[str]:
        return [
            "dockerd",
            *("--data-root", str(self.folder / "root"), "--exec-root", str(self.folder / "run")),
            *("--pidfile", str(self.folder / "docker.pid"), "-H", self.url),
            *("--storage-driver", "overlay2", "--bridge", "none", "--oom-score-adjust", "0"),
            *("--default-address-pool", f"base={self._network.base},size=26"),
            *("--shutdown-timeout", "2"),
            f"--iptables={str(self._has_firewall).lower()}",
        ]

    def _client(self) -> httpx2.Client:
        transport = httpx2.HTTPTransport(uds=str(self.socket))
        return httpx2.Client(transport=transport, base_url="http://engine/v1.41", timeout=PATIENCE_S)

    def _answers(self) -> bool:
        try:
            # httpx forgets to close a socket that it could not connect.
            with socket.socket(socket.AF_UNIX) as tried:
                tried.connect(str(self.socket))
            with self._client() as client:
                return client.get("/_ping").status_code == 200
        except (httpx2.HTTPError, OSError):
            return False

    def _ended(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOPPED_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _remove_everything(self) -> None:
        with self._client() as client:
            for container in client.get("/containers/json", params={"all": "true"}).json():
                client.delete(f"/containers/{container['Id']}", params={"force": "true", "v": "true"})
            for network in client.get("/networks").json():
                if network["Name"] not in ("bridge", "host", "none"):
                    client.delete(f"/networks/{network['Id']}")


class _Network:
    """Where an engine takes its addresses from: one of 10.128.0.0 to 10.255.0.0, which no other engine has."""

    def __init__(self) -> None:
        self._taken = socket.socket(socket.AF_UNIX)
        for second in range(128, 256):
            with contextlib.suppress(OSError):
                # A name that this machine has once, and that is free again when its owner has ended.
                self._taken.bind(f"\0moz-docker-10.{second}")
                self.base = f"10.{second}.0.0/16"
                return
        raise AssertionError("every network for engines is taken")

    def give_back(self) -> None:
        self._taken.close()


class LazyEngine:
    """An engine whose address is known at once, and which is started when somebody first needs it."""

    def __init__(self) -> None:
        self._engine = DockerEngine(Path(tempfile.mkdtemp(prefix="moz-docker-")))
        self.url = self._engine.url
        self._is_started = False

    def needed(self) -> DockerEngine:
        if not self._is_started:
            _check_present()
            self._engine.start()
            self._engine.import_image("busybox:test")
            self._is_started = True
        return self._engine

    def remove(self) -> None:
        self._engine.remove()


def busybox_tar(files: dict[str, str]) -> bytes:
    """A file system of busybox and its names in /bin, an /etc and /www, and `files` by their paths."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        _add(tar, "bin/busybox", _BUSYBOX.read_bytes(), 0o755)
        for tool in _TOOLS:
            link = tarfile.TarInfo(f"bin/{tool}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        usual = {"etc/passwd": "root:x:0:0:root:/:/bin/sh\n", "www/index.html": "ok\n", "tmp/.keep": ""}
        for path, content in (usual | files).items():
            _add(tar, path.removeprefix("/"), content.encode(), 0o755)
    return out.getvalue()


@contextlib.contextmanager
def started(*, has_firewall: bool = False) -> Iterator[DockerEngine]:
    """An engine with the image `busybox:test`; the folder is short, as a socket's path has to be."""
    _check_present()
    engine = DockerEngine(Path(tempfile.mkdtemp(prefix="moz-docker-")), has_firewall=has_firewall)
    try:
        engine.start()
        engine.import_image("busybox:test")
        yield engine
    finally:
        engine.remove()


def _check_present() -> None:
    if shutil.which("dockerd") is None or not _BUSYBOX.exists():
        absent("docker", "dockerd or a static busybox is not installed")


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _unmount(folder: Path) -> None:
    """What a killed engine left mounted under its folder, deepest first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{folder}/")), key=len, reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
