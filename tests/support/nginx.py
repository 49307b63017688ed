"""A real nginx in a folder of its own, somebody behind it who tells what they heard, and a way to ask."""

import contextlib
import dataclasses
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monoize.control.projects.drivers.nginx import Nginx
from monoize.control.projects.model.nginx_config import Facts, Listening, RoutedTo
from monoize.control.projects.model.routes import RouteOptions
from support.engines import absent
from support.patience import PATIENCE_S

PROGRAM = "nginx"
STOP_S = 10


def need_nginx() -> None:
    if shutil.which(PROGRAM, path=f"{os.environ['PATH']}:/usr/sbin") is None:
        absent("nginx", "it is not installed")


def spare_ports(count: int) -> list[int]:
    """Ports that nobody had a moment ago, all different."""
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports


def listening() -> Listening:
    return Listening(("127.0.0.1",), *spare_ports(3))


def nginx_settings() -> dict[str, Any]:
    """Of a house whose nginx has ports of its own."""
    need_nginx()
    http_port, https_port, probe_port = spare_ports(3)
    return {
        "nginx": PROGRAM,
        "nginx_listen": ("127.0.0.1",),
        "nginx_http_port": http_port,
        "nginx_https_port": https_port,
        "nginx_probe_port": probe_port,
    }


def stop_nginx(folder: Path) -> None:
    """The nginx of this folder, if one runs, and until it has gone."""
    try:
        pid = int((folder / "nginx.pid").read_text())
        if Path(f"/proc/{pid}/cwd").readlink() != folder.resolve():
            return
        # With its workers: a daemon leads a group of its own. Nothing it holds is worth a farewell.
        os.killpg(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return
    until = time.monotonic() + STOP_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.01)


def workers(folder: Path) -> frozenset[int]:
    """The processes that answer for the nginx of this folder: a reload replaces every one of them."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return frozenset(pid for pid in pids if _is_worker(pid, folder))


def _is_worker(pid: int, folder: Path) -> bool:
    try:
        told, here = Path(f"/proc/{pid}/cmdline").read_bytes(), Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    return told.startswith(b"nginx: worker process") and here == folder.resolve()


@dataclasses.dataclass
class Served:
    """A driver with the ports of its nginx."""

    nginx: Nginx
    listening: Listening
    folder: Path


@contextlib.contextmanager
def own_nginx(folder: Path) -> Iterator[Served]:
    need_nginx()
    ports = listening()
    try:
        yield Served(Nginx(PROGRAM, folder, ports.probe_port), ports, folder)
    finally:
        stop_nginx(folder)


def route(id: int = 1, domain: str = "app.example.com", **changes: Any) -> RoutedTo:
    options = RouteOptions(**changes.pop("options", {}))
    values: dict[str, Any] = {"path": "/", "tls": False, "upstream": "service_1_80"} | changes
    return RoutedTo(id=id, domain=domain, options=options, **values)


def facts(
    *routes: RoutedTo, members: dict[str, list[str]] | None = None, certificates: dict[str, str] | None = None
) -> Facts:
    return Facts(routes, members if members is not None else {"service_1_80": ["127.0.0.1:9"]}, certificates or {})


@dataclasses.dataclass
class Said:
    """What came back through nginx: `heard` is what the one behind it was asked, where they were."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def heard(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    host: str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    body: bytes | None = None,
) -> Said:
    """One request over a connection of its own; ConnectionError where the server just hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as raw:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        connection.sock = tls.wrap_socket(raw, server_hostname=host) if tls else raw
        connection.request(method, path, body, {"Host": host, **(headers or {})})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        text = "" if answer.status == 101 else answer.read().decode()
        connection.close()
        return Said(answer.status, found, text)


class _Telling(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            return
        if self.path == "/drip":
            self._drip()
            return
        self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        name = self.server.server_name_told  # type: ignore[attr-defined]
        text = json.dumps({"name": name, "path": self.path, "method": self.command, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET  # noqa: N815

    def _drip(self) -> None:
        """One event now, and the next only when its reader has said that the first one came."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        self.server.read_first.wait(10)  # type: ignore[attr-defined]
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        return


class Behind(http.server.ThreadingHTTPServer):
    """Somebody who answers behind nginx and tells what they heard."""

    daemon_threads = True

    def __init__(self, name: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Telling)
        self.server_name_told = name
        self.read_first = threading.Event()

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def behind(name: str = "behind", port: int = 0) -> Iterator[Behind]:
    with Behind(name, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
