"""A real certificate authority (Debian's pebble), and a DNS of its own in which every name is this machine."""

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from support.engines import absent
from support.nginx import spare_ports
from support.patience import PATIENCE_S
from support.tls import authority_pem, issue

START_S = 20


@dataclasses.dataclass
class Pebble:
    """`trusted` are the certificates by which its own server is known; `dns` answers for every name."""

    directory_url: str
    trusted: Path
    dns: str
    _dns_management: str

    def set_text(self, name: str, text: str) -> None:
        self._tell("set-txt", {"host": f"{name}.", "value": text})

    def clear_text(self, name: str) -> None:
        self._tell("clear-txt", {"host": f"{name}."})

    def _tell(self, what: str, body: dict[str, str]) -> None:
        httpx2.post(f"{self._dns_management}/{what}", json=body, timeout=PATIENCE_S).raise_for_status()


@contextlib.contextmanager
def running_pebble(folder: Path, http_port: int) -> Iterator[Pebble]:
    """It proves domains at `http_port` of this machine."""
    for program in ("pebble", "pebble-challtestsrv"):
        if shutil.which(program) is None:
            absent("pebble", f"{program} is not installed")
    acme, management, dns, dns_management = spare_ports(4)
    pair = issue("localhost")
    (folder / "cert.pem").write_text(pair.chain)
    (folder / "key.pem").write_text(pair.key)
    trusted = folder / "trusted.pem"
    trusted.write_text(authority_pem())
    config = {
        "listenAddress": f"127.0.0.1:{acme}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "cert.pem"),
        "privateKey": str(folder / "key.pem"),
        "httpPort": http_port,
        "tlsPort": 5001,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    names = [
        "pebble-challtestsrv",
        *("-dns01", f"127.0.0.1:{dns}"),
        *("-management", f"127.0.0.1:{dns_management}"),
        *("-http01", ""),
        *("-https01", ""),
        *("-tlsalpn01", ""),
        *("-defaultIPv6", ""),
    ]
    authority = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"]
    env = {**os.environ, "PEBBLE_VA_NOSLEEP": "1"}
    with _running(names, env, dns_management), _running(authority, env, acme):
        url = f"https://localhost:{acme}/dir"
        yield Pebble(url, trusted, f"127.0.0.1:{dns}", f"http://127.0.0.1:{dns_management}")


@contextlib.contextmanager
def _running(command: list[str], env: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_S
        while True:
            assert process.poll() is None and time.monotonic() < until, f"{command[0]} does not start"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()
